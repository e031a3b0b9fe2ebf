// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/response.hpp"
#include "wavs/types/signature_kind.hpp"

namespace wavs::types {

using Ordering = base::FixedBytes<12, struct OrderingTag>;

/// What is signed and posted: docs/protocol/01-values.md 8.
struct Envelope {
    EventId event_id;
    /// Big-endian number in the first 8 bytes, or zero.
    Ordering ordering;
    base::Bytes payload;
    friend bool operator==(const Envelope&, const Envelope&) = default;
};

Ordering make_ordering(std::optional<std::uint64_t> number);
Envelope make_envelope(const EventId& event, const WasmResponse& response);

/// As Solidity's abi.encode(envelope).
base::Bytes abi_encode(const Envelope& envelope);
/// keccak256(abi_encode(envelope)): names the envelope in queues and in the signing ledger.
Bytes32 envelope_digest(const Envelope& envelope);
/// keccak256("\x19Ethereum Signed Message:\n32" and the hash).
Bytes32 eip191_hash(const Bytes32& hash);
/// The 32 bytes that go into ECDSA.
Bytes32 signing_hash(const Bytes32& envelope_digest, const SignatureKind& kind);
inline Bytes32 signing_hash(const Envelope& envelope, const SignatureKind& kind) {
    return signing_hash(envelope_digest(envelope), kind);
}

base::Result<Envelope> read_envelope(const json::Value& value);
void write_json(json::Writer& out, const Envelope& envelope);

}  // namespace wavs::types
