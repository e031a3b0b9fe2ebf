// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/evm_target.hpp"
#include "wavs/async/supervisor.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/chain_evm/evm_chain.hpp"
#include "wavs/dispatcher/ports.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/triggers/trigger_manager.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace wavs::app {

/// Every configured chain with its client: those of the configuration, and those added at run time,
/// which are stored. A chain that cannot be made (no endpoint) is kept with its error and asked
/// nothing. Thread-safe.
class Chains {
public:
    Chains(types::ChainConfigs configured, chain_evm::ChainContext context, storage::Store& store,
           std::shared_ptr<const crypto::SecretKey> account);

    /// Adds what was stored at run time; once, at start.
    base::Result<void> load();
    async::Task<base::Result<void>> add(types::AddChainRequest request);

    std::shared_ptr<const types::ChainConfigs> configs() const;
    std::optional<triggers::ChainLink> link(const types::ChainKey& key) const;
    base::Result<chain_evm::EvmChain*> evm(const types::ChainKey& key) const;

    /// Where an aggregator component's submit action goes.
    async::Task<base::Result<std::shared_ptr<aggregator::Target>>> target(
        types::SubmitAction action);
    async::Task<base::Result<dispatcher::ServiceUri>> service_uri(types::ServiceManager manager);
    async::Task<base::Result<types::SignerCounts>> counts(types::ServiceManager manager,
                                                          types::EvmAddress signer);
    async::Task<std::map<types::ChainKey, chain_evm::ChainHealth>> health();
    /// What keeps results from being posted, or soon will, and is the operator's to settle.
    std::map<types::ChainKey, std::vector<std::string>> warnings() const;
    /// One task per chain that has the account open and its balance read; ends with the read.
    void look_at_balances(async::TaskGroup& tasks);

private:
    struct ManagerOnChain {
        chain_evm::EvmChain* chain;
        types::EvmAddress address;
    };
    base::Result<ManagerOnChain> manager_on_chain(const types::ServiceManager& manager) const;
    struct Chain {
        std::unique_ptr<chain_evm::ChainEvents> events;
        std::unique_ptr<chain_evm::EvmChain> chain;
        std::shared_ptr<aggregator::EvmTarget> target;
        std::optional<base::Error> error;
    };
    void make_locked(const types::ChainKey& key, const types::NamedChainConfig& config);

    chain_evm::ChainContext context_;
    storage::Store& store_;
    std::shared_ptr<const crypto::SecretKey> account_;
    mutable std::mutex mutex_;
    std::shared_ptr<const types::ChainConfigs> configs_;
    std::map<types::ChainKey, Chain> chains_;
};

}  // namespace wavs::app
