// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include <gmock/gmock.h>

namespace wavs::http {
namespace {

using base::Error;
using base::ErrorKind;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class EndpointsTest : public ApiTest {
protected:
    void expect_json(std::string_view path, std::string_view body) {
        const auto response = get(path);
        EXPECT_EQ(response.status, 200U) << response.body;
        EXPECT_EQ(header(response, "content-type"), "application/json");
        EXPECT_EQ(response.body, body);
    }
    void expect_error(const net::Response& response, unsigned status, std::string_view text) {
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(response.body, text);
        EXPECT_EQ(header(response, "content-type"),
                  text.empty() ? "" : "text/plain; charset=utf-8");
    }
    static types::ChainKey chain(std::string_view text) {
        return types::ChainKey::parse(text).value();
    }
    std::string saved() { return "/dev/services/" + std::string(kManifestHash); }
};

TEST_F(EndpointsTest, health) {
    node_.health_status.timestamp = types::Timestamp{1'767'225'600'000'000'000};
    expect_json("/health", R"({"timestamp":1767225600,"chains":{}})");
    clock_.advance(std::chrono::seconds(3));
    node_.health_status.chains[chain("evm:31337")] = {};
    node_.health_status.chains[chain("cosmos:x")].error = "[cosmos:x] create client: no";
    expect_json("/health", R"({"timestamp":1767225600,"chains":{"cosmos:x":{"unhealthy":)"
                           R"({"error":"[cosmos:x] create client: no"}},"evm:31337":"healthy"}})");
    clock_.advance(std::chrono::seconds(3));
    node_.health_status.chains.erase(chain("cosmos:x"));
    node_.health_status.chains[chain("evm:31337")].failing_endpoints = {{"ws://a:1", "gone"}};
    expect_json("/health",
                R"({"timestamp":1767225600,"chains":{"evm:31337":"healthy"},)"
                R"("endpoints":{"evm:31337":[{"endpoint":"ws://a:1","error":"gone"}]}})");
    clock_.advance(std::chrono::seconds(3));
    node_.health_status.chains[chain("evm:31337")].failing_endpoints.clear();
    node_.health_status.chains[chain("evm:31337")].warnings = {"account 0x1 has 0 wei"};
    expect_json("/health", R"({"timestamp":1767225600,"chains":{"evm:31337":"healthy"},)"
                           R"("warnings":{"evm:31337":["account 0x1 has 0 wei"]}})");
}

TEST_F(EndpointsTest, config_and_info) {
    expect_json("/config", R"({"port":8000})");
    expect_json("/info", R"({"message":"wavs 0.1.0","version":"0.1.0","protocol":"2.0.0",)"
                         R"("revision":null,"uptime_secs":5})");
}

TEST_F(EndpointsTest, p2p_status) {
    expect_json("/p2p/status",
                R"({"enabled":false,"local_peer_id":null,"listen_addresses":[],)"
                R"("external_addresses":[],"connected_peers":0,"peer_ids":[],)"
                R"("subscribed_topics":[],"topic_peer_counts":{},"topic_mesh_peer_counts":{}})");
    node_.p2p.enabled = true;
    node_.p2p.local_peer_id = "12D3";
    node_.p2p.listen_addresses = {"/ip4/1.2.3.4/tcp/1/p2p/12D3"};
    node_.p2p.peer_ids = {"12D4"};
    node_.p2p.subscribed_topics = {"t"};
    node_.p2p.topic_peer_counts = {{"t", 1}};
    node_.p2p.peers = {{"12D4", -0.1F, "wavs/0.1.0 \"x\"", true}};
    node_.p2p.counters = {{"received", 3}, {"accepted", 2}};
    node_.p2p.pending_publishes = 4;
    node_.p2p.waiting_events = 5;
    node_.p2p.unjudged = 6;
    expect_json("/p2p/status",
                R"({"enabled":true,"local_peer_id":"12D3","listen_addresses":)"
                R"(["/ip4/1.2.3.4/tcp/1/p2p/12D3"],"external_addresses":[],"connected_peers":1,)"
                R"("peer_ids":["12D4"],"subscribed_topics":["t"],"topic_peer_counts":{"t":1},)"
                R"("topic_mesh_peer_counts":{},"peers":[{"peer_id":"12D4","score":-0.1,)"
                R"("agent":"wavs/0.1.0 \"x\"","foreign":true}],"counters":{"received":3,)"
                R"("accepted":2},"pending_publishes":4,"waiting_events":5,"unjudged":6})");
}

TEST_F(EndpointsTest, probes_and_metrics) {
    EXPECT_EQ(get("/livez").body, "ok");
    expect_json("/readyz", R"({"ready":true,"reasons":[]})");
    node_.not_ready = {"trigger streams are connecting"};
    const auto response = get("/readyz");
    EXPECT_EQ(response.status, 503U);
    EXPECT_EQ(response.body, R"({"ready":false,"reasons":["trigger streams are connecting"]})");
    EXPECT_EQ(header(get("/metrics"), "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    EXPECT_EQ(get("/metrics").body, "# HELP x\n");
}

TEST_F(EndpointsTest, a_saved_manifest_registered_listed_and_read) {
    const auto saved_reply = post("/dev/services", kManifest);
    EXPECT_EQ(saved_reply.status, 200U) << saved_reply.body;
    EXPECT_EQ(saved_reply.body, R"({"hash":")" + std::string(kManifestHash) + R"("})");
    expect_json(saved(), kManifest);
    EXPECT_EQ(send(request("POST", saved())).status, 204U);
    expect_json("/services/evm:31337/0x1111111111111111111111111111111111111111", kManifest);
    expect_json("/services/evm%3A31337/1111111111111111111111111111111111111111", kManifest);
    expect_json("/services", R"({"services":[)" + std::string(kManifest) + R"(],"service_ids":[")" +
                                 std::string(kManagerId) + R"("],"component_digests":[]})");
}

TEST_F(EndpointsTest, lists_are_sorted) {
    for (const std::uint8_t first : {std::uint8_t{3}, std::uint8_t{1}, std::uint8_t{2}}) {
        types::ComponentDigest digest;
        digest.array()[0] = first;
        node_.components.insert(digest);
        types::EvmManager manager{chain("evm:1"), {}};
        manager.address.array()[0] = first;
        types::Service service;
        service.manager = manager;
        node_.services.emplace(service.id(), service);
    }
    const auto body = get("/services").body;
    std::vector<std::size_t> places;
    for (const auto& [id, service] : node_.services) {
        places.push_back(body.find(types::to_string(id)));
    }
    for (const auto& digest : node_.components) {
        places.push_back(body.find(types::to_string(digest)));
    }
    EXPECT_TRUE(std::is_sorted(places.begin(), places.end())) << body;
    EXPECT_NE(places.back(), std::string::npos);
}

TEST_F(EndpointsTest, one_service_bad_paths) {
    const std::string base = "/services/";
    expect_error(get(base + "evm/0x11"), 400,
                 "ChainKey must follow the CAIP-2-like format of 'namespace:id'");
    expect_error(get(base + "evm:1/0x11"), 404, "missing chain config for evm:1");
    expect_error(get(base + "evm:31337/xyz"), 400, "odd number of digits");
    expect_error(get(base + "evm:31337/0x11"), 400, "invalid string length");
    expect_error(get(base + "evm:31337/" + std::string(40, 'z')), 400,
                 "invalid character 'z' at position 0");
    expect_error(get(base + "evm:31337/%ff"), 400, "Invalid URL: Invalid UTF-8 in `address`");
    expect_error(get(base + "evm:31337/0x1111111111111111111111111111111111111111"), 404,
                 "Service ID " + std::string(kManagerId) + " has not been set on the http server");
}

TEST_F(EndpointsTest, one_service_on_a_cosmos_chain) {
    types::CosmosChainConfig config;
    config.bech32_prefix = "wasm";
    node_.chains[chain("cosmos:wasmd-1")] = {"wasmd-1", config};
    const std::string base = "/services/cosmos:wasmd-1/";
    expect_error(get(base + "xyz"), 400, "invalid bech32: 'xyz'");
    expect_error(get(base + "cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnrk363e"), 400,
                 R"(Address prefix "cosmos" does not match expected prefix "wasm")");
    expect_error(get(base + "WASM1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNF2Q0CJ"), 404,
                 "Service ID 7b098c81bb5c2efbdaa63c101aea86501e2990e75c1f67a818b15f752e97c3b1 has "
                 "not been set on the http server");
}

TEST_F(EndpointsTest, add) {
    const auto added = post("/services", manager_body());
    EXPECT_EQ(added.status, 204U);
    EXPECT_EQ(added.body, "");
    EXPECT_EQ(post("/services", manager_body().insert(1, R"("hd_index":7,)")).status, 204U);
    ASSERT_EQ(node_.added.size(), 2U);
    EXPECT_EQ(node_.added[0].hd_index, std::nullopt);
    EXPECT_EQ(node_.added[1].hd_index, 7U);
    EXPECT_EQ(types::to_json(node_.added[0].manager), kManager);
}

TEST_F(EndpointsTest, add_failures) {
    const std::vector<std::pair<Error, unsigned>> cases = {
        {{ErrorKind::Conflict, "service_exists", "Service x already registered"}, 409},
        {{ErrorKind::NotFound, "chain_unknown",
          "Config error: Could not get chain config for chain evm:9"},
         400},
        {{ErrorKind::Unavailable, "contract_call", "Alloy contract error: x"}, 502},
        {{ErrorKind::Guest, "component_invalid", "Engine: Compile error: x"}, 400},
        {{ErrorKind::NotFound, "component_missing", "Engine: No wasm found for digest x"}, 400},
        {{ErrorKind::Timeout, "timeout", "too slow"}, 504},
        {{ErrorKind::Bug, "bug", "Submission: failed to create EVM signer for service x: y"}, 500},
    };
    for (const auto& [error, status] : cases) {
        node_.failures.insert_or_assign("add_service", error);
        expect_error(post("/services", manager_body()), status, error.message());
    }
}

TEST_F(EndpointsTest, remove) {
    EXPECT_EQ(post("/services", R"({"service_managers":[]})", "DELETE").status, 204U);
    EXPECT_EQ(node_.calls.count("remove_services"), 0U);
    const std::string two =
        R"({"service_managers":[)" + std::string(kManager) + "," + std::string(kManager) + "]}";
    EXPECT_EQ(post("/services", two, "DELETE").status, 204U);
    EXPECT_EQ(node_.removed.size(), 2U);
    EXPECT_EQ(post("/services", R"({"service_managers":5})", "DELETE").status, 422U);
}

TEST_F(EndpointsTest, signer) {
    expect_error(post("/services/signer", manager_body()), 404,
                 "Submission: missing key for service " + std::string(kManagerId));
    const auto address =
        types::parse_evm_address("0x70997970c51812dc3a010c7d01b50e0d17dc79c8").value();
    node_.signers.emplace(types::parse_service_id(kManagerId).value(), SignerInfo{1, address});
    EXPECT_EQ(post("/services/signer", manager_body()).body,
              R"({"secp256k1":{"hd_index":1,)"
              R"("evm_address":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}})");
}

TEST_F(EndpointsTest, saved_manifest_bad_hashes) {
    const std::string text =
        "Service Hash " + std::string(64, 'a') + " has not been set on the http server";
    const std::string base = "/dev/services/";
    for (const std::string& hash :
         {std::string(64, 'a'), std::string(64, 'A'), "0x" + std::string(64, 'a')}) {
        expect_error(get(base + hash), 404, text);
        expect_error(send(request("POST", base + hash)), 404, text);
    }
    expect_error(get(base + "a"), 400, "odd number of digits");
    expect_error(get(base + "zz"), 400, "invalid string length");
    expect_error(send(request("POST", base + std::string(64, 'z'))), 400,
                 "invalid character 'z' at position 0");
    EXPECT_EQ(node_.calls.count("register_saved"), 0U);
}

TEST_F(EndpointsTest, components) {
    for (const net::Headers& headers :
         {net::Headers{}, net::Headers{{"Content-Type", "application/json"}}}) {
        const auto response = send(request("POST", "/dev/components", headers, "12345"));
        EXPECT_EQ(response.status, 200U);
        EXPECT_EQ(response.body, R"({"digest":")" + std::string(64, '0') + R"("})");
    }
    EXPECT_EQ(node_.uploads, (std::vector<std::size_t>{5, 5}));
    node_.failures.emplace("upload_component", Error(ErrorKind::Guest, "component_invalid",
                                                     "Engine: Compile error: x"));
    expect_error(send(request("POST", "/dev/components", {}, "x")), 400,
                 "Engine: Compile error: x");
}

TEST_F(EndpointsTest, trigger_failures_keep_their_status) {
    const std::string body = R"({"service_id":")" + std::string(kManagerId) +
                             R"(","workflow_id":"default","trigger":"manual",)"
                             R"("data":{"Raw":[]},"wait_for_completion":true})";
    for (const auto& [kind, status] :
         std::vector<std::pair<ErrorKind, unsigned>>{{ErrorKind::NotFound, 404},
                                                     {ErrorKind::Conflict, 409},
                                                     {ErrorKind::Guest, 500},
                                                     {ErrorKind::Timeout, 504}}) {
        node_.failures.insert_or_assign("simulate_trigger", Error(kind, "x", "service is paused"));
        expect_error(post("/dev/triggers", body), status, "service is paused");
    }
}

TEST_F(EndpointsTest, trigger_streams) {
    expect_json("/dev/trigger-streams", R"({"chains":{},"hypercore":{}})");
    ChainStream stream;
    stream.current_endpoint = "ws://127.0.0.1:8545";
    stream.is_connected = true;
    stream.active_subscriptions.emplace("0x1", NewHeadsSubscription());
    stream.active_subscriptions.emplace(
        "0x2", LogsSubscription{{types::EvmAddress()}, {types::Bytes32()}});
    stream.active_subscriptions.emplace("0x3", NewPendingTransactionsSubscription());
    stream.coverage = {12, 11, 1, 2,
                       4,  15, 5, {{types::EvmAddress(), types::Bytes32(), {{3, 8}, {10, 11}}}}};
    stream.endpoints = {{"http://127.0.0.1:1", false, false, 3, "no answer"},
                        {"http://127.0.0.1:2", true, true, 0, std::nullopt}};
    node_.streams.chains.emplace(chain("evm:1"), stream);
    node_.streams.chains.emplace(chain("evm:2"), ChainStream());
    node_.streams.hypercore.emplace("ab", FeedState::Connected);
    expect_json(
        "/dev/trigger-streams",
        R"({"chains":{"evm:1":{"current_endpoint":"ws://127.0.0.1:8545",)"
        R"("is_connected":true,"any_active_rpcs_in_flight":false,"active_subscriptions":)"
        R"({"0x1":"NewHeads","0x2":{"Logs":{"addresses":["0x)" +
            std::string(40, '0') + R"("],"topics":["0x)" + std::string(64, '0') +
            R"("]}},"0x3":"NewPendingTransactions"},"coverage":{"head":12,"covered_to":11,)"
            R"("gap_blocks":1,"reorgs":2,"block_workflows":4,"next_block":15,"pair_count":5,)"
            R"("pairs":[{"address":"0x)" +
            std::string(40, '0') + R"(","topic":"0x)" + std::string(64, '0') +
            R"(","blocks":[[3,8],[10,11]]}]},"endpoints":[{"endpoint":"http://127.0.0.1:1",)"
            R"("in_use":false,"usable":false,"recent_failures":3,"last_error":"no answer"},)"
            R"({"endpoint":"http://127.0.0.1:2","in_use":true,"usable":true,)"
            R"("recent_failures":0,"last_error":null}]},"evm:2":{"current_endpoint":null,)"
            R"("is_connected":false,"any_active_rpcs_in_flight":false,)"
            R"("active_subscriptions":{},"coverage":{"head":0,"covered_to":0,)"
            R"("gap_blocks":0,"reorgs":0,"block_workflows":0,"next_block":null,)"
            R"("pair_count":0,"pairs":[]},"endpoints":[]}},)"
            R"("hypercore":{"ab":"connected"}})");
}

TEST_F(EndpointsTest, key_values) {
    node_.values[std::string(kManagerId) + "|submit-result|a/b"] = base::Bytes{0, 255, 10};
    const std::string base = "/dev/kv/" + std::string(kManagerId);
    const auto response = get(base + "/submit-result/a%2Fb");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(header(response, "content-type"), "application/octet-stream");
    EXPECT_EQ(response.body, std::string("\0\xff\n", 3));
    for (const std::string& path :
         {base + "/submit-result/a",
          "/dev/kv/0x" + std::string(kManagerId) + "/submit-result/a%2Fb",
          std::string("/dev/kv/F1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68/"
                      "submit-result/a%2Fb"),
          std::string("/dev/kv/a/b/c")}) {
        expect_error(get(path), 404, "");
    }
}

TEST_F(EndpointsTest, chains) {
    const auto add = [&](std::string_view key, std::string_view type, std::string_view id) {
        const std::string more =
            type == "evm" ? R"("ws_endpoints":[])"
                          : R"("bech32_prefix":"wasm","gas_price":0.025,"gas_denom":"u")";
        return post("/dev/chains", fmt::format(R"({{"chain":"{}","config":{{"type":"{}",)"
                                               R"("chain_id":"{}",{}}}}})",
                                               key, type, id, more));
    };
    expect_error(add("evm:1337", "evm", "1337"), 200, "");
    expect_error(add("evm:1337", "evm", "1337"), 409, "Chain already exists: evm:1337");
    expect_error(add("evm:1338", "evm", "1337"), 400, "Chain ID mismatch: expected 1338, got 1337");
    expect_error(add("evm:5", "cosmos", "5"), 400,
                 "Namespace for cosmos chain must be evm or dev, got evm");
    expect_error(add("cosmos:5", "evm", "5"), 400,
                 "Namespace for cosmos chain must be cosmos or dev, got cosmos");
    expect_error(add("foo:5", "evm", "5"), 400,
                 "Namespace must be one of cosmos, evm, or dev, got foo");
    expect_error(add("dev:x", "cosmos", "5"), 200, "");
    EXPECT_EQ(node_.added_chains.size(), 2U);
}

TEST_F(EndpointsTest, service_states) {
    ServiceState state;
    state.service = types::parse_service_id(kManagerId).value();
    state.name = "demo";
    state.state = RunState::Degraded;
    state.reason = "one workflow waits";
    state.workflows.push_back({types::WorkflowId(), RunState::WaitingForChain, "evm:9 is unknown"});
    node_.states.push_back(state);
    expect_json("/node/services",
                R"({"services":[{"service_id":")" + std::string(kManagerId) +
                    R"(","name":"demo","state":"degraded","reason":"one workflow waits",)"
                    R"("workflows":{"default":{"state":"waiting_for_chain",)"
                    R"("reason":"evm:9 is unknown"}},"permissions":[],"asks_for_more":null}]})");
}

TEST_F(EndpointsTest, permissions_are_shown_and_agreed_to_by_digest) {
    const std::string digest(64, 'a');
    ServiceState state;
    state.service = types::parse_service_id(kManagerId).value();
    state.state = RunState::Held;
    state.permissions = {"may this"};
    state.asks_for_more = {
        types::parse_service_digest(digest).value(), "http://m/2", false, {"and that", "and more"}};
    node_.states.push_back(state);
    EXPECT_THAT(get("/node/services").body,
                HasSubstr(R"("permissions":["may this"],"asks_for_more":{"digest":")" + digest +
                          R"(","uri":"http://m/2","in_force":false,)"
                          R"("permissions":["and that","and more"]}}]})"));
    const auto path = "/node/permissions/" + digest;
    EXPECT_EQ(send(request("POST", path)).status, 204U);
    EXPECT_THAT(node_.agreed, ElementsAre(state.asks_for_more->digest));
    EXPECT_EQ(send(request("POST", "/node/permissions/aa")).status, 400U);
    EXPECT_EQ(header(get(path), "allow"), "POST");
    node_.failures.emplace("agree_to_permissions",
                           base::Error(base::ErrorKind::NotFound, "nothing_to_agree", "none"));
    EXPECT_EQ(send(request("POST", path)).status, 404U);
    node_.failures.clear();
    node_.failures.emplace("agree_to_permissions",
                           base::Error(base::ErrorKind::Conflict, "update_pending", "newer"));
    EXPECT_EQ(send(request("POST", path)).status, 409U);
    auto remote = request("POST", path);
    remote.head.peer_is_loopback = false;
    EXPECT_EQ(send(std::move(remote)).status, 403U) << "from elsewhere only with a token";
    open(token_options());
    EXPECT_EQ(send(request("POST", path)).status, 401U);
    node_.failures.clear();
    const net::Headers token{{"Authorization", "Bearer " + std::string(kToken)}};
    EXPECT_EQ(send(request("POST", path, token)).status, 204U);
    EXPECT_EQ(node_.agreed.size(), 2U);
}

TEST_F(EndpointsTest, an_operator_answers_for_an_empty_ledger) {
    const auto path = "/node/ledger/" + std::string(kManagerId) + "/accept-empty";
    EXPECT_EQ(send(request("POST", path)).status, 204U);
    EXPECT_THAT(node_.accepted_ledgers, ElementsAre(types::parse_service_id(kManagerId).value()));
    EXPECT_EQ(send(request("POST", "/node/ledger/aa/accept-empty")).status, 400U);
    node_.failures.emplace("accept_empty_ledger",
                           base::Error(base::ErrorKind::Conflict, "ledger_not_missing", "signs"));
    EXPECT_EQ(send(request("POST", path)).status, 409U);
    auto remote = request("POST", path);
    remote.head.peer_is_loopback = false;
    EXPECT_EQ(send(std::move(remote)).status, 403U);
}

TEST_F(EndpointsTest, failed_events_are_listed_run_again_or_given_up) {
    EventInfo event;
    event.sequence = 9;
    event.state = "failed";
    node_.failed.push_back(event);
    EXPECT_THAT(get("/node/events/failed").body, HasSubstr(R"("sequence":9)"));
    EXPECT_EQ(post("/node/events/9/retry", "").status, 204U);
    EXPECT_EQ(post("/node/events/10/skip", "").status, 204U);
    EXPECT_THAT(node_.settled, ElementsAre(::testing::Pair(9U, NodeApi::FailedEvent::Retry),
                                           ::testing::Pair(10U, NodeApi::FailedEvent::Skip)));
    EXPECT_EQ(post("/node/events/nine/skip", "").status, 400U);
    node_.failures.emplace(
        "settle_failed", base::Error(base::ErrorKind::Conflict, "event_not_failed", "it is done"));
    EXPECT_EQ(post("/node/events/9/retry", "").status, 409U);
}

TEST_F(EndpointsTest, struck_components_are_listed_and_let_off) {
    const std::string digest(64, 'a');
    StruckComponent component;
    component.digest = types::parse_component_digest(digest).value();
    component.quarantined = true;
    component.strikes = {{5}, {6}};
    component.services = {types::parse_service_id(kManagerId).value()};
    node_.struck.push_back(component);
    expect_json("/node/quarantine", R"({"components":[{"digest":")" + digest +
                                        R"(","quarantined":true,"strikes":2,"times_ns":[5,6],)"
                                        R"("service_ids":[")" +
                                        std::string(kManagerId) + R"("]}]})");
    EXPECT_EQ(send(request("DELETE", "/node/quarantine/" + digest)).status, 204U);
    EXPECT_THAT(node_.lifted, ElementsAre(component.digest));
    EXPECT_EQ(send(request("DELETE", "/node/quarantine/aa")).status, 400U);
    node_.failures.emplace("lift_quarantine",
                           base::Error(base::ErrorKind::NotFound, "no_strikes", "not held"));
    EXPECT_EQ(send(request("DELETE", "/node/quarantine/" + digest)).status, 404U);
}

TEST_F(EndpointsTest, divergences) {
    expect_json("/node/divergences", R"({"divergences":[]})");
    DivergentEvent event;
    event.service = types::parse_service_id(kManagerId).value();
    event.results.push_back({{}, {}, {1}, "bytes", "0x01", {{{}, "self", {5}}}});
    event.results.push_back({{}, {}, {2}, "bytes", "0x02", {{{}, "12D3", {6}}}});
    event.differences.push_back({"byte 0", 1, "0x01", "0x02"});
    node_.divergent.push_back(event);
    const std::string zero = "0x" + std::string(64, '0');
    const std::string nobody = "0x" + std::string(40, '0');
    const auto result = [&](const std::string& payload, const std::string& by,
                            const std::string& at) {
        return R"({"digest":")" + zero + R"(","ordering":"0x)" + std::string(24, '0') +
               R"(","payload":")" + payload + R"(","form":"bytes","text":")" + payload +
               R"(","signers":[{"address":")" + nobody + R"(","delivered_by":")" + by +
               R"(","received_at_ns":)" + at + "}]}";
    };
    expect_json(
        "/node/divergences",
        R"({"divergences":[{"service_id":")" + std::string(kManagerId) +
            R"(","workflow_id":"default","event_id":")" + nobody + R"(","results":[)" +
            result("0x01", "self", "5") + "," + result("0x02", "12D3", "6") +
            R"(],"differences":[{"place":"byte 0","other":1,"left":"0x01","right":"0x02"}]}]})");
}

TEST_F(EndpointsTest, latest_events) {
    EventInfo event;
    event.sequence = 7;
    event.service = types::parse_service_id(kManagerId).value();
    event.state = "done";
    event.stages.push_back({"event accepted", {5}, "by manual"});
    node_.events.push_back(event);
    event.caused_by = event.event_id;
    event.stages.clear();
    node_.events.push_back(event);
    expect_json("/node/events",
                R"({"events":[{"sequence":7,"event_id":"0x)" + std::string(40, '0') +
                    R"(","service_id":")" + std::string(kManagerId) +
                    R"(","workflow_id":"default","trace_id":")" + std::string(32, '0') +
                    R"(","state":"done","caused_by":null,"stages":[{"stage":"event accepted",)"
                    R"("time_ns":5,"detail":"by manual"}]},{"sequence":7,"event_id":"0x)" +
                    std::string(40, '0') + R"(","service_id":")" + std::string(kManagerId) +
                    R"(","workflow_id":"default","trace_id":")" + std::string(32, '0') +
                    R"(","state":"done","caused_by":"0x)" + std::string(40, '0') +
                    R"(","stages":[]}]})");
}

}  // namespace
}  // namespace wavs::http
