// SPDX-License-Identifier: Apache-2.0
#include "fake_inputs.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <type_traits>

namespace wavs::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(Errors, all_at_once_with_place_key_and_remedy) {
    auto fake = with_toml(R"([wavs]
port = 70000
host = 5
log_level = ["inof"]
health_check_mode = "maybe"
ipfs_gateway = "ftp://x"
[wavs.engine]
max_runs = 0
[default.chains.evm.1]
http_endpoint = "ws://x"
[default.chains.dev.fork]
type = "evm"
chain_id = 17000
ws_endpoints = []
[default.chains.foo.x]
a = 1
)");
    fake.environment["WAVS_MAX_BODY_SIZE_MB"] = "abc";
    fake.environment.erase("WAVS_SIGNING_MNEMONIC");
    fake.argv = {"--wasm-lru-size", "-1"};
    EXPECT_THAT(
        fake.node().errors,
        testing::UnorderedElementsAre(
            "/w/wavs.toml:2: port: expected an integer from 0 to 65535, found 70000 (the default "
            "is 8000)",
            "/w/wavs.toml:3: host: expected a string, found an integer (the default is "
            "\"127.0.0.1\")",
            "/w/wavs.toml:4: log_level: \"inof\" is not a log directive (write off, error, warn, "
            "info, debug or trace, or target=level)",
            "/w/wavs.toml:5: health_check_mode: expected one of bypass, wait, exit, found "
            "\"maybe\" (the default is \"wait\")",
            "/w/wavs.toml:6: ipfs_gateway: not a URL that can be used here (write http://host:port "
            "or https://host)",
            "/w/wavs.toml:8: engine.max_runs: must not be 0 (the default is 256)",
            "/w/wavs.toml:9: chains.evm.1.ws_endpoints: missing (add ws_endpoints = <list of "
            "strings>)",
            "/w/wavs.toml:10: chains.evm.1.http_endpoint: not a URL that can be used here (write "
            "http://host:port or https://host)",
            "/w/wavs.toml:13: chains.dev.fork.chain_id: expected a string, found an integer (put "
            "it "
            "into double quotes)",
            "/w/wavs.toml:15: chains.foo: unknown namespace (use evm, cosmos or dev)",
            "WAVS_MAX_BODY_SIZE_MB: max_body_size_mb: expected an integer from 0 to 4294967295, "
            "found \"abc\" (the default is 15)",
            "--wasm-lru-size: wasm_lru_size: expected an integer from 0 to 18446744073709551615, "
            "found \"-1\" (the default is 20)",
            "signing_mnemonic: missing signing mnemonic (set WAVS_SIGNING_MNEMONIC, "
            "signing_mnemonic or signing_mnemonic_file)"));
}

TEST(Warnings, keys_that_do_nothing) {
    const auto loaded = with_toml(R"([wavs]
prot = 1
submission_poll_interval_ms = 5
jaeger = "http://j:4317"
cors_allowed_origins = ["https://a.example/*", "http://localhost:*"]
[default]
wavs_endpoint = "http://x"
[default.chains.evm.1]
ws_endpoints = ["ws://a"]
ws_priority_endpoint_index = 4
poll_interval_ms = 100
htp_endpoint = "x"
)")
                            .node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_THAT(
        loaded.warnings,
        testing::UnorderedElementsAre(
            "/w/wavs.toml:2: prot: unknown key, ignored (did you mean port?)",
            "/w/wavs.toml:3: submission_poll_interval_ms: has no effect (submissions are not "
            "polled)",
            "/w/wavs.toml:4: jaeger: has no effect in this version",
            "/w/wavs.toml:5: cors_allowed_origins: \"https://a.example/*\" has a path, so it never "
            "matches an origin (write scheme://host:port)",
            "/w/wavs.toml:10: chains.evm.1.ws_priority_endpoint_index: no such entry in "
            "ws_endpoints, ignored",
            "/w/wavs.toml:11: chains.evm.1.poll_interval_ms: has no effect (endpoints push their "
            "events)",
            "/w/wavs.toml:12: chains.evm.1.htp_endpoint: unknown key, ignored (did you mean "
            "http_endpoint?)"));
    const auto* const chain = loaded.config.chains.find(types::ChainKey::parse("evm:1").value());
    EXPECT_FALSE(chain->evm()->ws_priority_endpoint_index.has_value());
}

TEST(Warnings, later_keys_warn_only_when_they_ask_for_something) {
    const auto warnings = [](const std::string& value) {
        return joined(
            with_toml("[wavs.fetch]\ndeny_private_networks = " + value + "\n").node().warnings);
    };
    EXPECT_EQ(warnings("false"), "");
    EXPECT_EQ(warnings("true"),
              "/w/wavs.toml:2: fetch.deny_private_networks: has no effect in this version\n");
}

TEST(Secrets, never_shown) {
    auto fake = with_toml("[wavs]\nbearer_token = \"hunter2\"\naggregator_evm_credential = 5\n");
    fake.environment["WAVS_SIGNING_MNEMONIC"] = "0xhunter2";
    const auto loaded = fake.node();
    const auto text = joined(loaded.errors) + joined(loaded.warnings) +
                      print_config(loaded.settings) +
                      fmt::format("{}", *loaded.config.bearer_token) +
                      testing::PrintToString(*loaded.config.bearer_token);
    EXPECT_THAT(text, Not(HasSubstr("hunter2")));
    EXPECT_THAT(text, HasSubstr("bearer_token = \"<redacted>\"  # /w/wavs.toml:2"));
    EXPECT_THAT(joined(loaded.errors),
                HasSubstr("WAVS_SIGNING_MNEMONIC: signing_mnemonic: a private key cannot be used "
                          "here"));
    for (const auto& [name, value] : loaded.environment) {
        EXPECT_THAT(value, Not(HasSubstr("hunter2"))) << name;
    }
    static_assert(!std::is_copy_constructible_v<SecretString>);
}

TEST(Secrets, from_files) {
    auto fake = with_toml("[wavs]\nsigning_mnemonic_file = \"/run/key\"\n");
    fake.environment.erase("WAVS_SIGNING_MNEMONIC");
    fake.files["/run/key"] = std::string(kPhrase) + "\n";
    fake.files["/w/token"] = "\"t\"";
    fake.environment["WAVS_BEARER_TOKEN_FILE"] = "token";
    const auto loaded = fake.node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(loaded.config.signing_mnemonic->reveal(), kPhrase);
    EXPECT_EQ(loaded.config.bearer_token->reveal(), "\"t\"");

    fake.environment["WAVS_SIGNING_MNEMONIC"] = "other";
    EXPECT_EQ(fake.node().config.signing_mnemonic->reveal(), "other");
    fake.environment["WAVS_SIGNING_MNEMONIC_FILE"] = "/run/key";
    EXPECT_THAT(joined(fake.node().errors),
                HasSubstr("WAVS_SIGNING_MNEMONIC_FILE: signing_mnemonic_file: "
                          "WAVS_SIGNING_MNEMONIC is set as well (set one of them)"));
    fake.environment.erase("WAVS_SIGNING_MNEMONIC");
    fake.files.erase("/run/key");
    EXPECT_EQ(joined(fake.node().errors),
              "WAVS_SIGNING_MNEMONIC_FILE: signing_mnemonic_file: there is no file /run/key (write "
              "the path of a file this user can read)\n");
}

TEST(Secrets, checked_by_the_hook) {
    auto fake = with_toml("[wavs]\naggregator_evm_credential = \"0x12\"\n");
    auto inputs = fake.inputs();
    inputs.check_credential = [](std::string_view text) -> base::Result<void> {
        if (text == "0x12") {
            return base::Error(base::ErrorKind::Invalid, "k", "too short", "write more");
        }
        return base::ok();
    };
    EXPECT_EQ(joined(load_node(std::move(inputs)).errors),
              "/w/wavs.toml:2: aggregator_evm_credential: too short (write more)\n");
}

TEST(Secrets, empty_ones_are_refused) {
    auto fake = with_toml("[wavs]\nbearer_token = \"\"\n");
    fake.environment["WAVS_SIGNING_MNEMONIC"] = "";
    const auto errors = joined(fake.node().errors);
    EXPECT_THAT(errors, HasSubstr("/w/wavs.toml:2: bearer_token: is empty"));
    EXPECT_THAT(errors, HasSubstr("WAVS_SIGNING_MNEMONIC: signing_mnemonic: is empty"));
    EXPECT_FALSE(with_toml("[wavs]\nbearer_token = \"a\\nb\"\n").node().ok());
}

TEST(Exposure, development_endpoints_need_loopback_or_a_token) {
    const std::string open = "[wavs]\nhost = \"0.0.0.0\"\ndev_endpoints_enabled = true\n";
    EXPECT_THAT(joined(with_toml(open).node().errors),
                HasSubstr("/w/wavs.toml:2: host: would offer the development endpoints"));
    EXPECT_TRUE(with_toml(open + "bearer_token = \"t\"\n").node().ok());
    for (const auto* const host : {"127.0.0.1", "127.9.9.9", "localhost", "::1"}) {
        EXPECT_TRUE(
            with_toml(fmt::format("[wavs]\nhost = \"{}\"\ndev_endpoints_enabled = true\n", host))
                .node()
                .ok());
    }
    for (const auto* const host : {"127.0.0.1.example", "127.evil", "10.0.0.1", "::"}) {
        EXPECT_FALSE(
            with_toml(fmt::format("[wavs]\nhost = \"{}\"\ndev_endpoints_enabled = true\n", host))
                .node()
                .ok())
            << host;
    }
    const auto reading = with_toml("[wavs]\nhost = \"0.0.0.0\"\n").node();
    EXPECT_TRUE(reading.ok());
    EXPECT_THAT(joined(reading.warnings), HasSubstr("/w/wavs.toml:2: host: other machines"));
}

TEST(Values, log_directives) {
    const auto good = [](const std::string& text) {
        return with_toml(fmt::format("[wavs]\nlog_level = [\"{}\"]\n", text)).node().ok();
    };
    for (const auto* const text : {"info", "OFF", "wavs=debug", "a::b=trace", "3",
                                   "wavs[span{field=value}]=info", "[span]=debug"}) {
        EXPECT_TRUE(good(text)) << text;
    }
    for (const auto* const text : {"", "loud", "a=b=c", "a=", "=info", "a b=info", "a[x=info"}) {
        EXPECT_FALSE(good(text)) << text;
    }
}

TEST(Values, ordered_workflows) {
    const std::string id = "76d41ff256803de151fce2ed99d145cf985af50e6def0809072e9f68932f5d11";
    const auto loaded =
        with_toml("[wavs.engine]\nordered_workflows = [\"" + id + "/default\"]\n").node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    ASSERT_EQ(loaded.config.engine.ordered_workflows.size(), 1U);
    EXPECT_EQ(types::to_string(loaded.config.engine.ordered_workflows[0].service), id);
    EXPECT_EQ(loaded.config.engine.ordered_workflows[0].workflow.str(), "default");
    for (const auto& wrong : {id, id + "/", id + "/A b", std::string("x/default")}) {
        EXPECT_FALSE(
            with_toml("[wavs.engine]\nordered_workflows = [\"" + wrong + "\"]\n").node().ok())
            << wrong;
    }
}

TEST(Values, usual_forms) {
    const auto loaded = with_toml(R"([wavs]
ipfs_gateway = "http://gw"
wasm_lru_size = 0
max_wasm_fuel = "18446744073709551615"
env_bindings = { WAVS_ENV_KEY = ["76d41ff256803de151fce2ed99d145cf985af50e6def0809072e9f68932f5d11"] }
hyperswarm_bootstrap = "nonsense"
[wavs.storage]
event_retention = "30d"
[wavs.aggregator]
submit_stagger = 3
)")
                            .node();
    EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
    EXPECT_EQ(loaded.config.ipfs_gateway, "http://gw/");
    EXPECT_EQ(loaded.config.wasm_lru_size, 10U);
    EXPECT_EQ(loaded.config.storage.event_retention, std::chrono::hours(720));
    EXPECT_EQ(loaded.config.aggregator.submit_stagger, std::chrono::seconds(3));
    EXPECT_EQ(loaded.config.env_bindings.at("WAVS_ENV_KEY").size(), 1U);
    EXPECT_FALSE(loaded.config.hyperswarm_bootstrap.has_value());
    EXPECT_FALSE(with_toml("[wavs]\nport = \"8000\"\n").node().ok());
    EXPECT_FALSE(with_toml("[wavs]\nenv_bindings = { SECRET = [] }\n").node().ok());
    EXPECT_FALSE(with_toml("[wavs]\nlegacy_chain_names = { a = \"nope\" }\n").node().ok());
    EXPECT_FALSE(with_toml("[wavs.storage]\nevent_retention = \"1d\"\n").node().ok());
    EXPECT_EQ(loaded.config.storage.ledger_retention, std::chrono::hours(24 * 90));
    EXPECT_FALSE(with_toml("[wavs]\nengine = 5\n").node().ok());
    EXPECT_FALSE(with_toml("[wavs]\nchains = 5\n").node().ok());
}

TEST(Values, the_ledger_is_kept_for_90_days_at_least) {
    const auto kept = [](const std::string& text) {
        return with_toml(fmt::format("[wavs.storage]\nledger_retention = \"{}\"\n", text)).node();
    };
    EXPECT_TRUE(kept("90d").ok());
    EXPECT_EQ(kept("1000d").config.storage.ledger_retention, std::chrono::hours(24 * 1000));
    EXPECT_THAT(joined(kept("89d").errors),
                testing::AllOf(HasSubstr("/w/wavs.toml:2: storage.ledger_retention: shorter than"),
                               HasSubstr("use \"90d\" or more")));
}

TEST(Values, networks) {
    const auto errors = [](const std::string& toml) {
        return joined(with_toml(toml).node().errors);
    };
    EXPECT_THAT(errors("[wavs]\np2p = \"on\"\n"), HasSubstr("p2p: not a kind of network"));
    EXPECT_THAT(errors("[wavs.p2p.mesh]\na = 1\n"), HasSubstr("p2p.mesh: not a kind"));
    EXPECT_THAT(errors("[wavs.p2p]\nlocal = 1\n"), HasSubstr("p2p.local: not a table"));
    EXPECT_THAT(errors("[wavs.p2p.remote]\n"),
                testing::AllOf(HasSubstr("p2p.remote.listen_port: missing"),
                               HasSubstr("p2p.remote.bootstrap_nodes: missing")));
    EXPECT_THAT(errors("[wavs.p2p.local]\nlisten_port = 70000\nretry_interval_ms = 0\n"),
                testing::AllOf(HasSubstr("expected an integer from 0 to 65535, found 70000"),
                               HasSubstr("p2p.local.retry_interval_ms: must not be 0")));
    EXPECT_THAT(errors("[wavs]\np2p = { local = {} }\n"),
                HasSubstr("p2p.local.listen_port: missing"));
    EXPECT_THAT(errors("[wavs]\np2p = {}\n"), HasSubstr("p2p: not a kind of network"));
    for (const auto* const interval :
         {"retry_interval_ms", "cleanup_interval_secs", "catchup_request_timeout_secs",
          "kademlia_discovery_interval_secs"}) {
        EXPECT_THAT(errors(fmt::format("[wavs.p2p.remote]\nlisten_port = 1\nbootstrap_nodes = []\n"
                                       "{} = 0\n",
                                       interval)),
                    HasSubstr(fmt::format("p2p.remote.{}: must not be 0", interval)));
    }
}

TEST(Values, every_form_of_a_network) {
    for (const auto* const toml : {"", "[wavs]\nport = 1\n", "[wavs]\np2p = \"disabled\"\n"}) {
        const auto loaded = with_toml(toml).node();
        EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
        EXPECT_TRUE(std::holds_alternative<std::monostate>(loaded.config.p2p)) << toml;
    }
    for (const auto* const toml :
         {"[wavs]\np2p = { local = { listen_port = 9, submission_ttl_secs = 7 } }\n",
          "[wavs.p2p.local]\nlisten_port = 9\nsubmission_ttl_secs = 7\n",
          "[wavs.p2p]\nlocal = { listen_port = 9, submission_ttl_secs = 7 }\n"}) {
        const auto loaded = with_toml(toml).node();
        ASSERT_TRUE(std::holds_alternative<P2pLocal>(loaded.config.p2p)) << toml;
        EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
        EXPECT_THAT(loaded.warnings, testing::IsEmpty());
        const auto& local = std::get<P2pLocal>(loaded.config.p2p);
        EXPECT_EQ(local.listen_port, 9);
        EXPECT_EQ(local.submission_ttl_secs, 7U);
        EXPECT_EQ(local.max_retry_duration_secs, 10U);
    }
    for (const auto* const toml :
         {"[wavs]\np2p = { remote = { listen_port = 0, bootstrap_nodes = [\"/ip4/1.2.3.4/tcp/5\"] "
          "} "
          "}\n",
          "[wavs.p2p.remote]\nlisten_port = 0\nbootstrap_nodes = [\"/ip4/1.2.3.4/tcp/5\"]\n",
          "[wavs.p2p]\nremote = { listen_port = 0, bootstrap_nodes = [\"/ip4/1.2.3.4/tcp/5\"] "
          "}\n"}) {
        const auto loaded = with_toml(toml).node();
        ASSERT_TRUE(std::holds_alternative<P2pRemote>(loaded.config.p2p)) << toml;
        EXPECT_TRUE(loaded.ok()) << joined(loaded.errors);
        EXPECT_THAT(loaded.warnings, testing::IsEmpty());
        const auto& remote = std::get<P2pRemote>(loaded.config.p2p);
        EXPECT_EQ(remote.listen_port, 0);
        EXPECT_THAT(remote.bootstrap_nodes, testing::ElementsAre("/ip4/1.2.3.4/tcp/5"));
        EXPECT_EQ(remote.kademlia_discovery_interval_secs, 60U);
    }
}

}  // namespace
}  // namespace wavs::config
