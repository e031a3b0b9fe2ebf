// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/abi.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kWord = 32;
// Above this many items a call of this protocol is not meant seriously.
constexpr std::size_t kMaxItems = 4096;

base::Error invalid(std::string_view what) {
    return {base::ErrorKind::Invalid, "abi_invalid", fmt::format("invalid ABI data: {}", what)};
}

void put_number(base::Bytes& out, std::uint64_t value) { base::append(out, to_u256(value).view()); }
void put_address(base::Bytes& out, const types::EvmAddress& value) {
    out.resize(out.size() + kWord - value.size());
    base::append(out, value.view());
}
void put_bytes(base::Bytes& out, base::ByteView value) {
    put_number(out, value.size());
    base::append(out, value);
    out.resize(out.size() + (kWord - value.size() % kWord) % kWord);
}

base::Bytes encode_signature_data(const SignatureData& data) {
    base::Bytes signers;
    put_number(signers, data.signers.size());
    for (const auto& signer : data.signers) {
        put_address(signers, signer);
    }
    base::Bytes offsets;
    base::Bytes bodies;
    for (const auto& signature : data.signatures) {
        put_number(offsets, data.signatures.size() * kWord + bodies.size());
        put_bytes(bodies, signature);
    }
    base::Bytes out;
    put_number(out, 3 * kWord);
    put_number(out, 3 * kWord + signers.size());
    put_number(out, data.reference_block);
    base::append(out, signers);
    put_number(out, data.signatures.size());
    base::append(out, offsets);
    base::append(out, bodies);
    return out;
}

base::Bytes put_selector(Selector selector) {
    return {static_cast<std::uint8_t>(selector >> 24), static_cast<std::uint8_t>(selector >> 16),
            static_cast<std::uint8_t>(selector >> 8), static_cast<std::uint8_t>(selector)};
}

base::Bytes encode_signed(Selector selector, const types::Envelope& envelope,
                          const SignatureData& signatures) {
    // `abi_encode` gives the leading offset of a lone tuple; here the tuple has its own.
    const auto whole = types::abi_encode(envelope);
    const auto tuple = base::ByteView(whole).subspan(kWord);
    auto out = put_selector(selector);
    put_number(out, 2 * kWord);
    put_number(out, 2 * kWord + tuple.size());
    base::append(out, tuple);
    base::append(out, encode_signature_data(signatures));
    return out;
}

// A view that never reads past its end; offsets count from its start.
class Reader {
public:
    explicit Reader(base::ByteView data) : data_(data) {}

    base::Result<base::ByteView> word(std::size_t at) const {
        if (at > data_.size() || data_.size() - at < kWord) {
            return invalid("it ends too early");
        }
        return data_.subspan(at, kWord);
    }
    base::Result<U256> number(std::size_t at) const {
        WAVS_TRY(auto bytes, word(at));
        return U256::from(bytes.first<kWord>());
    }
    base::Result<std::size_t> size(std::size_t at) const {
        WAVS_TRY(auto value, number(at));
        const auto small = to_u64(value);
        if (!small || *small > data_.size()) {
            return invalid("an offset or length points past its end");
        }
        return static_cast<std::size_t>(*small);
    }
    base::Result<Reader> follow(std::size_t at) const {
        WAVS_TRY(auto offset, size(at));
        return Reader(data_.subspan(offset));
    }
    base::Result<types::EvmAddress> address(std::size_t at) const {
        WAVS_TRY(auto bytes, word(at));
        const auto padding = bytes.first<12>();
        if (std::any_of(padding.begin(), padding.end(), [](auto b) { return b != 0; })) {
            return invalid("an address has more than 20 bytes");
        }
        return types::EvmAddress::from(bytes.subspan<12, 20>());
    }
    /// Length and content at the start of this view.
    base::Result<base::Bytes> bytes() const {
        WAVS_TRY(auto length, size(0));
        if (length > data_.size() - kWord) {
            return invalid("bytes end too early");
        }
        return base::to_bytes(data_.subspan(kWord, length));
    }
    Reader skip_word() const { return Reader(data_.subspan(kWord)); }

private:
    base::ByteView data_;
};

base::Result<types::Envelope> read_envelope(const Reader& tuple) {
    types::Envelope out;
    WAVS_TRY(auto id, tuple.word(0));
    out.event_id = types::EventId::from(id.first<20>());
    WAVS_TRY(auto ordering, tuple.word(kWord));
    out.ordering = types::Ordering::from(ordering.first<12>());
    WAVS_TRY(auto payload, tuple.follow(2 * kWord));
    WAVS_TRY(out.payload, payload.bytes());
    return out;
}

base::Result<SignatureData> read_signature_data(const Reader& tuple) {
    SignatureData out;
    WAVS_TRY(auto block, tuple.number(2 * kWord));
    const auto small = to_u64(block);
    if (!small || *small > 0xffffffffU) {
        return invalid("the reference block is no uint32");
    }
    out.reference_block = static_cast<std::uint32_t>(*small);
    WAVS_TRY(auto signers, tuple.follow(0));
    WAVS_TRY(auto signer_count, signers.size(0));
    WAVS_TRY(auto signatures, tuple.follow(kWord));
    WAVS_TRY(auto signature_count, signatures.size(0));
    if (signer_count > kMaxItems || signature_count > kMaxItems) {
        return invalid("too many signatures");
    }
    for (std::size_t i = 0; i < signer_count; ++i) {
        WAVS_TRY(auto signer, signers.address((i + 1) * kWord));
        out.signers.push_back(signer);
    }
    const auto heads = signatures.skip_word();
    for (std::size_t i = 0; i < signature_count; ++i) {
        WAVS_TRY(auto place, heads.follow(i * kWord));
        WAVS_TRY(auto signature, place.bytes());
        // One body may be pointed at many times; real signatures are short.
        if (signature.size() > 1024) {
            return invalid("a signature is too long");
        }
        out.signatures.push_back(std::move(signature));
    }
    return out;
}

bool is_utf8(base::ByteView text) {
    std::size_t i = 0;
    while (i < text.size()) {
        const auto lead = text[i];
        const std::size_t more = lead < 0x80                    ? 0
                                 : lead >= 0xc2 && lead <= 0xdf ? 1
                                 : lead >= 0xe0 && lead <= 0xef ? 2
                                 : lead >= 0xf0 && lead <= 0xf4 ? 3
                                                                : 4;
        if (more == 4 || text.size() - i <= more) {
            return false;
        }
        for (std::size_t k = 1; k <= more; ++k) {
            const auto next = text[i + k];
            const unsigned low = k > 1 ? 0x80 : lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
            const unsigned high = k > 1 ? 0xbf : lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
            if (next < low || next > high) {
                return false;
            }
        }
        i += more + 1;
    }
    return true;
}

}  // namespace

SignatureData make_signature_data(std::vector<SignerSignature> signatures,
                                  std::uint32_t reference_block) {
    std::sort(signatures.begin(), signatures.end(),
              [](const auto& a, const auto& b) { return a.signer < b.signer; });
    SignatureData out;
    out.reference_block = reference_block;
    for (auto& item : signatures) {
        out.signers.push_back(item.signer);
        out.signatures.push_back(std::move(item.signature));
    }
    return out;
}

base::Bytes encode_validate(const types::Envelope& envelope, const SignatureData& signatures) {
    return encode_signed(fn::kValidate, envelope, signatures);
}
base::Bytes encode_handle_signed_envelope(const types::Envelope& envelope,
                                          const SignatureData& signatures) {
    return encode_signed(fn::kHandleSignedEnvelope, envelope, signatures);
}

AbiValue AbiValue::address(const types::EvmAddress& value) {
    base::Bytes out;
    put_address(out, value);
    return {false, std::move(out)};
}
AbiValue AbiValue::uint(std::uint64_t value) { return uint(to_u256(value)); }
AbiValue AbiValue::uint(const U256& value) { return {false, base::to_bytes(value.view())}; }
AbiValue AbiValue::word(const types::Bytes32& value) {
    return {false, base::to_bytes(value.view())};
}
AbiValue AbiValue::bytes(base::ByteView value) {
    base::Bytes out;
    put_bytes(out, value);
    return {true, std::move(out)};
}
AbiValue AbiValue::addresses(const std::vector<types::EvmAddress>& values) {
    base::Bytes out;
    put_number(out, values.size());
    for (const auto& value : values) {
        put_address(out, value);
    }
    return {true, std::move(out)};
}
AbiValue AbiValue::uints(const std::vector<U256>& values) {
    base::Bytes out;
    put_number(out, values.size());
    for (const auto& value : values) {
        base::append(out, value.view());
    }
    return {true, std::move(out)};
}

base::Bytes encode_arguments(const std::vector<AbiValue>& arguments) {
    base::Bytes heads;
    base::Bytes tails;
    for (const auto& argument : arguments) {
        if (argument.dynamic()) {
            put_number(heads, arguments.size() * kWord + tails.size());
            base::append(tails, argument.encoded());
        } else {
            base::append(heads, argument.encoded());
        }
    }
    base::append(heads, tails);
    return heads;
}

base::Bytes encode_call(Selector selector, const std::vector<AbiValue>& arguments) {
    auto out = put_selector(selector);
    base::append(out, encode_arguments(arguments));
    return out;
}

Selector selector_of(base::ByteView data) {
    Selector out = 0;
    for (std::size_t i = 0; i < 4 && data.size() >= 4; ++i) {
        out = (out << 8) | data[i];
    }
    return out;
}

base::Result<types::EvmAddress> decode_address(base::ByteView data) {
    return Reader(data).address(0);
}
base::Result<U256> decode_uint(base::ByteView data, std::size_t index) {
    return Reader(data).number(index * kWord);
}
base::Result<base::Bytes> decode_bytes(base::ByteView data, std::size_t index) {
    WAVS_TRY(auto place, Reader(data).follow(index * kWord));
    return place.bytes();
}
base::Result<std::string> decode_string(base::ByteView data, std::size_t index) {
    WAVS_TRY(auto bytes, decode_bytes(data, index));
    if (!is_utf8(bytes)) {
        return invalid("a string is not UTF-8");
    }
    return std::string(base::as_text(bytes));
}

base::Result<SignedEnvelopeCall> decode_handle_signed_envelope(base::ByteView call_data) {
    if (call_data.size() < 4 || selector_of(call_data) != fn::kHandleSignedEnvelope) {
        return invalid("not a call of handleSignedEnvelope");
    }
    const Reader arguments(call_data.subspan(4));
    SignedEnvelopeCall out;
    WAVS_TRY(auto envelope, arguments.follow(0));
    WAVS_TRY(out.envelope, read_envelope(envelope));
    WAVS_TRY(auto signatures, arguments.follow(kWord));
    WAVS_TRY(out.signatures, read_signature_data(signatures));
    return out;
}

}  // namespace wavs::chain_evm
