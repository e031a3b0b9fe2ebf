// SPDX-License-Identifier: Apache-2.0
#include "fake_inputs.hpp"
#include "wavs/config/config_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

namespace wavs::config {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string source_file(const std::string& name) {
    std::ifstream file(std::string(WAVS_SOURCE_DIR) + "/" + name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(Docs, committed_file_is_what_the_table_says) {
    if (std::getenv("WAVS_UPDATE_DOCS") != nullptr) {
        std::ofstream(std::string(WAVS_SOURCE_DIR) + "/docs/config.md") << render_docs();
    }
    EXPECT_TRUE(source_file("docs/config.md") == render_docs())
        << "run: WAVS_UPDATE_DOCS=1 wavs_config_tests --gtest_filter='Docs.*'";
}

TEST(Docs, flags_are_unique) {
    std::set<std::string> seen;
    std::istringstream help(node_help());
    for (std::string line; std::getline(help, line);) {
        const auto start = line.find("--");
        if (line.starts_with("  ") && start != std::string::npos && start < 8) {
            const auto flag = line.substr(start, line.find(' ', start) - start);
            EXPECT_TRUE(seen.insert(flag).second) << flag;
        }
    }
    EXPECT_GT(seen.size(), 60U);
}

TEST(Example, loads_without_a_word) {
    auto fake = with_toml(source_file("config/wavs.toml"));
    fake.environment.clear();
    const auto loaded = fake.node();
    EXPECT_EQ(joined(loaded.errors) + joined(loaded.warnings), "");
    EXPECT_EQ(loaded.config.chains.all().size(), 1U);
    const auto cli = fake.cli();
    EXPECT_EQ(joined(cli.errors) + joined(cli.warnings), "");
}

TEST(PrintConfig, shows_values_with_their_source) {
    auto fake = with_toml(
        "[wavs]\nport = 3\n[default.chains.evm.1]\nws_endpoints = [\"wss://u:p@h:1/KEY?k=KEY\", "
        "\"wss://g/KEY\"]\n");
    fake.environment["WAVS_HOST"] = "localhost";
    fake.argv = {"--wasm-threads", "2", "--print-config"};
    const auto loaded = fake.node();
    EXPECT_EQ(loaded.action, Action::PrintConfig);
    const auto text = print_config(loaded.settings);
    EXPECT_THAT(text, HasSubstr("port = 3  # /w/wavs.toml:2\n"));
    EXPECT_THAT(text, HasSubstr("host = \"localhost\"  # WAVS_HOST\n"));
    EXPECT_THAT(text, HasSubstr("wasm_threads = 2  # --wasm-threads\n"));
    EXPECT_THAT(text, HasSubstr("max_execution_seconds = 300  # default\n"));
    EXPECT_THAT(text, HasSubstr("# jaeger = none  # default; no effect in this version\n"));
    EXPECT_THAT(text, HasSubstr("permission_policy = \"accept\"  # default\n"));
    EXPECT_THAT(text, HasSubstr("signing_mnemonic = \"<redacted>\"  # WAVS_SIGNING_MNEMONIC\n"));
    EXPECT_THAT(text, HasSubstr("chains.evm.1.ws_endpoints = [\"wss://h:1\", \"wss://g\"]"));
    EXPECT_THAT(text, HasSubstr("p2p = \"disabled\"  # default\n"));
    EXPECT_THAT(text, Not(HasSubstr("KEY?")));
}

TEST(ConfigJson, members_in_the_order_of_the_protocol) {
    const auto loaded = with_toml(R"([wavs]
port = 8100
data = "data"
dev_endpoints_enabled = true
aggregator_evm_credential = "0x1"
[default.chains.evm.31337]
ws_endpoints = ["ws://127.0.0.1:8645"]
http_endpoint = "http://u:p@127.0.0.1:8645/key"
)")
                            .node();
    ASSERT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(
        config_json(loaded.config, loaded.config.chains),
        R"({"port":8100,"log_level":["info"],"host":"127.0.0.1","data":"data",)"
        R"("cors_allowed_origins":[],"wasm_lru_size":20,"chains":{"cosmos":{},"evm":{"31337":)"
        R"({"ws_endpoints":["ws://127.0.0.1:8645"],"http_endpoint":"http://127.0.0.1:8645",)"
        R"("faucet_endpoint":null,"ws_priority_endpoint_index":null}},"dev":{}},)"
        R"("signing_mnemonic":"<redacted>","aggregator_cosmos_credential":null,)"
        R"("aggregator_evm_credential":"<redacted>","max_wasm_fuel":18446744073709551615,)"
        R"("max_execution_seconds":300,"jaeger":null,"prometheus":null,)"
        R"("prometheus_push_interval_secs":30,"ipfs_gateway":"https://ipfs.io/ipfs/",)"
        R"("bearer_token":null,"dev_endpoints_enabled":true,"max_body_size_mb":15,)"
        R"("health_check_mode":"wait","aggregator":{"burned_queue_ttl_secs":172800},)"
        R"("p2p":"disabled","jetstream_endpoint":)"
        R"("wss://jetstream1.us-east.bsky.network/subscribe",)"
        R"("jetstream_max_message_size":1048576,"hyperswarm_bootstrap":null})");
}

TEST(ConfigJson, network_and_private_urls) {
    const auto loaded = with_toml(R"([wavs]
ipfs_gateway = "https://u:p@gw.example/secret/"
[wavs.p2p.remote]
listen_port = 9000
bootstrap_nodes = ["/ip4/1.2.3.4/tcp/9000"]
)")
                            .node();
    const auto text = config_json(loaded.config, loaded.config.chains);
    EXPECT_THAT(text, HasSubstr(R"("ipfs_gateway":"https://gw.example")"));
    EXPECT_THAT(text, HasSubstr(R"("p2p":{"remote":{"listen_port":9000,"bootstrap_nodes":)"
                                R"(["/ip4/1.2.3.4/tcp/9000"],"max_retry_duration_secs":10,)"));
    EXPECT_THAT(text, Not(HasSubstr("secret")));
    const auto full = config_json(loaded.config, loaded.config.chains, types::Endpoints::Full);
    EXPECT_THAT(full, HasSubstr(R"("ipfs_gateway":"https://u:p@gw.example/secret/")"));
    EXPECT_THAT(full, HasSubstr(R"("signing_mnemonic":"<redacted>")"));
}

}  // namespace
}  // namespace wavs::config
