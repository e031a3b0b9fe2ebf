// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/assert.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/transaction.hpp"

// Whatever a contract, a peer's transaction or a journal holds: no crash, and what reads back is
// written back the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace wavs::chain_evm;
    const wavs::base::ByteView bytes(data, size);
    const auto revert = decode_revert(bytes);
    WAVS_ASSERT(revert.text.size() < 8192);
    static_cast<void>(decode_address(bytes).has_value());
    static_cast<void>(decode_uint(bytes, size % 7).has_value());
    static_cast<void>(decode_string(bytes, size % 3).has_value());
    if (const auto call = decode_handle_signed_envelope(bytes); call.has_value()) {
        const auto again =
            encode_handle_signed_envelope(call.value().envelope, call.value().signatures);
        const auto back = decode_handle_signed_envelope(again);
        WAVS_ASSERT(back.has_value());
        WAVS_ASSERT(back.value().envelope == call.value().envelope);
        WAVS_ASSERT(back.value().signatures == call.value().signatures);
    }
    static_cast<void>(parse_signed(bytes).has_value());
    return 0;
}
