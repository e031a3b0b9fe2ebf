// SPDX-License-Identifier: Apache-2.0
// What a manifest grants a component, and what it never can: a whole node, a server on loopback.
#include "scenario.hpp"
#include "wavs/net/http_server.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kDenied = "HTTP-request-denied";

/// GET gives a page, POST gives the body back as the member `json`.
class Site final : public net::HttpHandler {
public:
    async::Task<net::Response> on_request(net::Request request) override {
        ++requests;
        if (request.head.method == "POST") {
            co_return net::Response::text(200, R"({"json":)" + request.body + "}");
        }
        co_return net::Response::text(200, "a page");
    }
    std::atomic<int> requests{0};
};

class PermissionScenario : public Scenario {
protected:
    PermissionScenario()
        : server_(net::HttpServer::listen(threads_.io(), timers_, site_, {}).value()) {}
    ~PermissionScenario() override { run(server_->stop(std::chrono::seconds(1))); }

    void hand_over(const types::Service& service) {
        must(client().register_saved(must(client().save_manifest(service))));
    }
    types::Service manual(std::string_view component, const types::Permissions& granted) {
        auto asked = manual_workflow(component);
        asked.component.permissions = granted;
        return service({{"default", std::move(asked)}});
    }
    types::Permissions hosts(std::vector<std::string> only) {
        types::Permissions out;
        out.allowed_http_hosts = types::OnlyHosts{std::move(only)};
        return out;
    }

    Site site_;
    std::unique_ptr<net::HttpServer> server_;
};

TEST_F(PermissionScenario, scenario_08_evm_permissions) {
    start({.node_env = {{"WAVS_ENGINE__ALLOW_PRIVATE", "127.0.0.1"}}});
    auto asking = workflow("permissions", contracts_);
    asking.component.permissions = hosts({fmt::format("127.0.0.1:{}", server_->port())});
    asking.component.permissions.file_system = true;
    opt_in(service({{"default", asking}}));
    const auto result = fire_and_wait(
        contracts_,
        fmt::format(
            R"({{"get_url":"{0}/page","post_url":"{0}/post","post_data":["hello","world"],"timestamp":1700000000}})",
            server_->url()));
    EXPECT_EQ(
        result,
        fmt::format(
            R"({{"filename":"./responses/1700000000.txt","contents":"a page","filecount":1,"digest":"{}"}})",
            types::to_string(types::digest_of(asking.component.source))));
    EXPECT_EQ(site_.requests, 2);
    for (const auto* line : {"on standard output", "on standard error", "in the log"}) {
        EXPECT_THAT(node_log(), HasSubstr(line));
    }
}

TEST_F(PermissionScenario, scenario_45_permission_denial) {
    start();
    const auto none =
        service({{"default", manual_workflow("net")}, {"files", manual_workflow("probe")}});
    hand_over(none);
    const auto url = server_->url();
    EXPECT_THAT(trigger_by_hand(none, "http GET " + url), HasSubstr(kDenied));
    EXPECT_THAT(trigger_by_hand(none, "tcp 127.0.0.1 80 x"), HasSubstr("access-denied"));
    EXPECT_THAT(trigger_by_hand(none, "udp 127.0.0.1 80 x"), HasSubstr("access-denied"));
    EXPECT_THAT(trigger_by_hand(none, "tcp_name localhost 80 x"),
                HasSubstr("lookup: permanent-resolver-failure"));
    EXPECT_THAT(trigger_by_hand(none, "file:f", "files"), HasSubstr("cannot open the file"));
    EXPECT_EQ(site_.requests, 0);
    EXPECT_EQ(metric("wavs_events_failed_total"), 5);
}

TEST_F(PermissionScenario, a_component_never_reaches_the_node_itself) {
    // All that an operator can allow, and all that a manifest can ask for.
    start({.node_env = {{"WAVS_ENGINE__DENY_PRIVATE_NETWORKS", "false"},
                        {"WAVS_ENGINE__ALLOW_PRIVATE", "127.0.0.0/8,localhost,::1"}}});
    types::Permissions everything{.allowed_http_hosts = types::AllHosts{},
                                  .file_system = true,
                                  .raw_sockets = true,
                                  .dns_resolution = true};
    const auto greedy = manual("net", everything);
    hand_over(greedy);
    EXPECT_EQ(trigger_by_hand(greedy, "http GET " + server_->url()), "") << "loopback is allowed";
    const auto node_url = net::Url::parse(client().base_url()).value();
    for (const auto* host : {"127.0.0.1", "127.8.8.8", "127.1", "0x7f000001", "localhost",
                             "0.0.0.0", "[::ffff:127.0.0.1]"}) {
        EXPECT_THAT(trigger_by_hand(greedy, fmt::format("http DELETE http://{}:{}/services []",
                                                        host, node_url.port)),
                    HasSubstr(kDenied))
            << host;
    }
    EXPECT_THAT(trigger_by_hand(greedy, fmt::format("tcp 127.0.0.1 {} x", node_url.port)),
                HasSubstr("access-denied"));
    EXPECT_THAT(trigger_by_hand(greedy, fmt::format("tcp_name localhost {} x", node_url.port)),
                HasSubstr("access-denied"));
    EXPECT_THAT(node_log(), HasSubstr("it is a port of this node"));
    EXPECT_EQ(trigger_by_hand(greedy, "http GET " + server_->url()), "") << "the service is there";
}

TEST_F(PermissionScenario, a_component_reaches_the_endpoints_of_the_chains) {
    start();
    const auto endpoint = net::Url::parse(devnet_->anvil().http_url()).value();
    const auto asking = manual("net", hosts({fmt::format("{}:{}", endpoint.host, endpoint.port)}));
    hand_over(asking);
    EXPECT_EQ(
        trigger_by_hand(asking, fmt::format("http POST {} {{}}", devnet_->anvil().http_url())), "");
    EXPECT_THAT(trigger_by_hand(asking, "http GET " + server_->url()), HasSubstr(kDenied));
}

TEST_F(PermissionScenario, a_held_update_waits_for_the_operator) {
    start({.node_env = {{"WAVS_PERMISSION_POLICY", "hold"}}});
    const auto old_one = service({{"default", workflow("square", contracts_)}});
    opt_in(old_one);
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":3})"), R"({"y":9})");

    auto asking = service({{"default", workflow("echo", contracts_)}});
    asking.workflows.at(id("default")).component.permissions = hosts({"api.example.com"});
    const auto digest = must(devnet_->publish(asking));
    const auto states = [&] { return must(client().service_states()); };
    wait_until("the update is held", [&] {
        // It is held, too, while it is being fetched.
        return states().find("asks for more than the one in force") != std::string::npos;
    });
    EXPECT_THAT(states(), HasSubstr(R"("state":"held")"));
    EXPECT_THAT(states(), HasSubstr("component: HTTP requests to api.example.com"));
    EXPECT_THAT(states(), HasSubstr("wavs-cli permissions agree " + types::to_string(digest)));
    EXPECT_EQ(metric("wavs_held_updates"), 1);
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":4})"), R"({"y":16})") << "the old version runs";

    must(devnet_->kill_node());
    must(devnet_->restart_node());
    EXPECT_THAT(states(), HasSubstr(R"("state":"held")"));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":5})"), R"({"y":25})") << "also after a restart";

    must(client().agree_to_permissions(digest));
    EXPECT_THAT(states(), HasSubstr(R"("state":"active")"));
    EXPECT_THAT(states(), HasSubstr(R"("asks_for_more":null)"));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":6})"), R"({"x":6})") << "the new version runs";
    EXPECT_EQ(handled_count(contracts_.handler), 4U) << "each event has exactly one result";
}

TEST_F(PermissionScenario, scenario_43_slow_components) {
    start();
    std::map<std::string, types::Workflow> workflows;
    for (const auto* kind : {"async", "sync", "hotloop"}) {
        auto slow = manual_workflow("echo");
        slow.component.config = {{"sleep-ms", "30000"}, {"sleep-kind", kind}};
        slow.component.time_limit_seconds = 1;
        workflows.emplace(kind, std::move(slow));
    }
    const auto slow = service(std::move(workflows));
    auto quick = service({{"quick", manual_workflow("square")}});
    std::get<types::EvmManager>(quick.manager).address = must(devnet_->deploy_contracts()).manager;
    hand_over(slow);
    hand_over(quick);
    for (const auto* kind : {"async", "sync", "hotloop"}) {
        EXPECT_THAT(trigger_by_hand(slow, "x", kind), HasSubstr("time limit of 1000 ms"));
        EXPECT_EQ(trigger_by_hand(quick, R"({"x":2})", "quick"), "");
    }
}

}  // namespace
}  // namespace wavs::e2e
