// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/types/submission.hpp"

#include <cstdint>

namespace wavs::submission {

/// Where service keys live: in this process now, in a remote signer later; hence asynchronous.
/// The ledger stands in front of it, so a signer is only asked for what may leave the node.
class Signer {
public:
    virtual ~Signer() = default;
    /// The address of the key with this index.
    virtual async::Task<base::Result<types::EvmAddress>> address(std::uint32_t hd_index) = 0;
    virtual async::Flow<base::Result<types::Signature>> sign(std::uint32_t hd_index,
                                                             types::Bytes32 envelope_digest,
                                                             types::SignatureKind kind) = 0;
};

/// Keys derived from the node's mnemonic (docs/protocol/01-values.md 2). Callable from any
/// executor.
class LocalSigner final : public Signer {
public:
    explicit LocalSigner(crypto::Keyring keyring) : keyring_(std::move(keyring)) {}
    async::Task<base::Result<types::EvmAddress>> address(std::uint32_t hd_index) override;
    async::Flow<base::Result<types::Signature>> sign(std::uint32_t hd_index,
                                                     types::Bytes32 envelope_digest,
                                                     types::SignatureKind kind) override;

private:
    crypto::Keyring keyring_;
};

}  // namespace wavs::submission
