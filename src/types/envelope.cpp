// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/envelope.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/types/json_read.hpp"

namespace wavs::types {
namespace {

using base::Bytes;
using base::Result;

constexpr std::size_t kWord = 32;

/// A word with a small number at its end.
void append_number(Bytes& out, std::uint64_t value) {
    out.resize(out.size() + kWord - 8);
    for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

/// The bytes and zeros up to the next whole word.
void append_left(Bytes& out, base::ByteView bytes) {
    base::append(out, bytes);
    out.resize((out.size() + kWord - 1) / kWord * kWord);
}

template <typename Fixed>
Result<Fixed> read_fixed(const json::Fields& fields, std::string_view name) {
    WAVS_TRY(const auto value, fields.required(name));
    WAVS_TRY(const auto bytes, json::read_hex_or_array(value));
    if (bytes.size() != Fixed::kSize) {
        return value.shape_error("invalid string length");
    }
    return Fixed::from(std::span<const std::uint8_t, Fixed::kSize>(bytes));
}

}  // namespace

Ordering make_ordering(std::optional<std::uint64_t> number) {
    Ordering out;
    for (std::size_t i = 0; i < 8; ++i) {
        out.array().at(i) = static_cast<std::uint8_t>(number.value_or(0) >> (56 - 8 * i));
    }
    return out;
}

Envelope make_envelope(const EventId& event, const WasmResponse& response) {
    return {event, make_ordering(response.ordering), response.payload};
}

Bytes abi_encode(const Envelope& envelope) {
    constexpr std::size_t kHeadWords = 5;
    constexpr std::uint64_t kEnvelopeOffset = 32;
    constexpr std::uint64_t kPayloadOffset = 96;
    Bytes out;
    out.reserve(kHeadWords * kWord + envelope.payload.size() + kWord);
    append_number(out, kEnvelopeOffset);
    append_left(out, envelope.event_id.view());
    append_left(out, envelope.ordering.view());
    append_number(out, kPayloadOffset);
    append_number(out, envelope.payload.size());
    append_left(out, envelope.payload);
    return out;
}

Bytes32 envelope_digest(const Envelope& envelope) {
    return Bytes32(hash::keccak256(abi_encode(envelope)));
}

Bytes32 eip191_hash(const Bytes32& hash) {
    constexpr std::string_view kPrefix =
        "\x19"
        "Ethereum Signed Message:\n32";
    Bytes image = base::to_bytes(kPrefix);
    base::append(image, hash.view());
    return Bytes32(hash::keccak256(image));
}

Bytes32 signing_hash(const Bytes32& envelope_digest, const SignatureKind& kind) {
    return kind.prefix == SignaturePrefix::Eip191 ? eip191_hash(envelope_digest) : envelope_digest;
}

Result<Envelope> read_envelope(const json::Value& value) {
    WAVS_TRY(const auto fields, json::Fields::of(value, {"eventId", "ordering", "payload"}));
    Envelope out;
    WAVS_TRY(out.event_id, read_fixed<EventId>(fields, "eventId"));
    WAVS_TRY(out.ordering, read_fixed<Ordering>(fields, "ordering"));
    WAVS_TRY(const auto payload, fields.required("payload"));
    WAVS_TRY(out.payload, json::read_hex_or_array(payload));
    return out;
}

void write_json(json::Writer& out, const Envelope& envelope) {
    out.begin_object();
    out.key("eventId");
    out.string(base::hex0x(envelope.event_id.view()));
    out.key("ordering");
    out.string(base::hex0x(envelope.ordering.view()));
    out.key("payload");
    out.string(base::hex0x(envelope.payload));
    out.end_object();
}

}  // namespace wavs::types
