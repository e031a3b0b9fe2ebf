// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/handler_policy.hpp"
#include "wavs/aggregator/target.hpp"
#include "wavs/chain_evm/evm_chain.hpp"

namespace wavs::aggregator {

/// Posts through a handler contract on an EVM chain (docs/protocol/05-evm.md 4 to 6, 9).
class EvmTarget final : public Target {
public:
    EvmTarget(chain_evm::EvmChain& chain, std::shared_ptr<const crypto::SecretKey> account,
              telemetry::Metrics* metrics = nullptr)
        : chain_(chain),
          account_(std::move(account)),
          handlers_(chain.key(), chain.config().allowed_handlers, metrics) {}

    async::Task<base::Result<QuorumCheck>> check(CheckRequest request) override;
    async::Task<base::Result<Posted>> post(PostRequest request) override;
    async::Task<base::Result<std::optional<Posted>>> resume(base::Bytes reference,
                                                            OnSigned on_signed) override;
    async::Task<base::Result<std::optional<PostedElsewhere>>> find_posted(
        types::SubmitAction action, types::EventId event, std::uint64_t from_block) override;
    async::Task<base::Result<std::vector<std::string>>> weights(
        types::SubmitAction action, std::vector<types::EvmAddress> signers,
        std::uint32_t reference_block) override;
    async::Task<base::Result<std::uint64_t>> head() override;
    async::Task<base::Result<BlockCount>> blocks_after(std::uint64_t block) override;
    async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp time) override;
    /// What keeps results from being posted and is the operator's to settle.
    std::vector<std::string> warnings() const { return handlers_.warnings(); }

private:
    chain_evm::EvmChain& chain_;
    std::shared_ptr<const crypto::SecretKey> account_;
    HandlerPolicy handlers_;
};

}  // namespace wavs::aggregator
