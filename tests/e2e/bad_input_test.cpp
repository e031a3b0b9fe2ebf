// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/net/child_process.hpp"

#include <fstream>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;

class BadInput : public Scenario {
protected:
    std::pair<unsigned, std::string> post(std::string target, std::string body,
                                          std::string type = "application/json") {
        auto response = must(client().send({.method = "POST",
                                            .target = std::move(target),
                                            .body = std::move(body),
                                            .content_type = std::move(type)}));
        return {response.status, response.body};
    }
    struct Ended {
        int status = 0;
        std::string output;
    };
    /// Runs the node until it ends by itself.
    Ended start_node_with(const std::string& config, std::vector<std::string> arguments = {});
};

BadInput::Ended BadInput::start_node_with(const std::string& config,
                                          std::vector<std::string> arguments) {
    std::ofstream(folder_ / "wavs.toml") << config;
    arguments.insert(arguments.begin(), {"--home", folder_.string()});
    net::ChildOptions options;
    options.program = node_program_;
    options.args = std::move(arguments);
    auto ended = must(net::run_child(context_.get_executor(), timers_, std::move(options),
                                     std::chrono::seconds(60)));
    return {ended.status.code.value_or(-1), ended.out + ended.err};
}

TEST_F(BadInput, bad_input_is_refused_with_a_reason) {
    start();
    const auto manager = R"({"evm":{"chain":"evm:31337","address":")" +
                         types::to_string(contracts_.manager) + R"("}})";
    // Malformed and misshapen manifests.
    EXPECT_THAT(post("/dev/services", "{"), ::testing::Pair(400U, HasSubstr("Failed to parse")));
    EXPECT_THAT(post("/dev/services", R"({"name":"x"})"),
                ::testing::Pair(422U, HasSubstr("workflows")));
    EXPECT_THAT(
        post(
            "/dev/services",
            R"({"name":"x","workflows":{"default":{"trigger":"manual","component":{"source":{"digest":")" +
                std::string(64, '2') +
                R"("}},"submit":{"aggregator":{"component":{"source":{"digest":")" +
                std::string(64, '2') +
                R"("}},"signature_kind":{"algorithm":"bls12381","prefix":null}}}}},"status":"active","manager":)" +
                manager + "}"),
        ::testing::Pair(::testing::_, HasSubstr("newer node")));
    // Components.
    EXPECT_THAT(post("/dev/components", std::string("\0asm\1\0\0\0", 8), "application/wasm"),
                ::testing::Pair(400U, HasSubstr("component")));
    EXPECT_THAT(post("/dev/components", "(component)", "text/plain"),
                ::testing::Pair(400U, ::testing::_));
    const auto limit = std::size_t{64} << 20;  // of a devnet's nodes
    EXPECT_EQ(post("/dev/components", std::string(limit + 1, 'x')).first, 413U);
    // Services: unknown chain, a manager without a URI, an unknown digest, a wrong one.
    EXPECT_THAT(post("/services", R"({"service_manager":{"evm":{"chain":"evm:99","address":")" +
                                      types::to_string(contracts_.manager) + R"("}}})"),
                ::testing::Pair(400U, HasSubstr("Could not get chain config for chain evm:99")));
    EXPECT_EQ(post("/services", R"({"service_manager":)" + manager + "}").first, 502U);
    auto unknown = service({{"default", manual_workflow("echo")}});
    unknown.workflows.at(id("default")).component.source =
        types::DigestSource{types::parse_component_digest(std::string(64, '2')).value()};
    must(devnet_->publish(unknown));
    EXPECT_THAT(post("/services", R"({"service_manager":)" + manager + "}"),
                ::testing::Pair(400U, HasSubstr("No wasm found for digest")));
    auto wrong = unknown;
    wrong.workflows.at(id("default")).component.source =
        types::DownloadSource{devnet_->node().url() + "/info",
                              types::parse_component_digest(std::string(64, '3')).value()};
    must(devnet_->publish(wrong));
    EXPECT_THAT(post("/services", R"({"service_manager":)" + manager + "}"),
                ::testing::Pair(400U, HasSubstr("does not match expected digest")));
    // The node is unimpressed.
    const auto good = service({{"default", workflow("echo", contracts_)}});
    opt_in(good);
    EXPECT_EQ(fire_and_wait(contracts_, "fine"), "fine");
}

TEST_F(BadInput, start_errors_say_what_to_do) {
    const std::string keys =
        "[wavs]\nsigning_mnemonic = \"test test test test test test test test test test test "
        "junk\"\n";
    const auto several =
        start_node_with(keys + "port = 70000\nhealth_check_mode = \"maybe\"\nhost = 5\n");
    EXPECT_EQ(several.status, 2);
    EXPECT_THAT(several.output, HasSubstr("port"));
    EXPECT_THAT(several.output, HasSubstr("health_check_mode"));
    EXPECT_THAT(several.output, HasSubstr("host"));
    EXPECT_THAT(several.output, HasSubstr("wavs.toml:3"));

    const auto no_mnemonic =
        start_node_with("[wavs]\ndata = \"" + (folder_ / "d1").string() + "\"\n");
    EXPECT_NE(no_mnemonic.status, 0);
    EXPECT_THAT(no_mnemonic.output, HasSubstr("signing"));

    const auto unwritable = start_node_with(keys + "data = \"/proc/wavs\"\n");
    EXPECT_EQ(unwritable.status, 1);
    EXPECT_THAT(unwritable.output, HasSubstr("/proc/wavs"));

    start();
    const auto taken =
        start_node_with(keys + "data = \"" + (folder_ / "d2").string() +
                        "\"\nport = " + std::to_string(devnet_->node().port()) + "\n");
    EXPECT_EQ(taken.status, 1);
    EXPECT_THAT(taken.output, HasSubstr(std::to_string(devnet_->node().port())));

    // An RPC endpoint that does not answer is no reason not to start.
    must(devnet_->stop_node());
    const auto dead =
        "[wavs.chains.evm.5]\nws_endpoints = [\"ws://127.0.0.1:9\"]\nhttp_endpoint = "
        "\"http://127.0.0.1:9\"\n";
    const auto reports = start_node_with(keys + "data = \"" + (folder_ / "d3").string() +
                                         "\"\nport = 0\nhealth_check_mode = \"exit\"\n" + dead);
    EXPECT_EQ(reports.status, 1);
    EXPECT_THAT(reports.output, HasSubstr("evm:5"));
}

}  // namespace
}  // namespace wavs::e2e
