// SPDX-License-Identifier: Apache-2.0
#pragma once

// A source of a chain that a test writes block by block, behind a real JSON-RPC endpoint. What the
// link would report, the test reports.

#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/chain_evm/testing/scripted_rpc.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <gmock/gmock.h>

#include <memory>
#include <set>
#include <vector>

namespace wavs::triggers {

/// A chain as vectors. A block's hash is its number and the letter of its branch.
class FakeChain {
public:
    explicit FakeChain(std::uint64_t head) { extend('a', head + 1); }

    struct Block {
        char branch;
        std::size_t logs = 0;
    };
    static types::Bytes32 hash(std::uint64_t number, char branch) {
        types::Bytes32 out;
        out.array().fill(static_cast<std::uint8_t>(branch));
        for (std::size_t i = 0; i < 8; ++i) {
            out.array()[i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
        }
        return out;
    }
    std::uint64_t head() const { return blocks_.size() - 1; }
    types::Bytes32 hash(std::uint64_t number) const {
        return hash(number, blocks_.at(number).branch);
    }

    void extend(char branch, std::uint64_t count = 1) {
        blocks_.insert(blocks_.end(), count, Block{branch});
    }
    void cut(std::uint64_t from) { blocks_.resize(from); }
    /// Blocks from `from` on are another branch's, up to the same head.
    void replace(std::uint64_t from, char branch) {
        const auto count = blocks_.size() - from;
        cut(from);
        extend(branch, count);
    }
    void add_log(std::uint64_t number) { ++blocks_.at(number).logs; }

    chain_evm::BlockHeader header(std::uint64_t number) const {
        chain_evm::BlockHeader out;
        out.number = number;
        out.hash = hash(number);
        out.parent_hash = number == 0 ? types::Bytes32() : hash(number - 1);
        return out;
    }
    chain_evm::EvmLog log(std::uint64_t number, std::size_t index = 0) const {
        chain_evm::EvmLog out;
        out.address = kContract;
        out.topics = {kTopic};
        out.block_number = number;
        out.block_hash = hash(number);
        out.tx_hash = types::Bytes32();
        out.tx_index = 0;
        out.log_index = index;
        return out;
    }

    void serve(chain_evm::testing::ScriptedRpc& node) {
        node.result("eth_chainId", "\"0x1\"");
        node.answers["eth_blockNumber"] = [this](const std::string&) {
            return fmt::format(R"("result":"{:#x}")", head());
        };
        node.answers["eth_getBlockByNumber"] = [this](const std::string& params) {
            const bool latest = params.find("latest") != std::string::npos;
            const auto number = latest ? head() : std::stoull(params.substr(2), nullptr, 16);
            return number > head() ? "\"result\":null" : "\"result\":" + header_json(number);
        };
        node.answers["eth_getBlockByHash"] = [this](const std::string& params) {
            for (std::uint64_t number = 0; number <= head(); ++number) {
                if (params.find(types::to_string(hash(number))) != std::string::npos) {
                    return "\"result\":" + header_json(number);
                }
            }
            return std::string("\"result\":null");
        };
        node.answers["eth_getLogs"] = [this](const std::string& params) {
            return "\"result\":[" +
                   logs_json(bound(params, "fromBlock"), bound(params, "toBlock")) + "]";
        };
    }

    static const types::EvmAddress kContract;
    static const types::Bytes32 kTopic;

private:
    static std::uint64_t bound(const std::string& params, std::string_view name) {
        const auto at = params.find(name);
        return std::stoull(params.substr(params.find("0x", at)), nullptr, 16);
    }
    std::string header_json(std::uint64_t number) const {
        const auto at = header(number);
        return fmt::format(
            R"({{"number":"{:#x}","hash":"{}","parentHash":"{}","timestamp":"0x1"}})", number,
            types::to_string(*at.hash), types::to_string(*at.parent_hash));
    }
    std::string logs_json(std::uint64_t from, std::uint64_t to) const {
        std::string out;
        for (auto number = from; number <= std::min(to, head()); ++number) {
            for (std::size_t i = 0; i < blocks_.at(number).logs; ++i) {
                out += fmt::format(
                    R"({}{{"address":"{}","topics":["{}"],"data":"0x","blockHash":"{}",)"
                    R"("blockNumber":"{:#x}","transactionHash":"{}","transactionIndex":"0x0",)"
                    R"("logIndex":"{:#x}","removed":false}})",
                    out.empty() ? "" : ",", types::to_string(kContract), types::to_string(kTopic),
                    types::to_string(hash(number)), number, types::to_string(types::Bytes32()), i);
            }
        }
        return out;
    }

    std::vector<Block> blocks_;
};
inline const types::EvmAddress FakeChain::kContract = [] {
    types::EvmAddress out;
    out.array().fill(1);
    return out;
}();
inline const types::Bytes32 FakeChain::kTopic = [] {
    types::Bytes32 out;
    out.array().fill(9);
    return out;
}();

class SourceTest : public ::testing::Test {
protected:
    class NumericResolver final : public net::Resolver {
    public:
        async::Task<base::Result<std::vector<std::string>>> resolve(std::string) override {
            co_return std::vector<std::string>{"127.0.0.1"};
        }
    };

    SourceTest() {
        auto made = net::HttpServer::listen(context_.get_executor(), timers_, node_, {});
        server_ = std::move(made.value());
        chain_.serve(node_);
    }
    ~SourceTest() override { stop(); }

    /// The service is watched from the block after the head on.
    void start(std::uint32_t confirmations = 0) {
        types::EvmChainConfig config;
        config.http_endpoint = server_->url();
        config.confirmations = confirmations;
        config.block_timestamp = block_timestamp_;
        events_ = std::make_unique<chain_evm::ChainEvents>(context_.get_executor(), "events", 100);
        batches_ = std::make_unique<TriggerBatches>(context_.get_executor(), "batches", 100);
        auto made = chain_evm::EvmChain::make(
            kKey, {"1", config},
            {context_.get_executor(), {timers_, clock_, resolver_, {}, {}}, http_, random_},
            *events_);
        evm_ = std::move(made.value());
        source_ = std::make_unique<EvmSource>(*evm_, *events_, store_, *batches_, timers_, random_,
                                              metrics_, options_);
        ASSERT_TRUE(source_->load().has_value());
        bool set = false;
        group_ = std::make_unique<async::TaskGroup>(context_.get_executor(), "source");
        group_->spawn("index", set_index(set));
        run_until([&] { return set; });
        group_->spawn("run", loop());
        connect();
    }
    void stop() {
        if (!group_) {
            return;
        }
        bool ended = false;
        async::TaskGroup last(context_.get_executor(), "stop");
        last.spawn("stop", stop_source(ended));
        run_until([&] { return ended; });
        group_.reset();
        source_.reset();
        evm_.reset();
    }
    /// As a start after the process ended: what is stored is what the batches brought.
    void restart(std::uint32_t confirmations = 0) {
        stop();
        start(confirmations);
    }

    virtual void connect() {
        tell(chain_evm::FilterLive{
            {.addresses = {FakeChain::kContract}, .topics = {FakeChain::kTopic}}});
    }
    /// What the link reports, and everything that follows from it.
    void tell(chain_evm::ChainEvent event) {
        ASSERT_TRUE(events_->try_send(std::move(event)).has_value());
        settle();
    }
    void tell_head() { tell(chain_evm::HeadSeen{chain_.header(chain_.head())}); }
    void tell_log(std::uint64_t number) { tell(chain_evm::LogSeen{chain_.log(number)}); }
    /// A block with a log, as the link reports it.
    std::uint64_t mine_event(char branch) {
        chain_.extend(branch);
        chain_.add_log(chain_.head());
        tell_log(chain_.head());
        tell_head();
        return chain_.head();
    }

    // The source waits for real sockets; it is at rest when it has asked nothing for a while.
    void settle() {
        std::size_t calls = 0;
        for (int quiet = 0; quiet < 10;) {
            context_.restart();
            const auto ran = context_.run_one_for(std::chrono::milliseconds(2));
            take_batches();
            quiet = ran > 0 || calls != node_.calls.size() ? 0 : quiet + 1;
            calls = node_.calls.size();
        }
    }
    void advance(base::Duration by) {
        timers_.advance(by);
        settle();
    }
    /// The real link, which polls the endpoint.
    void follow_link() {
        group_->spawn("link", link());
        settle();
    }
    void take_batches() {
        if (take_ == Take::Nothing) {
            return;
        }
        while (auto batch = batches_->try_receive()) {
            largest_batch_ = std::max(largest_batch_, batch->events.size());
            if (lose_batches_) {
                continue;
            }
            if (batch->retraction) {
                retract(*batch->retraction);
            }
            for (const auto& seen : batch->events) {
                if (const auto* tick = std::get_if<types::BlockIntervalData>(&seen.action.data)) {
                    ticks_.push_back({tick->block_height, seen});
                    continue;
                }
                const auto& data = std::get<types::EvmEventData>(seen.action.data);
                standing_.insert({data.block_number, data.block_hash});
                ++delivered_;
            }
            for (const auto& change : batch->changes) {
                changes_.push_back({change, ticks_.size()});
            }
            storage::Batch stored;
            for (const auto& position : batch->positions) {
                if (position.value.empty()) {
                    stored.erase(storage::Keyspace::Coverage, position.key);
                } else {
                    stored.put(storage::Keyspace::Coverage, position.key, position.value);
                }
            }
            ASSERT_TRUE(store_.write_unsynced(stored).has_value());
        }
    }
    // What the journal does.
    void retract(const types::Retraction& retraction) {
        retractions_.push_back(retraction);
        std::erase_if(standing_, [&](const auto& one) {
            return one.first >= retraction.from_block && !retraction.kept.contains(one.second);
        });
    }

    /// Another set of services, as after a registration or an update.
    void set_services(std::vector<types::RegisteredServicePtr> services) {
        services_ = std::move(services);
        bool set = false;
        group_->spawn("index", set_index(set));
        run_until([&] { return set; });
        settle();
    }

    /// The events that stand are those of the chain.
    void expect_events_of_chain(const std::vector<std::uint64_t>& blocks) {
        std::set<std::pair<std::uint64_t, types::Bytes32>> expected;
        for (const auto number : blocks) {
            expected.insert({number, chain_.hash(number)});
        }
        EXPECT_EQ(standing_, expected);
    }

    static inline const types::ChainKey kKey = types::ChainKey::parse("evm:1").value();
    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    base::SeededRandom random_{1};
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
    NumericResolver resolver_;
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    storage::MemoryStore store_;
    chain_evm::testing::ScriptedRpc node_;
    std::unique_ptr<net::HttpServer> server_;
    FakeChain chain_{100};
    std::unique_ptr<chain_evm::ChainEvents> events_;
    std::unique_ptr<TriggerBatches> batches_;
    std::unique_ptr<chain_evm::EvmChain> evm_;
    std::unique_ptr<EvmSource> source_;
    std::vector<types::Retraction> retractions_;
    std::set<std::pair<std::uint64_t, types::Bytes32>> standing_;
    std::size_t delivered_ = 0;
    /// Heights in the order they came, with the event.
    std::vector<std::pair<std::uint64_t, types::SeenEvent>> ticks_;
    /// Announcements, each with the number of ticks before it.
    std::vector<std::pair<types::ServiceUriChange, std::size_t>> changes_;
    BlockOptions options_;
    types::BlockTimestamp block_timestamp_ = types::BlockTimestamp::Absent;
    /// What is registered; the service with the contract's events unless a test says otherwise.
    std::vector<types::RegisteredServicePtr> services_{event_service()};
    std::size_t largest_batch_ = 0;
    enum class Take : std::uint8_t { All, Nothing } take_ = Take::All;
    // What leaves is lost with the process.
    bool lose_batches_ = false;

private:
    static types::RegisteredServicePtr event_service() {
        auto service = std::make_shared<types::RegisteredService>();
        service->service.manager = types::EvmManager{kKey, {}};
        service->service.workflows[types::WorkflowId()].trigger =
            types::EvmEventTrigger{FakeChain::kContract, kKey, FakeChain::kTopic};
        service->id = service->service.id();
        return service;
    }
    async::Task<void> set_index(bool& done) {
        auto index = std::make_shared<const TriggerIndex>(TriggerIndex::build(services_));
        co_await source_->set_index(std::move(index), ++version_);
        done = true;
    }
    async::Task<void> link() { (void)co_await evm_->subscriber().run(); }
    async::Task<void> loop() { (void)co_await source_->run(); }
    async::Task<void> stop_source(bool& done) {
        (void)co_await group_->stop(timers_, std::chrono::seconds(1));
        done = true;
    }
    void run_until(const std::function<bool()>& done) {
        for (int i = 0; i < 5'000 && !done(); ++i) {
            context_.restart();
            context_.run_one_for(std::chrono::milliseconds(1));
        }
        ASSERT_TRUE(done());
    }

    std::unique_ptr<async::TaskGroup> group_;
    std::uint64_t version_ = 0;
};

}  // namespace wavs::triggers
