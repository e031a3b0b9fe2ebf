// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/cli/node_client.hpp"
#include "wavs/cli/node_permissions.hpp"
#include "wavs/cli/node_process.hpp"
#include "wavs/cli/programs.hpp"
#include "wavs/cli/timeline.hpp"
#include "wavs/config/load.hpp"
#include "wavs/net/http_server.hpp"

#include <gmock/gmock.h>

#include <unistd.h>
#include <fstream>

namespace wavs::cli {
namespace {

// A `Result` cannot be made without a value, which the runner needs.
template <typename T>
async::Task<std::optional<T>> hold(async::Task<T> task) {
    co_return std::optional<T>(co_await std::move(task));
}

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Remembers the last request, answers with what it was told.
class Canned final : public net::HttpHandler {
public:
    async::Task<net::Response> on_request(net::Request request) override {
        seen = std::move(request);
        net::Response out;
        out.status = status;
        out.body = body;
        co_return out;
    }
    net::Request seen;
    unsigned status = 200;
    std::string body;
};

class NodeClientTest : public ::testing::Test {
protected:
    template <typename T>
    T run(async::Task<T> task) {
        return *async::testing::run(context_, hold(std::move(task)));
    }
    void answer(unsigned status, std::string body) {
        node_.status = status;
        node_.body = std::move(body);
    }

    boost::asio::io_context context_;
    async::SystemTimers timers_;
    base::SystemClock clock_;
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 1}};
    net::SystemResolver resolver_{threads_.blocking()};
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    Canned node_;
    std::unique_ptr<net::HttpServer> server_ =
        net::HttpServer::listen(context_.get_executor(), timers_, node_, {}).value();
    NodeClient client_{http_, server_->url(), "secret"};
    const types::ServiceManager manager_ = types::EvmManager{
        types::ChainKey::parse("evm:31337").value(),
        types::parse_evm_address("0x1111111111111111111111111111111111111111").value()};
};

TEST_F(NodeClientTest, requests_have_the_form_of_the_protocol) {
    answer(204, "");
    ASSERT_TRUE(run(client_.add_service(manager_, 3)).has_value());
    EXPECT_EQ(node_.seen.head.method, "POST");
    EXPECT_EQ(node_.seen.head.target, "/services");
    EXPECT_EQ(node_.seen.head.headers.find("content-type"), "application/json");
    EXPECT_EQ(node_.seen.head.headers.find("authorization"), "Bearer secret");
    EXPECT_EQ(node_.seen.body, R"({"service_manager":{"evm":{"chain":"evm:31337","address":)"
                               R"("0x1111111111111111111111111111111111111111"}},"hd_index":3})");

    ASSERT_TRUE(run(client_.remove_services({manager_})).has_value());
    EXPECT_EQ(node_.seen.head.method, "DELETE");
    EXPECT_THAT(node_.seen.body, HasSubstr(R"({"service_managers":[{"evm":)"));

    SimulatedTrigger trigger;
    trigger.action.config.trigger = types::ManualTrigger();
    trigger.action.data = types::RawData{{1}};
    ASSERT_TRUE(run(client_.simulate_trigger(trigger)).has_value());
    EXPECT_THAT(node_.seen.body, HasSubstr(R"("trigger":"manual","data":{"Raw":[1]},"count":1,)"
                                           R"("wait_for_completion":true})"));
}

TEST_F(NodeClientTest, replies_are_read) {
    answer(200, R"({"secp256k1":{"hd_index":1,)"
                R"("evm_address":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}})");
    const auto signer = run(client_.signer(manager_));
    ASSERT_TRUE(signer.has_value()) << signer.error().full_text();
    EXPECT_EQ(signer.value().hd_index, 1U);
    EXPECT_EQ(types::to_checksum_string(signer.value().address),
              "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

    answer(200, R"({"services":[],"service_ids":[],"component_digests":[")" + std::string(64, 'a') +
                    R"("]})");
    EXPECT_EQ(run(client_.services()).value().component_digests.size(), 1U);
    answer(200, R"({"digest":")" + std::string(64, 'b') + "\"}");
    EXPECT_EQ(types::to_string(run(client_.upload_component({1, 2})).value()),
              std::string(64, 'b'));
    answer(200, "not json");
    EXPECT_FALSE(run(client_.services()).has_value());
}

TEST_F(NodeClientTest, components_are_let_off_by_their_digest) {
    const std::string digest(64, 'a');
    answer(200, R"({"components":[{"digest":")" + digest +
                    R"(","quarantined":true,"strikes":2,"times_ns":[5,6],"service_ids":[")" +
                    std::string(64, 'b') + R"("]}]})");
    const auto read = read_struck_components(run(client_.quarantine()).value());
    ASSERT_TRUE(read.has_value()) << read.error().full_text();
    ASSERT_EQ(read.value().size(), 1U);
    const auto& one = read.value()[0];
    EXPECT_EQ(types::to_string(one.digest), digest);
    EXPECT_TRUE(one.quarantined);
    EXPECT_EQ(one.strikes.size(), 2U);
    EXPECT_EQ(one.services.size(), 1U);
    answer(204, "");
    ASSERT_TRUE(run(client_.lift_quarantine(one.digest)).has_value());
    EXPECT_EQ(node_.seen.head.method, "DELETE");
    EXPECT_EQ(node_.seen.head.target, "/node/quarantine/" + digest);
}

TEST_F(NodeClientTest, permissions_are_shown_with_what_waits_for_agreement) {
    const std::string digest(64, 'a');
    const std::string service(64, 'b');
    answer(200, R"({"services":[{"service_id":")" + service +
                    R"(","name":"demo","state":"held","reason":"","workflows":{},)"
                    R"("permissions":["this"],"asks_for_more":{"digest":")" +
                    digest +
                    R"(","uri":"http://m","in_force":false,"permissions":["that"]}},)"
                    R"({"service_id":")" +
                    service + R"(","name":"plain","permissions":[],"asks_for_more":null}]})");
    const auto read = read_permissions(run(client_.service_states()).value());
    ASSERT_TRUE(read.has_value()) << read.error().full_text();
    EXPECT_EQ(node_.seen.head.target, "/node/services");
    EXPECT_THAT(permission_lines(read.value()),
                ElementsAre(service + "  demo", "  this",
                            "  the manifest at http://m waits for you and asks for more:",
                            "    that", "  to agree: wavs-cli permissions agree " + digest,
                            service + "  plain", "  no permissions"));
    EXPECT_THAT(permission_lines({}), ElementsAre("this node runs no service"));
    EXPECT_FALSE(read_permissions(R"({"services":[{"name":"x"}]})").has_value());
    answer(204, "");
    ASSERT_TRUE(
        run(client_.agree_to_permissions(read.value()[0].asks_for_more->digest)).has_value());
    EXPECT_EQ(node_.seen.head.method, "POST");
    EXPECT_EQ(node_.seen.head.target, "/node/permissions/" + digest);
}

TEST_F(NodeClientTest, a_stream_watches_only_when_it_is_settled_and_has_both_filters) {
    const std::string address(40, '2');
    const std::string topic(64, '3');
    const auto text = [&](std::string_view connected, std::string_view busy) {
        return fmt::format(
            R"({{"chains":{{"evm:31337":{{"current_endpoint":"ws://127.0.0.1:1","is_connected":{},)"
            R"("any_active_rpcs_in_flight":{},"active_subscriptions":{{"0x1":"NewHeads","0x2":)"
            R"({{"Logs":{{"addresses":["0x{}"],"topics":["0x{}"]}}}}}}}}}},"hypercore":{{}}}})",
            connected, busy, address, topic);
    };
    const auto where = types::parse_evm_address(address).value();
    const auto what = types::parse_bytes32(topic).value();
    const auto stream = [&] {
        return run(client_.trigger_streams())
            .value()
            .at(types::ChainKey::parse("evm:31337").value());
    };
    answer(200, text("true", "false"));
    EXPECT_TRUE(stream().watches(where, what));
    EXPECT_FALSE(stream().watches(where, {}));
    EXPECT_FALSE(stream().watches({}, what));
    answer(200, text("false", "false"));
    EXPECT_FALSE(stream().watches(where, what));
    answer(200, text("true", "true"));
    EXPECT_FALSE(stream().watches(where, what));
}

TEST_F(NodeClientTest, refusals_carry_status_and_body) {
    answer(409, "Service x already registered");
    const auto refused = run(client_.add_service(manager_));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().message(),
              "POST /services: 409 Conflict: Service x already registered");
    EXPECT_EQ(refused.error().kind(), base::ErrorKind::Conflict);

    answer(404, "");
    EXPECT_FALSE(run(client_.kv_read({}, "a/b", "c")).value().has_value());
    EXPECT_THAT(node_.seen.head.target, ::testing::EndsWith("/a%2Fb/c"));
    EXPECT_FALSE(run(client_.service(manager_)).value().has_value());
    EXPECT_FALSE(run(client_.events(1)).value().has_value());
    answer(500, "no");
    EXPECT_FALSE(run(client_.kv_read({}, "a", "b")).has_value());
}

TEST(NodeConfig, is_what_the_node_reads) {
    NodeSetup setup;
    setup.folder = "/tmp/a \"folder\"";
    setup.chain_http_url = "http://127.0.0.1:1";
    setup.chain_ws_url = "ws://127.0.0.1:1";
    setup.signing_mnemonic = "test test test test test test test test test test test junk";
    setup.evm_credential = "0x" + std::string(64, '1');
    setup.log_level = {"info", "engine=debug"};
    setup.extra_config = "[wavs.aggregator]\nsubmit_stagger = 0\n";
    config::Inputs inputs;
    inputs.argv = {"--home", "/h"};
    inputs.read_file = [text = render_config(setup)](const std::filesystem::path& path) {
        return base::Result<std::optional<std::string>>(path == "/h/wavs.toml" ? std::optional(text)
                                                                               : std::nullopt);
    };
    const auto loaded = config::load_node(std::move(inputs));
    EXPECT_THAT(loaded.errors, ElementsAre());
    EXPECT_THAT(loaded.warnings, ElementsAre());
    EXPECT_EQ(loaded.config.data, "/tmp/a \"folder\"/data");
    EXPECT_EQ(loaded.config.port, 0);
    EXPECT_TRUE(loaded.config.dev_endpoints_enabled);
    EXPECT_FALSE(loaded.config.fetch.deny_private_networks);
    EXPECT_THAT(loaded.config.log_level, ElementsAre("info", "engine=debug"));
    EXPECT_EQ(loaded.config.aggregator.submit_stagger, std::chrono::milliseconds(0));
    EXPECT_NE(loaded.config.chains.find(types::ChainKey::parse("evm:31337").value()), nullptr);
}

TEST(NodeConfig, has_a_port_for_peers_only_when_it_has_peers) {
    const auto load = [](const NodeSetup& setup) {
        config::Inputs inputs;
        inputs.argv = {"--home", "/h"};
        inputs.read_file = [text = render_config(setup)](const std::filesystem::path& path) {
            return base::Result<std::optional<std::string>>(
                path == "/h/wavs.toml" ? std::optional(text) : std::nullopt);
        };
        return config::load_node(std::move(inputs));
    };
    NodeSetup setup;
    setup.folder = "/tmp/a";
    setup.chain_http_url = "http://127.0.0.1:1";
    setup.chain_ws_url = "ws://127.0.0.1:1";
    setup.signing_mnemonic = "test test test test test test test test test test test junk";
    setup.evm_credential = "0x" + std::string(64, '1');
    EXPECT_FALSE(std::holds_alternative<config::P2pRemote>(load(setup).config.p2p));

    setup.peers = PeerSetup{4001, {"/ip4/127.0.0.1/tcp/4000"}};
    const auto loaded = load(setup);
    EXPECT_THAT(loaded.errors, ElementsAre());
    EXPECT_THAT(loaded.warnings, ElementsAre());
    const auto& remote = std::get<config::P2pRemote>(loaded.config.p2p);
    EXPECT_EQ(remote.listen_port, 4001);
    EXPECT_THAT(remote.bootstrap_nodes, ElementsAre("/ip4/127.0.0.1/tcp/4000"));
}

TEST_F(NodeClientTest, the_peers_of_a_node_and_what_they_gossip_about) {
    answer(200,
           R"({"enabled":true,"local_peer_id":"me","listen_addresses":["/ip4/127.0.0.1/tcp/1"],)"
           R"("external_addresses":[],"connected_peers":1,"peer_ids":["you"],)"
           R"("topic_peer_counts":{"wavs/a/topic/v1":1},"counters":{"received":2}})");
    const auto peers = run(client_.peers()).value();
    EXPECT_TRUE(peers.enabled);
    EXPECT_EQ(peers.peer_id, "me");
    EXPECT_THAT(peers.listen_addresses, ElementsAre("/ip4/127.0.0.1/tcp/1"));
    EXPECT_THAT(peers.peer_ids, ElementsAre("you"));
    EXPECT_EQ(peers.topic_peers.at("wavs/a/topic/v1"), 1U);
    EXPECT_EQ(peers.counters.at("received"), 2U);
    answer(200, R"({"enabled":false,"local_peer_id":null,"listen_addresses":[],"peer_ids":[]})");
    EXPECT_FALSE(run(client_.peers()).value().enabled);
}

TEST(TimelineText, is_ordered_and_gives_both_durations) {
    Timeline timeline;
    timeline.add({"b", {2'500'000'000}, ""});
    timeline.add({"a", {1'000'000'000}, "x"});
    timeline.add({"c", {2'500'000'000}, ""});
    const auto& stages = timeline.stages();
    ASSERT_EQ(stages.size(), 3U);
    EXPECT_EQ(stages[0].name + stages[1].name + stages[2].name, "abc");
    EXPECT_THAT(timeline.text(), HasSubstr("1.50 s   +1.50 s"));
    EXPECT_THAT(timeline.json(), HasSubstr(R"({"stage":"b","time_ns":2500000000,)"
                                           R"("duration_ms":1500.0,"detail":""})"));
    EXPECT_EQ(duration_text(std::chrono::milliseconds(12)), "12 ms");
}

TEST(TimelineText, node_stages_are_taken_where_they_have_the_known_shape) {
    const auto stages = read_node_stages(
        R"({"events":[{"id":1,"stages":[{"stage":"accepted","time_ns":5,"more":1},{"stage":2},)"
        R"({"stage":"signed","time_ns":6,"detail":"x"}]}]})");
    ASSERT_EQ(stages.size(), 2U);
    EXPECT_EQ(stages[1], (Stage{"signed", {6}, "x"}));
    for (const char* other : {"", "[]", "{}", R"({"events":[]})", R"({"events":[{}]})",
                              R"({"events":{"a":1}})", R"({"events":[{"stages":7}]})"}) {
        EXPECT_TRUE(read_node_stages(other).empty()) << other;
    }
}

TEST(LineLogFile, keeps_the_end_at_hand_and_everything_in_the_file) {
    const auto file =
        std::filesystem::temp_directory_path() / fmt::format("wavs-cli-lines-{}", ::getpid());
    {
        LineLog log(file);
        for (std::size_t i = 0; i < LineLog::kKept + 5; ++i) {
            log.add(fmt::format("line {}", i));
        }
        EXPECT_THAT(log.tail(2), ElementsAre(fmt::format("line {}", LineLog::kKept + 3),
                                             fmt::format("line {}", LineLog::kKept + 4)));
        EXPECT_EQ(log.tail(10'000).size(), LineLog::kKept);
        EXPECT_EQ(log.last_with("line 2").substr(0, 6), "line 2");
        EXPECT_EQ(log.last_with("none"), "");
    }
    std::ifstream in(file);
    std::string first;
    std::getline(in, first);
    EXPECT_EQ(first, "line 0");
    std::filesystem::remove(file);
}

TEST(Programs, are_found_in_path_and_around_this_program) {
    const auto folder =
        std::filesystem::temp_directory_path() / fmt::format("wavs-cli-find-{}", ::getpid());
    const auto bin = folder / "contracts/node_modules/.bin";
    std::filesystem::create_directories(bin);
    std::filesystem::create_directories(folder / "build/x/bin");
    std::filesystem::create_symlink("/bin/true", bin / "anvil");
    ProgramSearch search{folder / "build/x/bin", "/", "/nowhere"};
    EXPECT_EQ(find_anvil(search, {}).value(), (bin / "anvil").string());
    search = {"/nowhere", "/", "/nowhere::" + bin.string()};
    EXPECT_EQ(find_anvil(search, {}).value(), (bin / "anvil").string());
    EXPECT_FALSE(find_wavs(search, {}).has_value());
    EXPECT_EQ(find_wavs(search, "bin/true").value(), "/bin/true");
    EXPECT_FALSE(find_wavs(search, "etc/passwd").has_value());
    std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace wavs::cli
