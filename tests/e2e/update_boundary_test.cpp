// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/async/one_shot.hpp"
#include "wavs/net/http_server.hpp"
#include "wavs/storage/rocksdb_store.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/manifest_json.hpp"
#include "wavs/types/records.hpp"

#include <set>

namespace wavs::e2e {
namespace {

constexpr unsigned kNodes = 3;
constexpr std::size_t kEvents = 500;

// Where the manifests are. The second one is answered when the test says so, one request at a time,
// so that each node has it at a moment of its own.
class ManifestServer final : public net::HttpHandler {
public:
    explicit ManifestServer(async::Executor executor) : executor_(std::move(executor)) {}

    async::Task<net::Response> on_request(net::Request request) override {
        net::Response response;
        const auto path = request.head.path();
        if (path == "/second") {
            held_.emplace_back(executor_);
            const auto gate = held_.back();
            static_cast<void>(co_await gate.wait());
        }
        response.body = types::to_json(path == "/second" ? second : first);
        co_return response;
    }
    std::size_t asked() const { return held_.size(); }
    void answer(std::size_t request) { held_.at(request).set(true); }

    types::Service first;
    types::Service second;

private:
    async::Executor executor_;
    std::vector<async::OneShot<bool>> held_;
};

// An event's place on its chain: block, log index.
using Place = std::pair<std::uint64_t, std::uint64_t>;

// What a node has made of an event: the payload tells which manifest it ran under.
struct Ran {
    types::EventId event;
    base::Bytes payload;
    types::ServiceDigest revision;
};

class UpdateBoundary : public Scenario {
protected:
    ~UpdateBoundary() override {
        // Before what it answers with goes.
        server_.reset();
    }

    void begin() {
        // The manifest comes when the test lets it, not by a time limit.
        start({.node_env = {{"WAVS_UPDATE_HOLD_SECS", "150"},
                            {"WAVS_FETCH__MANIFEST_TIMEOUT_SECS", "150"}}});
        for (unsigned node = 1; node < kNodes; ++node) {
            must(devnet_->start_node(node));
        }
        server_ = net::HttpServer::listen(context_.get_executor(), timers_, manifests_, {}).value();
        manifests_.first = manifest("first");
        manifests_.second = manifest("second");
        announce("/first");
        for (unsigned node = 0; node < kNodes; ++node) {
            for (const auto* name : {"echo", "simple_aggregator"}) {
                const auto bytes = cli::embedded_component(name).value();
                must(devnet_->upload_component(base::to_bytes(bytes), node));
            }
            must(devnet_->register_service(manifests_.first, node));
            must(devnet_->wait_subscribed(contracts_.trigger, node));
        }
        must(devnet_->anvil().mine_manually());
    }
    // No operator is registered: results are signed and wait, so that all of them can be read.
    types::Service manifest(std::string_view version) {
        auto one = workflow("echo", contracts_);
        one.component.config = {{"version", std::string(version)}};
        return service({{"default", std::move(one)}});
    }
    types::Bytes32 announce(std::string_view path) {
        return must(
            devnet_->anvil().send(devnet_->owner(), contracts_.manager,
                                  cli::set_service_uri_call(server_->url() + std::string(path))));
    }
    /// One transaction; in the next block, behind what was sent before.
    void fire(std::uint64_t count) {
        auto call = chain_evm::encode_call(
            cli::selector_for("addTriggerCount(bytes,uint256)"),
            {chain_evm::AbiValue::string("configvar:version"), chain_evm::AbiValue::uint(count)});
        must(devnet_->anvil().send(devnet_->owner(), contracts_.trigger, std::move(call)));
    }
    void mine_blocks_of(std::uint64_t events, unsigned blocks) {
        for (unsigned i = 0; i < blocks; ++i) {
            fire(events);
            must(devnet_->anvil().mine());
        }
    }
    /// 225 events in blocks before, 25 in the block of the announcement on each side of it, and 100
    /// in blocks behind it. Returns the place of the announcement.
    Place announce_between_events() {
        mine_blocks_of(45, 5);
        fire(25);
        const auto announcement = announce("/second");
        fire(25);
        must(devnet_->anvil().mine());
        mine_blocks_of(50, 2);
        const auto receipt =
            must(devnet_->anvil().wait_mined(announcement, std::chrono::seconds(10)));
        return {receipt.block_number, receipt.logs.at(0).log_index.value()};
    }

    std::size_t done(unsigned node) {
        constexpr std::string_view kName = "\nwavs_events_done_total ";
        const auto page = must(devnet_->node(node).client().expect_success({.target = "/metrics"}));
        const auto at = page.find(kName);
        return at == std::string::npos ? 0 : std::strtoull(&page[at + kName.size()], nullptr, 10);
    }
    void wait_done(unsigned node, std::size_t count) {
        wait_until(fmt::format("node {} has run {} events", node, count),
                   [&] { return done(node) >= count; });
    }
    bool has_second(unsigned node) {
        const auto now =
            must(devnet_->node(node).client().service(manifests_.second.manager)).value();
        return types::service_digest(now) == types::service_digest(manifests_.second);
    }
    std::size_t nodes_with_second() {
        std::size_t count = 0;
        for (unsigned node = 0; node < kNodes; ++node) {
            count += has_second(node) ? 1 : 0;
        }
        return count;
    }

    /// By event id, as the chain has them.
    std::map<types::EventId, Place> events_on_chain() {
        const auto logs = must(devnet_->anvil().rpc().logs(
            {{contracts_.trigger}, {cli::new_trigger_topic()}}, std::uint64_t{0},
            must(devnet_->anvil().rpc().block_number())));
        std::map<types::EventId, Place> out;
        for (const auto& log : logs) {
            types::TriggerAction action;
            action.config = {manifests_.first.id(), id("default"),
                             manifests_.first.workflows.at(id("default")).trigger};
            action.data = chain_evm::to_trigger_data(log, cli::Devnet::chain()).value();
            out.emplace(types::default_event_id(action),
                        Place{log.block_number.value(), log.log_index.value()});
        }
        return out;
    }
    /// All that a node, which has ended, has stored.
    std::vector<Ran> stored_by(unsigned node) {
        const auto store =
            storage::RocksdbStore::open(folder_ / fmt::format("node-{}", node) / "data" / "db")
                .value();
        std::vector<Ran> out;
        const auto entries = store->scan(storage::Keyspace::Results, {}).value();
        for (const auto& entry : entries) {
            const auto result = types::decode_result_record(entry.value).value();
            const auto key = types::event_key(result.event_sequence);
            const auto event = store->get(storage::Keyspace::Events, key).value();
            out.push_back({result.submission.event_id, result.submission.operator_response.payload,
                           types::decode_event_record(event.value()).value().revision});
        }
        return out;
    }
    /// Each event on chain once, and under the manifest of its place.
    void expect_each_once(const std::vector<Ran>& ran, const Place& announcement) {
        const auto events = events_on_chain();
        ASSERT_EQ(events.size(), kEvents);
        EXPECT_EQ(ran.size(), kEvents);
        std::set<types::EventId> seen;
        for (const auto& one : ran) {
            EXPECT_TRUE(seen.insert(one.event).second) << "an event ran twice";
            const auto place = events.find(one.event);
            ASSERT_NE(place, events.end()) << "an event that is not on the chain ran";
            const bool later = place->second > announcement;
            const std::string_view version = later ? "second" : "first";
            EXPECT_THAT(base::as_text(one.payload), ::testing::HasSubstr(version))
                << "block " << place->second.first << ", log " << place->second.second;
            EXPECT_EQ(one.revision,
                      types::service_digest(later ? manifests_.second : manifests_.first));
        }
    }
    void expect_all_agree(const Place& announcement) {
        std::map<types::EventId, base::Bytes> of_first_node;
        for (unsigned node = 0; node < kNodes; ++node) {
            SCOPED_TRACE(fmt::format("node {}", node));
            must(devnet_->stop_node(node));
            const auto ran = stored_by(node);
            expect_each_once(ran, announcement);
            std::map<types::EventId, base::Bytes> payloads;
            for (const auto& one : ran) {
                payloads.emplace(one.event, one.payload);
            }
            if (node == 0) {
                of_first_node = std::move(payloads);
            } else {
                EXPECT_EQ(payloads, of_first_node);
            }
        }
    }

    ManifestServer manifests_{context_.get_executor()};
    std::unique_ptr<net::HttpServer> server_;
};

TEST_F(UpdateBoundary, five_hundred_events_across_an_update) {
    begin();
    const auto announcement = announce_between_events();
    wait_until("every node asks for the manifest", [&] { return manifests_.asked() == kNodes; });
    for (unsigned node = 0; node < kNodes; ++node) {
        wait_done(node, 250);
    }
    for (std::size_t with = 0; with < kNodes; ++with) {
        EXPECT_EQ(nodes_with_second(), with);
        for (unsigned node = 0; node < kNodes; ++node) {
            EXPECT_EQ(done(node) > 250, has_second(node)) << "later events wait for the manifest";
        }
        manifests_.answer(with);
        wait_until("the next node has it", [&] { return nodes_with_second() == with + 1; });
        // For some nodes these are live events, others do not have their manifest yet.
        mine_blocks_of(20, 2);
        for (unsigned node = 0; node < kNodes; ++node) {
            if (has_second(node)) {
                wait_done(node, 375 + 40 * (with + 1));
            }
        }
    }
    mine_blocks_of(5, 1);
    for (unsigned node = 0; node < kNodes; ++node) {
        wait_done(node, kEvents);
    }
    expect_all_agree(announcement);
}

}  // namespace
}  // namespace wavs::e2e
