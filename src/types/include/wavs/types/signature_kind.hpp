// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/types/json_fwd.hpp"

#include <cstdint>
#include <optional>

namespace wavs::types {

enum class SignatureAlgorithm : std::uint8_t { Secp256k1 };
enum class SignaturePrefix : std::uint8_t { Eip191 };

/// How an envelope is signed. No prefix means the raw hash: it is never filled in by default.
struct SignatureKind {
    SignatureAlgorithm algorithm = SignatureAlgorithm::Secp256k1;
    std::optional<SignaturePrefix> prefix;
    friend bool operator==(const SignatureKind&, const SignatureKind&) = default;
};

/// secp256k1 with EIP-191, what the EVM contracts accept.
inline constexpr SignatureKind kEvmSignatureKind{SignatureAlgorithm::Secp256k1,
                                                 SignaturePrefix::Eip191};

/// An unknown algorithm is `ErrorKind::Unsupported`, code `signature_algorithm`: a newer node may
/// know it.
base::Result<SignatureKind> read_signature_kind(const json::Value& value);
void write_json(json::Writer& out, const SignatureKind& kind);

}  // namespace wavs::types
