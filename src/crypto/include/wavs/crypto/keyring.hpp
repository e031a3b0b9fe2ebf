// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/crypto/hd_key.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/submission.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace wavs::crypto {

/// One secp256k1 key with its address. Immutable, so any thread may sign.
class EvmSigner {
public:
    explicit EvmSigner(SecretKey key)
        : key_(std::move(key)), address_(address_of(public_key_of(key_))) {}

    const types::EvmAddress& address() const { return address_; }
    RecoverableSignature sign(const types::Bytes32& digest) const {
        return sign_recoverable(digest, key_);
    }
    /// What travels in a submission.
    types::Signature sign(const types::Envelope& envelope, const types::SignatureKind& kind) const;
    /// The same, for whoever has the envelope's digest already.
    types::Signature sign(const types::Bytes32& envelope_digest,
                          const types::SignatureKind& kind) const;

private:
    SecretKey key_;
    types::EvmAddress address_;
};

/// Whether a credential (mnemonic, or "0x" and a private key) can be used; without showing it.
base::Result<void> check_credential(std::string_view credential);

/// The keys of one credential: m/44'/60'/0'/0/<index> of a mnemonic, or one raw key at index 0.
/// Holds only the parent node, not the phrase. Thread-safe; signers are derived once and live as
/// long as the ring, so callers pass only indices that belong to a service (docs/decisions D-11).
class Keyring {
public:
    static base::Result<Keyring> from_credential(std::string_view credential);
    static base::Result<Keyring> from_mnemonic(std::string_view phrase);
    static Keyring from_key(SecretKey key);

    Keyring(Keyring&&) noexcept;
    Keyring& operator=(Keyring&&) noexcept;
    ~Keyring();

    /// Never null. A raw key has index 0 only.
    base::Result<const EvmSigner*> at(std::uint32_t index) const;

private:
    struct State;
    explicit Keyring(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace wavs::crypto
