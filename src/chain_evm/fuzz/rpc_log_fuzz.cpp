// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/assert.hpp"
#include "wavs/chain_evm/log.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/chain_evm/rpc_client.hpp"

// JSON of a chain node: logs, headers, quantities.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace wavs::chain_evm;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto chain = wavs::types::ChainKey::parse("evm:1").value();
    if (const auto log = parse_log(text); log.has_value()) {
        const auto trigger = to_trigger_data(log.value(), chain);
        WAVS_ASSERT(!trigger.has_value() || key_of(log.value()).has_value());
    }
    static_cast<void>(parse_header(text).has_value());
    if (const auto number = parse_quantity(text); number.has_value()) {
        WAVS_ASSERT(parse_quantity(quantity(number.value())).value() == number.value());
    }
    static_cast<void>(parse_wei(text).has_value());
    return 0;
}
