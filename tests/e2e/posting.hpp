// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "scenario.hpp"

#include "wavs/aggregator/aggregator.hpp"
#include "wavs/aggregator/evm_target.hpp"
#include "wavs/net/http_server.hpp"
#include "wavs/storage/rocksdb_store.hpp"

#include <atomic>
#include <set>

namespace wavs::e2e {

/// Between node and chain: may keep a request from arriving, or its answer from coming back.
class ChainProxy final : public net::HttpHandler {
public:
    enum class Mode { Pass, KeepRequest, KeepAnswer };

    ChainProxy(net::HttpClient& http, async::Timers& timers) : http_(http), timers_(timers) {}
    async::Task<net::Response> on_request(net::Request request) override;

    /// Requests that name `method` are treated by `mode`; all others pass.
    void set(Mode mode, std::string method);
    std::size_t kept() const { return kept_; }
    std::size_t requests() const { return requests_; }
    std::string target;

private:
    net::HttpClient& http_;
    async::Timers& timers_;
    std::mutex mutex_;
    Mode mode_ = Mode::Pass;
    std::string method_;
    std::atomic<std::size_t> kept_ = 0;
    std::atomic<std::size_t> requests_ = 0;
};

/// A chain, contracts, and the posting half of a node over a store on disk: signed results go in.
/// `crash()` and `restart()` lose everything but the store.
class Posting : public Scenario {
protected:
    ~Posting() override;

    void start_posting();
    void crash();
    void restart();
    /// Stores and hands over `count` results with trigger ids from `first` on, all at once.
    void submit(std::uint64_t first, std::uint64_t count);
    /// Hands over what is stored of them, as a start does.
    void resubmit(std::uint64_t first, std::uint64_t count);
    /// A transaction of the same account that is not ours, in a block.
    void use_nonce_elsewhere();
    types::ResultRecord result(std::uint64_t trigger_id) const;
    types::ResultRecord stored(std::uint64_t trigger_id) const;
    /// How many of those results are stored as posted.
    std::size_t burned(std::uint64_t first, std::uint64_t count);

    /// Transactions that the chain could take into its next block.
    std::uint64_t pending();

    struct Sent {
        std::size_t transactions = 0;
        std::size_t reverted = 0;
        std::set<std::uint64_t> blocks;
    };
    /// What the chain has of transactions to the handler.
    Sent sent_to_handler();

    /// For the chain that `restart()` makes.
    base::Duration receipt_timeout_ = std::chrono::seconds(120);
    class Components;
    crypto::Keyring signers_ =
        crypto::Keyring::from_mnemonic(cli::node_mnemonic(0).value()).value();
    std::shared_ptr<const crypto::SecretKey> wallet_;
    std::unique_ptr<ChainProxy> proxy_;
    std::unique_ptr<net::HttpServer> proxy_server_;
    async::Runtime pipeline_{{.io_threads = 2, .blocking_threads = 1}};
    net::HttpClient pipeline_http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    telemetry::Metrics metrics_;
    std::unique_ptr<aggregator::ComponentRunner> components_;
    std::unique_ptr<storage::RocksdbStore> store_;
    std::unique_ptr<chain_evm::ChainEvents> events_;
    std::unique_ptr<chain_evm::EvmChain> chain_;
    std::shared_ptr<aggregator::Target> target_;
    std::unique_ptr<aggregator::Aggregator> aggregator_;
    types::RegisteredServicePtr service_;
};

}  // namespace wavs::e2e
