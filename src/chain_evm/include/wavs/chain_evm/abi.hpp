// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/chain_evm/numbers.hpp"
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/types/envelope.hpp"
#include "wavs/types/ids.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::chain_evm {

/// Second argument of `validate` and `handleSignedEnvelope`: docs/protocol/05-evm.md 3. The signers
/// ascend by their bytes.
struct SignatureData {
    std::vector<types::EvmAddress> signers;
    std::vector<base::Bytes> signatures;
    std::uint32_t reference_block = 0;
    friend bool operator==(const SignatureData&, const SignatureData&) = default;
};
struct SignerSignature {
    types::EvmAddress signer;
    base::Bytes signature;
};
/// Sorts.
SignatureData make_signature_data(std::vector<SignerSignature> signatures,
                                  std::uint32_t reference_block);

base::Bytes encode_validate(const types::Envelope& envelope, const SignatureData& signatures);
base::Bytes encode_handle_signed_envelope(const types::Envelope& envelope,
                                          const SignatureData& signatures);

/// One argument of a call.
class AbiValue {
public:
    static AbiValue address(const types::EvmAddress& value);
    static AbiValue uint(std::uint64_t value);
    static AbiValue uint(const U256& value);
    static AbiValue word(const types::Bytes32& value);
    static AbiValue bytes(base::ByteView value);
    static AbiValue string(std::string_view value) { return bytes(base::as_bytes(value)); }
    static AbiValue addresses(const std::vector<types::EvmAddress>& values);
    static AbiValue uints(const std::vector<U256>& values);

    bool dynamic() const { return dynamic_; }
    const base::Bytes& encoded() const { return encoded_; }

private:
    AbiValue(bool dynamic, base::Bytes encoded) : dynamic_(dynamic), encoded_(std::move(encoded)) {}
    bool dynamic_;
    base::Bytes encoded_;
};
/// Heads and tails, as after a selector.
base::Bytes encode_arguments(const std::vector<AbiValue>& arguments);
base::Bytes encode_call(Selector selector, const std::vector<AbiValue>& arguments = {});

/// 0 when there are fewer than four bytes.
Selector selector_of(base::ByteView data);

/// Reads what a contract returned or logged, checking every offset and length: any bytes are safe.
/// Error code `abi_invalid`.
base::Result<types::EvmAddress> decode_address(base::ByteView data);
base::Result<U256> decode_uint(base::ByteView data, std::size_t index = 0);
/// One dynamic `bytes` or `string` at argument `index`.
base::Result<base::Bytes> decode_bytes(base::ByteView data, std::size_t index = 0);
/// As `decode_bytes`, and UTF-8.
base::Result<std::string> decode_string(base::ByteView data, std::size_t index = 0);

/// Call data of `handleSignedEnvelope` in a transaction of another operator.
struct SignedEnvelopeCall {
    types::Envelope envelope;
    SignatureData signatures;
};
base::Result<SignedEnvelopeCall> decode_handle_signed_envelope(base::ByteView call_data);

}  // namespace wavs::chain_evm
