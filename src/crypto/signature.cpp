// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/signature.hpp"

#include "context.hpp"
#include "wavs/base/assert.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/types/envelope.hpp"

#include <fmt/format.h>
#include <secp256k1_recovery.h>

#include <algorithm>
#include <array>

namespace wavs::crypto {
namespace {

constexpr std::size_t kCompact = 64;
constexpr std::size_t kUncompressed = 65;
constexpr std::uint8_t kFirstV = 27;

base::Error bad(base::ErrorCode code, std::string message) {
    return base::Error(base::ErrorKind::Invalid, code, std::move(message));
}

PublicKey serialize(const secp256k1_pubkey& point) {
    std::array<std::uint8_t, kUncompressed> bytes{};
    std::size_t size = bytes.size();
    secp256k1_ec_pubkey_serialize(curve(), bytes.data(), &size, &point, SECP256K1_EC_UNCOMPRESSED);
    return PublicKey::from(std::span(bytes).last<kCompact>());
}

base::Result<PublicKey> recover_compact(const types::Bytes32& digest, base::ByteView compact,
                                        int parity) {
    secp256k1_ecdsa_recoverable_signature parsed;
    secp256k1_pubkey point;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(curve(), &parsed, compact.data(),
                                                            parity) != 1) {
        return bad("signature_range", "r or s of the signature is out of range");
    }
    if (secp256k1_ecdsa_recover(curve(), &point, &parsed, digest.data()) != 1) {
        return bad("signature_no_key", "no key could have made the signature");
    }
    return serialize(point);
}

base::Result<void> check_length(base::ByteView signature) {
    if (signature.size() != RecoverableSignature::kSize) {
        return bad("signature_length",
                   fmt::format("the signature has {} bytes, not 65", signature.size()));
    }
    return base::ok();
}

/// Brings s into the lower half; true when it was in the upper one.
base::Result<bool> normalize(std::array<std::uint8_t, kCompact>& compact) {
    secp256k1_ecdsa_signature parsed;
    if (secp256k1_ecdsa_signature_parse_compact(curve(), &parsed, compact.data()) != 1) {
        return bad("signature_range", "r or s of the signature is out of range");
    }
    const bool changed = secp256k1_ecdsa_signature_normalize(curve(), &parsed, &parsed) == 1;
    secp256k1_ecdsa_signature_serialize_compact(curve(), compact.data(), &parsed);
    return changed;
}

std::array<std::uint8_t, kCompact> compact_of(base::ByteView signature) {
    std::array<std::uint8_t, kCompact> compact{};
    std::copy_n(signature.begin(), kCompact, compact.begin());
    return compact;
}

}  // namespace

PublicKey public_key_of(const SecretKey& key) {
    secp256k1_pubkey point;
    WAVS_ASSERT(secp256k1_ec_pubkey_create(curve(), &point, key.reveal().data()) == 1);
    return serialize(point);
}

types::EvmAddress address_of(const PublicKey& key) {
    const auto digest = hash::keccak256(key.view());
    return types::EvmAddress::from(std::span(digest).last<types::EvmAddress::kSize>());
}

RecoverableSignature sign_recoverable(const types::Bytes32& digest, const SecretKey& key) {
    secp256k1_ecdsa_recoverable_signature signature;
    WAVS_ASSERT(secp256k1_ecdsa_sign_recoverable(curve(), &signature, digest.data(),
                                                 key.reveal().data(),
                                                 secp256k1_nonce_function_rfc6979, nullptr) == 1);
    RecoverableSignature out;
    int parity = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(curve(), out.array().data(), &parity,
                                                            &signature);
    // 2 and 3 need an r above the group order: probability below 2^-127.
    WAVS_ASSERT(parity == 0 || parity == 1);
    out.array()[kCompact] = static_cast<std::uint8_t>(kFirstV + parity);
    return out;
}

base::Result<PublicKey> recover(const types::Bytes32& digest, base::ByteView signature) {
    WAVS_TRY(check_length(signature));
    const std::uint8_t v = signature[kCompact];
    if (v != kFirstV && v != kFirstV + 1) {
        return bad("signature_v", fmt::format("v of the signature is {}, not 27 or 28", v));
    }
    auto compact = compact_of(signature);
    WAVS_TRY(const bool high, normalize(compact));
    if (high) {
        return bad("signature_high_s", "s of the signature is in the upper half");
    }
    return recover_compact(digest, compact, v - kFirstV);
}

base::Result<types::EvmAddress> recover_address(const types::Bytes32& digest,
                                                base::ByteView signature) {
    WAVS_TRY(const auto key, recover(digest, signature));
    return address_of(key);
}

base::Result<PublicKey> recover_tolerant(const types::Bytes32& digest, base::ByteView signature) {
    WAVS_TRY(check_length(signature));
    const std::uint8_t v = signature[kCompact];
    if (v > 1 && v != kFirstV && v != kFirstV + 1 && v < 35) {
        return bad("signature_v", fmt::format("v of the signature is {}", v));
    }
    int parity = v <= 1 ? v : (v % 2 == 0 ? 1 : 0);
    auto compact = compact_of(signature);
    WAVS_TRY(const bool high, normalize(compact));
    if (high) {
        parity = 1 - parity;
    }
    return recover_compact(digest, compact, parity);
}

base::Result<types::EvmAddress> signer_of(const types::Submission& submission) {
    const auto digest =
        types::signing_hash(submission.envelope, submission.envelope_signature.kind);
    return recover_address(digest, submission.envelope_signature.data);
}

}  // namespace wavs::crypto
