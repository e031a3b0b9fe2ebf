// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/target.hpp"
#include "wavs/chain_evm/evm_chain.hpp"

namespace wavs::aggregator {

/// Posts through a handler contract on an EVM chain (docs/protocol/05-evm.md 4 to 6).
class EvmTarget final : public Target {
public:
    EvmTarget(chain_evm::EvmChain& chain, std::shared_ptr<const crypto::SecretKey> account)
        : chain_(chain), account_(std::move(account)) {}

    async::Task<base::Result<QuorumCheck>> check(
        types::SubmitAction action, types::Envelope envelope,
        std::vector<types::QueueSignature> signatures) override;
    async::Task<base::Result<Posted>> post(PostRequest request) override;
    async::Task<base::Result<std::optional<Posted>>> resume(base::Bytes reference,
                                                            OnSigned on_signed) override;

private:
    chain_evm::EvmChain& chain_;
    std::shared_ptr<const crypto::SecretKey> account_;
};

}  // namespace wavs::aggregator
