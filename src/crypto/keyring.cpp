// SPDX-License-Identifier: Apache-2.0
#include "wavs/crypto/keyring.hpp"

#include "wavs/crypto/mnemonic.hpp"
#include "wavs/types/envelope.hpp"

#include <map>
#include <mutex>
#include <optional>

namespace wavs::crypto {

types::Signature EvmSigner::sign(const types::Envelope& envelope,
                                 const types::SignatureKind& kind) const {
    return sign(types::envelope_digest(envelope), kind);
}

types::Signature EvmSigner::sign(const types::Bytes32& envelope_digest,
                                 const types::SignatureKind& kind) const {
    const auto signature = sign(types::signing_hash(envelope_digest, kind));
    return {.data = base::to_bytes(signature.view()), .kind = kind};
}

base::Result<void> check_credential(std::string_view credential) {
    if (credential.starts_with("0x")) {
        WAVS_TRY(SecretKey::from_hex(credential));
        return base::ok();
    }
    return check_mnemonic(credential);
}

struct Keyring::State {
    /// None for a raw key: then `signers` holds index 0 from the start.
    std::optional<HdKey> parent;
    std::mutex mutex;
    std::map<std::uint32_t, EvmSigner> signers;
};

Keyring::Keyring(std::unique_ptr<State> state) : state_(std::move(state)) {}
Keyring::Keyring(Keyring&&) noexcept = default;
Keyring& Keyring::operator=(Keyring&&) noexcept = default;
Keyring::~Keyring() = default;

base::Result<Keyring> Keyring::from_credential(std::string_view credential) {
    if (credential.starts_with("0x")) {
        WAVS_TRY(auto key, SecretKey::from_hex(credential));
        return from_key(std::move(key));
    }
    return from_mnemonic(credential);
}

base::Result<Keyring> Keyring::from_mnemonic(std::string_view phrase) {
    WAVS_TRY(const auto seed, seed_from_mnemonic(phrase));
    WAVS_TRY(const auto master, HdKey::master(seed.reveal()));
    WAVS_TRY(auto parent, master.derive(kEthereumPath));
    auto state = std::make_unique<State>();
    state->parent.emplace(std::move(parent));
    return Keyring(std::move(state));
}

Keyring Keyring::from_key(SecretKey key) {
    auto state = std::make_unique<State>();
    state->signers.emplace(0, EvmSigner(std::move(key)));
    return Keyring(std::move(state));
}

base::Result<const EvmSigner*> Keyring::at(std::uint32_t index) const {
    const std::lock_guard lock(state_->mutex);
    const auto known = state_->signers.find(index);
    if (known != state_->signers.end()) {
        return &known->second;
    }
    if (!state_->parent.has_value()) {
        return base::Error(base::ErrorKind::Invalid, "hd_index_of_raw_key",
                           "HD index must be zero when using a private key (use mnemonic instead)",
                           "configure a mnemonic");
    }
    if (index >= HdKey::kHardened) {
        return base::Error(base::ErrorKind::Invalid, "hd_index", "an HD index is below 2147483648");
    }
    WAVS_TRY(auto node, state_->parent->child(index));
    const auto added = state_->signers.emplace(index, EvmSigner(std::move(node).take_key()));
    return &added.first->second;
}

}  // namespace wavs::crypto
