// SPDX-License-Identifier: Apache-2.0
#include "fake_inputs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace wavs::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Layers, each_beats_the_ones_below) {
    auto fake = with_toml("[default]\nport = 1\nmax_body_size_mb = 1\nhost = \"127.0.0.1\"\n");
    EXPECT_EQ(fake.node().config.port, 1);
    fake.files["/w/wavs.toml"] += "[wavs]\nport = 2\n";
    EXPECT_EQ(fake.node().config.port, 2);
    fake.files["/w/wavs.toml"] += "[global]\nport = 3\n";
    EXPECT_EQ(fake.node().config.port, 3);
    fake.files["/w/.env"] = "WAVS_PORT=4\n";
    EXPECT_EQ(fake.node().config.port, 4);
    fake.environment["WAVS_PORT"] = "5";
    EXPECT_EQ(fake.node().config.port, 5);
    fake.argv = {"--port", "6"};
    const auto loaded = fake.node();
    EXPECT_EQ(loaded.config.port, 6);
    EXPECT_EQ(loaded.config.max_body_size_mb, 1U);
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
}

TEST(Layers, tables_merge_and_lists_are_replaced) {
    const auto loaded = with_toml(R"([default]
log_level = ["info", "wavs=debug"]
[default.engine]
max_runs = 7
queue_capacity = 8
[Wavs]
log_level = ["warn"]
[Wavs.engine]
max_runs = 9
)")
                            .node();
    EXPECT_THAT(loaded.config.log_level, ElementsAre("warn"));
    EXPECT_EQ(loaded.config.engine.max_runs, 9U);
    EXPECT_EQ(loaded.config.engine.queue_capacity, 8U);
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
}

TEST(Layers, network_kind_is_replaced_as_a_whole) {
    const std::string local = "[default.p2p.local]\nlisten_port = 1\nretry_interval_ms = 9\n";
    const std::string remote = "[wavs.p2p.remote]\nlisten_port = 2\nbootstrap_nodes = []\n";
    const auto loaded = with_toml(local + remote).node();
    ASSERT_TRUE(std::holds_alternative<P2pRemote>(loaded.config.p2p)) << joined(loaded.errors);
    EXPECT_EQ(std::get<P2pRemote>(loaded.config.p2p).retry_interval_ms, 200U);

    const auto both =
        with_toml(local + "[default.p2p.remote]\nlisten_port = 2\nbootstrap_nodes = []\n").node();
    EXPECT_THAT(joined(both.errors),
                HasSubstr("/w/wavs.toml:1: p2p: more than one kind of network (keep local"));

    auto fake = with_toml(local);
    fake.environment["WAVS_P2P"] = "disabled";
    EXPECT_TRUE(std::holds_alternative<std::monostate>(fake.node().config.p2p));
    fake.environment.erase("WAVS_P2P");
    fake.environment["WAVS_P2P__REMOTE__LISTEN_PORT"] = "7";
    fake.environment["WAVS_P2P__REMOTE__BOOTSTRAP_NODES"] = "/ip4/1.2.3.4/tcp/1, /dns/x/tcp/2";
    const auto nested = fake.node();
    ASSERT_TRUE(std::holds_alternative<P2pRemote>(nested.config.p2p)) << joined(nested.errors);
    EXPECT_THAT(std::get<P2pRemote>(nested.config.p2p).bootstrap_nodes,
                ElementsAre("/ip4/1.2.3.4/tcp/1", "/dns/x/tcp/2"));
}

TEST(Layers, file_is_the_first_of_the_search_list) {
    FakeInputs fake;
    fake.environment = {
        {"WAVS_SIGNING_MNEMONIC", kPhrase}, {"WAVS_HOME", "/env"}, {"XDG_CONFIG_HOME", "/xdg"}};
    const std::vector<std::string> places = {
        "/etc/wavs/wavs.toml", "/home/op/.config/wavs/wavs.toml",
        "/xdg/wavs/wavs.toml", "/home/op/.wavs/wavs.toml",
        "/w/wavs.toml",        "/env/wavs.toml"};
    for (std::size_t i = 0; i < places.size(); ++i) {
        fake.files[places[i]] = fmt::format("[wavs]\nport = {}\n", i + 1);
        const auto loaded = fake.node();
        EXPECT_EQ(loaded.config.port, i + 1);
        EXPECT_EQ(loaded.file, places[i]);
    }
    fake.files["/w/sub/wavs.toml"] = "[wavs]\nport = 99\n";
    fake.argv = {"--home=sub"};
    EXPECT_EQ(fake.node().config.port, 99);
    fake.argv = {"--home", "nowhere"};
    const auto fallen = fake.node();
    EXPECT_EQ(fallen.file, "/env/wavs.toml");
    EXPECT_THAT(joined(fallen.warnings), HasSubstr("--home: no wavs.toml there"));
}

TEST(Layers, no_file_is_a_warning_unless_required) {
    FakeInputs fake{.files = {}, .environment = {{"WAVS_SIGNING_MNEMONIC", kPhrase}}, .argv = {}};
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok());
    EXPECT_FALSE(loaded.file.has_value());
    EXPECT_THAT(joined(loaded.warnings), HasSubstr("no wavs.toml in /w, /home/op/.wavs"));
    fake.argv = {"--require-config"};
    EXPECT_THAT(joined(fake.node().errors), HasSubstr("no wavs.toml in /w"));
    fake.argv.clear();
    fake.environment["WAVS_REQUIRE_CONFIG"] = "true";
    EXPECT_FALSE(fake.node().ok());
}

TEST(Layers, bad_toml_names_the_line_and_no_secret) {
    const auto plain = with_toml("[wavs]\nport = = 3\n").node();
    ASSERT_EQ(plain.errors.size(), 1U);
    EXPECT_THAT(plain.errors[0], testing::StartsWith("/w/wavs.toml:2: not valid TOML: "));
    const auto secret = with_toml("[wavs]\nbearer_token = hunter2\n").node();
    EXPECT_EQ(joined(secret.errors),
              "/w/wavs.toml:2: not valid TOML (put texts into double quotes)\n");
    // The library asserts on these instead of reporting them.
    const auto gave_up = with_toml("[wavs]\nport = 1\n[(x]\nhost = \"h\"\n").node();
    EXPECT_EQ(joined(gave_up.errors),
              "/w/wavs.toml:3: not valid TOML (put texts into double quotes)\n");
    EXPECT_THAT(joined(with_toml("[wavs]\nport = 1\n\u00a4\n").node().errors),
                testing::StartsWith("/w/wavs.toml:3: not valid TOML"));
    const auto top = with_toml("port = 3\n[other]\nx = 1\n").node();
    EXPECT_EQ(joined(top.errors),
              "/w/wavs.toml:1: port: stands outside a section (put it below [default] or "
              "[wavs])\n");
    EXPECT_THAT(joined(top.warnings), HasSubstr("/w/wavs.toml:2: [other]: unknown section"));
}

TEST(Dotenv, syntax) {
    auto fake = with_toml("");
    fake.environment["BASE"] = "b";
    fake.files["/w/.env"] = R"(# comment
export A=one two   # tail
B='$A #x'
C="$A\n${BASE}-${NONE}"
D=a#b
E=
 F = "q" 
G=pre"mid"'post'
H=$A/$BASE
I=5$
BASE=other
)";
    const auto env = fake.node().environment;
    EXPECT_EQ(env.at("A"), "one two");
    EXPECT_EQ(env.at("B"), "$A #x");
    EXPECT_EQ(env.at("C"), "one two\nb-");
    EXPECT_EQ(env.at("D"), "a#b");
    EXPECT_EQ(env.at("E"), "");
    EXPECT_EQ(env.at("F"), "q");
    EXPECT_EQ(env.at("G"), "premidpost");
    EXPECT_EQ(env.at("H"), "one two/b");
    EXPECT_EQ(env.at("I"), "5$");
    EXPECT_EQ(env.at("BASE"), "b");
}

TEST(Dotenv, earlier_files_win_and_missing_ones_are_skipped) {
    auto fake = with_toml("");
    fake.files["/w/one.env"] = "WAVS_PORT=1\n";
    fake.files["/two.env"] = "WAVS_PORT=2\nWAVS_HOST=localhost\n";
    fake.files["/w/.env"] = "WAVS_HOST=127.0.0.9\nWAVS_DATA=~/d\n";
    fake.argv = {"--dotenv", "one.env"};
    fake.environment["WAVS_DOTENV"] = "/two.env";
    const auto loaded = fake.node();
    EXPECT_EQ(loaded.config.port, 1);
    EXPECT_EQ(loaded.config.host, "localhost");
    EXPECT_EQ(loaded.config.data, "/home/op/d");
    fake.argv = {"--dotenv", "none.env"};
    const auto missing = fake.node();
    EXPECT_EQ(missing.config.port, 2);
    EXPECT_THAT(joined(missing.warnings), HasSubstr("--dotenv: there is no file /w/none.env"));
}

TEST(Dotenv, bad_lines_are_named_not_shown) {
    for (const auto* const line : {"hunter2 is not", "=hunter2", "A=\"hunter2", "1A=hunter2"}) {
        auto fake = with_toml("");
        fake.files["/w/.env"] = std::string("OK=1\n") + line + "\n";
        EXPECT_EQ(joined(fake.node().errors),
                  "/w/.env:2: not a line of an environment file (write NAME=value)\n")
            << line;
    }
}

TEST(Environment, chains_and_groups) {
    auto fake = with_toml(R"([default.chains.evm.31337]
ws_endpoints = ["ws://localhost:8545"]
[default.chains.cosmos.pion-1]
bech32_prefix = "neutron"
gas_price = 0.0053
gas_denom = "untrn"
)");
    fake.environment["WAVS_CHAINS__EVM__31337__HTTP_ENDPOINT"] = "http://localhost:1";
    fake.environment["WAVS_CHAINS__EVM__1__WS_ENDPOINTS"] = "wss://a, wss://b";
    fake.environment["WAVS_CHAINS__COSMOS__PION_1__RPC_ENDPOINT"] = "https://rpc";
    fake.environment["WAVS_ENGINE__MAX_RUNS"] = "3";
    fake.environment["wavs_health_check_mode"] = "exit";
    fake.environment["WAVS_LEGACY_CHAIN_NAMES"] = "{ethereum = \"evm:1\", local = evm:31337}";
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    const auto key = [](const char* text) { return types::ChainKey::parse(text).value(); };
    const auto& chains = loaded.config.chains;
    ASSERT_EQ(chains.all().size(), 3U);
    EXPECT_EQ(chains.find(key("evm:31337"))->evm()->http_endpoint, "http://localhost:1");
    EXPECT_THAT(chains.find(key("evm:1"))->evm()->ws_endpoints, ElementsAre("wss://a", "wss://b"));
    EXPECT_EQ(chains.find(key("cosmos:pion-1"))->cosmos()->rpc_endpoint, "https://rpc");
    EXPECT_EQ(loaded.config.engine.max_runs, 3U);
    EXPECT_EQ(loaded.config.health_check_mode, HealthCheckMode::Exit);
    EXPECT_EQ(loaded.config.legacy_chain_names.at("local"), key("evm:31337"));
}

TEST(Chains, limits_of_what_is_spent) {
    const std::string id(64, 'a');
    auto fake = with_toml(fmt::format(R"([default.chains.evm.1]
ws_endpoints = []
daily_budget_wei = "100000000000000000000"
low_balance_wei = 7
allowed_handlers = ["0xe7f1725e7734ce288f8367e1bb143e90bb3f0512"]
[default.chains.evm.1.service_budgets_wei]
{} = 5
[default.chains.evm.2]
ws_endpoints = []
)",
                                      id));
    fake.environment["WAVS_CHAINS__EVM__2__DAILY_BUDGET_WEI"] = "12";
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(joined(loaded.warnings).find("unknown key"), std::string::npos);
    const auto chain = [&](const char* text) {
        return *loaded.config.chains.find(types::ChainKey::parse(text).value())->evm();
    };
    EXPECT_TRUE(chain("evm:1").daily_budget_wei == types::parse_amount("100000000000000000000"));
    EXPECT_TRUE(chain("evm:1").service_budgets_wei.at(types::parse_service_id(id).value()) == 5);
    EXPECT_TRUE(chain("evm:1").low_balance_wei == types::Amount{7});
    EXPECT_EQ(chain("evm:1").allowed_handlers.size(), 1U);
    EXPECT_TRUE(chain("evm:2").daily_budget_wei == types::Amount{12});
}

TEST(Chains, amounts_and_handlers_that_cannot_be_read_are_named) {
    auto fake = with_toml(R"([default.chains.evm.1]
ws_endpoints = []
daily_budget_wei = "1 ether"
low_balance_wei = -1
allowed_handlers = ["0x12"]
service_budgets_wei = { service = 1 }
)");
    const auto errors = joined(fake.node().errors);
    for (const auto* const part :
         {"daily_budget_wei: expected an integer, or its digits in double quotes, found \"1 "
          "ether\"",
          "low_balance_wei: expected an integer, or its digits in double quotes, found -1",
          "allowed_handlers", "service_budgets_wei"}) {
        EXPECT_THAT(errors, HasSubstr(part));
    }
}

TEST(Environment, texts_become_the_declared_type) {
    auto fake = with_toml("");
    fake.environment["WAVS_BEARER_TOKEN"] = "12345";
    fake.environment["WAVS_LOG_LEVEL"] = " warn , wavs=info ";
    fake.environment["WAVS_CORS_ALLOWED_ORIGINS"] = "[\"http://a:*\", http://b]";
    fake.environment["WAVS_MAX_WASM_FUEL"] = "18446744073709551615";
    fake.environment["WAVS_DEV_ENDPOINTS_ENABLED"] = "true";
    fake.environment["WAVS_JAEGER"] = "";
    fake.environment["WAVS_AGGREGATOR__SUBMIT_STAGGER"] = "500ms";
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(loaded.config.bearer_token->reveal(), "12345");
    EXPECT_THAT(loaded.config.log_level, ElementsAre("warn", "wavs=info"));
    EXPECT_THAT(loaded.config.cors_allowed_origins, ElementsAre("http://a:*", "http://b"));
    EXPECT_EQ(loaded.config.max_wasm_fuel, std::numeric_limits<std::uint64_t>::max());
    EXPECT_FALSE(loaded.config.jaeger.has_value());
    EXPECT_EQ(loaded.config.aggregator.submit_stagger, std::chrono::milliseconds(500));
}

TEST(Environment, unknown_old_and_useless_names_warn) {
    auto fake = with_toml("");
    fake.environment = {{"WAVS_SUBMISSION_MNEMONIC", kPhrase},
                        {"WAVS_PROT", "1"},
                        {"WAVS_SUBMISSION_POLL_INTERVAL_MS", "5"},
                        {"WAVS_ENV_KEY", "x"},
                        {"WAVS_CLI_JSON", "true"},
                        {"WAVS_HOME", "/w"}};
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(loaded.config.signing_mnemonic->reveal(), kPhrase);
    EXPECT_THAT(
        loaded.warnings,
        testing::UnorderedElementsAre(
            "WAVS_PROT: unknown variable, ignored (did you mean WAVS_PORT?)",
            "WAVS_SUBMISSION_MNEMONIC: submission_mnemonic: older name (use signing_mnemonic)",
            "WAVS_SUBMISSION_POLL_INTERVAL_MS: submission_poll_interval_ms: has no effect "
            "(submissions are not polled)"));
    EXPECT_EQ(loaded.environment.at("WAVS_ENV_KEY"), "x");
    EXPECT_FALSE(loaded.environment.contains("WAVS_SUBMISSION_MNEMONIC"));
}

TEST(CommandLine, forms) {
    auto fake = with_toml("");
    fake.argv = {"--port=9",
                 "--log-level",
                 "warn",
                 "--log-level",
                 "wavs=info,a=debug",
                 "--max-body-size-mb",
                 "3",
                 "--engine-max-runs",
                 "5",
                 "--wasm-threads",
                 "2",
                 "--dev-endpoints-enabled",
                 "false"};
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(loaded.config.port, 9);
    EXPECT_THAT(loaded.config.log_level, ElementsAre("warn", "wavs=info", "a=debug"));
    EXPECT_EQ(loaded.config.engine.max_runs, 5U);
    EXPECT_EQ(loaded.config.wasm_threads, 2U);
    EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST(CommandLine, mistakes) {
    auto fake = with_toml("");
    fake.argv = {"--dev-endpoints-enabled", "--nope=hunter2", "word", "--port", "1", "--port", "2"};
    EXPECT_THAT(
        fake.node().errors,
        ElementsAre("--dev-endpoints-enabled: a value is required (write "
                    "--dev-endpoints-enabled <value>)",
                    "--nope: unknown flag (see --help)", "word: unexpected argument (see --help)",
                    "--port: port: expected an integer from 0 to 65535, found an array "
                    "(the default is 8000)"));
    fake.argv = {"--signing-mnemonic", kPhrase};
    const auto secret = fake.node();
    EXPECT_TRUE(secret.ok());
    EXPECT_THAT(joined(secret.warnings),
                HasSubstr("--signing-mnemonic: signing_mnemonic: other users of this machine"));
}

TEST(CommandLine, help_and_version_need_nothing) {
    FakeInputs fake;
    fake.argv = {"-V"};
    EXPECT_EQ(fake.node().action, Action::Version);
    fake.argv = {"--port", "x", "--help"};
    EXPECT_EQ(fake.node().action, Action::Help);
    EXPECT_TRUE(fake.node().ok());
    EXPECT_THAT(node_help(), HasSubstr("--engine-max-runs <integer>"));
}

TEST(Cli, takes_its_flags_and_leaves_the_rest) {
    FakeInputs fake;
    fake.files["/w/wavs.toml"] =
        "[default]\nlog_level = [\"warn\"]\nmax_wasm_fuel = 3\n[default.engine]\nmax_runs = 1\n"
        "[cli]\nwavs_endpoint = \"http://n:1\"\ntypo = 1\n[wavs]\nnode_only = 1\n";
    fake.environment = {{"WAVS_CLI_QUIET_RESULTS", "true"}, {"WAVS_CLI_BEARER_TOKEN", "t"}};
    fake.argv = {"service", "--json", "true", "--file", "x", "init", "--data=~/c", "--", "--json"};
    const auto loaded = fake.cli();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_TRUE(loaded.config.json);
    EXPECT_TRUE(loaded.config.quiet_results);
    EXPECT_EQ(loaded.config.wavs_endpoint, "http://n:1");
    EXPECT_EQ(loaded.config.data, "/home/op/c");
    EXPECT_EQ(loaded.config.bearer_token->reveal(), "t");
    EXPECT_THAT(loaded.rest, ElementsAre("service", "--file", "x", "init", "--", "--json"));
    EXPECT_THAT(loaded.warnings,
                ElementsAre("/w/wavs.toml:8: typo: unknown key, ignored (see docs/config.md)"));
    fake.argv = {"--json", "service"};
    EXPECT_TRUE(fake.cli().config.json);
    EXPECT_THAT(fake.cli().rest, ElementsAre("service"));
}

}  // namespace
}  // namespace wavs::config
