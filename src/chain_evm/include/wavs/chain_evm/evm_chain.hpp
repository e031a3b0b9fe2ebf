// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/health.hpp"
#include "wavs/chain_evm/posted_scan.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/chain_evm/rpc_pool.hpp"
#include "wavs/chain_evm/service_manager.hpp"
#include "wavs/chain_evm/subscription.hpp"
#include "wavs/chain_evm/tx_manager.hpp"
#include "wavs/types/chain_config.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace wavs::chain_evm {

/// What all chains of a node share. The references must outlive the chains.
struct ChainContext {
    async::Executor io;
    net::DialContext dial;
    net::HttpClient& http;
    base::RandomSource& random;
    telemetry::Metrics* metrics = nullptr;
    /// For the records of transactions; without it nothing can be sent.
    storage::Store* store = nullptr;
    /// After it a transaction that is in no block is sent again or replaced.
    base::Duration receipt_timeout = std::chrono::seconds(120);
};

/// One configured EVM chain: its client, its subscriber, its accounts. Owned by the composition
/// root. Thread-safe.
class EvmChain {
public:
    /// `missing_endpoint` when the configuration has neither kind of endpoint. `events` gets what
    /// the subscriber sees.
    static base::Result<std::unique_ptr<EvmChain>> make(types::ChainKey key,
                                                        types::NamedChainConfig config,
                                                        ChainContext context, ChainEvents& events);

    const types::ChainKey& key() const { return key_; }
    const types::EvmChainConfig& config() const { return *config_.evm(); }
    /// The id the chain calls itself, when it is a number.
    std::optional<std::uint64_t> chain_id() const { return chain_id_; }

    /// Of all endpoints: each call goes to the best one, and on to the next when that fails.
    RpcClient client() const { return client_; }
    /// Of the best endpoint alone: for calls whose answers must fit together. Made anew for each
    /// such series, for it does not go on when its endpoint fails.
    RpcClient steady_client() const { return RpcClient(pool_->steady()); }
    std::vector<EndpointState> endpoints() const { return pool_->state(); }
    ServiceManagerClient service_managers() const { return managers_; }
    /// Finds what other operators posted.
    PostedScan& posted() { return posted_; }
    /// Number of the newest block; one call for all who ask within 200 ms.
    async::Task<base::Result<std::uint64_t>> head() { co_return co_await managers_.head(); }
    /// The newest block that is not later: see `find_block_at`.
    async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp time);
    WsSubscriber& subscriber() { return *subscriber_; }
    const std::shared_ptr<LogWindow>& window() const { return window_; }

    /// The one manager of this account, made at the first call: checks `eth_chainId` then and takes
    /// over what the account has on its way.
    async::Task<base::Result<std::shared_ptr<TxManager>>> transactions(
        std::shared_ptr<const crypto::SecretKey> account);
    /// A block was seen: the accounts look for their receipts, and what was read before is old.
    void on_head();
    /// The chain replaced blocks.
    void on_reorganisation();
    const base::Clock& clock() const { return context_.dial.clock; }

    async::Task<ChainHealth> health(HealthLimits limits = {});
    /// What keeps transactions from leaving, or soon will, and is the operator's to settle.
    std::vector<std::string> warnings() const;

private:
    base::Result<std::shared_ptr<Spending>> spending();
    std::shared_ptr<TxManager> find_account(const types::EvmAddress& address);
    EvmChain(types::ChainKey key, types::NamedChainConfig config, ChainContext context,
             std::shared_ptr<RpcPool> pool);

    types::ChainKey key_;
    types::NamedChainConfig config_;
    ChainContext context_;
    std::optional<std::uint64_t> chain_id_;
    std::shared_ptr<RpcPool> pool_;
    RpcClient client_;
    ServiceManagerClient managers_;
    PostedScan posted_;
    std::shared_ptr<LogWindow> window_;
    std::unique_ptr<WsSubscriber> subscriber_;
    async::Mutex opening_;
    /// Made with the first account.
    std::shared_ptr<Spending> spending_;
    mutable std::mutex mutex_;
    std::map<types::EvmAddress, std::shared_ptr<TxManager>> accounts_;
};

}  // namespace wavs::chain_evm
