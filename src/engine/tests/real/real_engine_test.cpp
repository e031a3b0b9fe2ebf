// SPDX-License-Identifier: Apache-2.0
// The engine over the real guest library, RocksDB and the components of examples/.
#include "real_node.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>
#include <sys/mman.h>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

namespace wavs::engine {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST_F(RealEngineTest, echo_gives_back_what_it_got) {
    WAVS_USE("echo");
    const auto outcome = run("hello");
    ASSERT_TRUE(outcome.has_value()) << outcome.error().full_text();
    EXPECT_EQ(text("hello"), "hello");
    EXPECT_GT(outcome.value().fuel_used, 0U);
    EXPECT_GT(outcome.value().wall.count(), 0);
    EXPECT_EQ(node().engine().status().library.compiled, 1U);
}

TEST_F(RealEngineTest, square_squares) {
    WAVS_USE("square");
    EXPECT_THAT(text(R"({"x":3})"), HasSubstr(R"("y":9)"));
}

TEST_F(RealEngineTest, one_unit_of_fuel_is_not_enough) {
    WAVS_USE("echo");
    component_.fuel_limit = 1;
    const auto outcome = run("x");
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code(), base::ErrorCode("out_of_fuel"));
    EXPECT_EQ(outcome.error().kind(), base::ErrorKind::Guest);
}

class TimeLimit : public RealEngineTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(TimeLimit, cuts_a_guest_that_sleeps_or_spins) {
    WAVS_USE("echo");
    component_.time_limit_seconds = 1;
    component_.config = {{"sleep-ms", "10000"}, {"sleep-kind", GetParam()}};
    ASSERT_TRUE(
        node()
            .wait(node().engine().prepare(types::digest_of(component_.source), World::Operator))
            .has_value());
    const auto start = std::chrono::steady_clock::now();
    const auto outcome = run("x");
    const auto took = std::chrono::steady_clock::now() - start;
    EXPECT_EQ(outcome.error().code(), base::ErrorCode("out_of_time"));
    EXPECT_GE(took, milliseconds(900));
    EXPECT_LT(took, milliseconds(2500));
}
INSTANTIATE_TEST_SUITE_P(kinds, TimeLimit, ::testing::Values("async", "sync", "hotloop"));

TEST_F(RealEngineTest, a_short_sleep_is_fine_and_no_time_is_none) {
    WAVS_USE("echo");
    component_.config = {{"sleep-ms", "50"}, {"sleep-kind", "async"}};
    component_.time_limit_seconds = 10;
    EXPECT_EQ(text("x"), "x");
    component_.time_limit_seconds = 0;
    EXPECT_EQ(run("x").error().code(), base::ErrorCode("out_of_time"));
}

TEST_F(RealEngineTest, values_and_compiled_code_survive_a_restart) {
    WAVS_USE("kv");
    EXPECT_THAT(text(R"({"write":{"bucket":"b","key":"k","value":[1,2]}})"),
                HasSubstr("\"write\""));
    EXPECT_THAT(text(R"({"atomic_increment":{"bucket":"b","key":"n","delta":3}})"),
                HasSubstr("\"value\":3"));
    EXPECT_EQ(node().engine().status().library.compiled, 1U);
    restart();
    EXPECT_THAT(text(R"({"read":{"bucket":"b","key":"k"}})"), HasSubstr("[1,2]"));
    EXPECT_THAT(text(R"({"atomic_increment":{"bucket":"b","key":"n","delta":3}})"),
                HasSubstr("\"value\":6"));
    EXPECT_EQ(node().engine().status().library.compiled, 0U);
    EXPECT_EQ(node().engine().status().library.disk_hits, 1U);
    const auto seen =
        node().engine().key_value().read(types::to_string(service().id), "b", "k").value();
    EXPECT_EQ(seen, (base::Bytes{1, 2}));
}

TEST_F(RealEngineTest, erased_keys_are_gone_for_the_guest) {
    WAVS_USE("kv");
    EXPECT_THAT(text(R"({"write":{"bucket":"b","key":"k","value":[1]}})"), HasSubstr("\"write\""));
    ASSERT_TRUE(node().store().write_unsynced(KeyValue::erase_service(service().id)).has_value());
    node().engine().key_value().forget(service().id);
    EXPECT_THAT(text(R"({"read":{"bucket":"b","key":"k"}})"),
                HasSubstr("exec_result: Missing key"));
}

TEST_F(RealEngineTest, the_quota_reaches_the_guest) {
    options_.limits.kv_bytes_per_service = 50;
    WAVS_USE("kv");
    EXPECT_THAT(text(R"({"write":{"bucket":"b","key":"k","value":[1]}})"), HasSubstr("\"write\""));
    EXPECT_THAT(text(R"({"write":{"bucket":"b","key":"l","value":[1]}})"),
                HasSubstr("quota exceeded"));
}

TEST_F(RealEngineTest, keys_are_listed_in_order) {
    WAVS_USE("kv");
    EXPECT_THAT(text(R"({"batch_write":{"bucket":"b","values":{"b":[1],"a":[2]}}})"),
                HasSubstr("\"batch_write\""));
    EXPECT_THAT(text(R"({"list_keys":{"bucket":"b"}})"),
                HasSubstr(R"("keys":["a","b"],"cursor":null)"));
}

TEST_F(RealEngineTest, a_lost_compare_and_swap_fails_then_succeeds) {
    WAVS_USE("probe");
    EXPECT_EQ(text("conflict:k"), "failed stored");
}

TEST_F(RealEngineTest, environment_and_configuration) {
    options_.environment = {{"WAVS_ENV_SEEN", "yes"}, {"WAVS_ENV_OTHER", "no"}, {"HOME", "/"}};
    WAVS_USE("echo");
    component_.env_keys = {"WAVS_ENV_SEEN", "HOME"};
    component_.config = {{"foo", "bar"}};
    EXPECT_EQ(text("envvar:WAVS_ENV_SEEN"), "yes");
    EXPECT_EQ(text("envvar:WAVS_ENV_OTHER"), "exec_result: env var WAVS_ENV_OTHER not found");
    EXPECT_EQ(text("envvar:HOME"), "exec_result: env var HOME not found");
    EXPECT_EQ(text("configvar:foo"), "bar");
    EXPECT_EQ(text("configvar:nope"), "exec_result: config var nope not found");
}

TEST_F(RealEngineTest, several_responses_need_salts) {
    WAVS_USE("echo");
    component_.config = {
        {"event-id-salt", "s"}, {"event-id-salt-1", "a"}, {"event-id-salt-2", "b"}};
    const auto custom = run("custom-event-id");
    ASSERT_TRUE(custom.has_value()) << custom.error().full_text();
    EXPECT_EQ(custom.value().responses.at(0).event_id_salt, base::to_bytes("s"));
    const auto two = run("multi-response");
    ASSERT_TRUE(two.has_value()) << two.error().full_text();
    EXPECT_EQ(two.value().responses.size(), 2U);
    EXPECT_EQ(run("multi-response-bad").error().code(), base::ErrorCode("missing_event_id_salt"));
    component_.config.erase("event-id-salt-1");
    EXPECT_EQ(run("multi-response").error().code(), base::ErrorCode("component_error"));
}

TEST_F(RealEngineTest, the_event_id_of_a_salt_is_the_nodes) {
    WAVS_USE("probe");
    const auto expected =
        types::event_id(service().id, workflow_id(), base::to_bytes("hello world!"));
    const auto answered = text("salt:hello world!");
    EXPECT_EQ(base::hex(base::as_bytes(answered)), types::to_string(expected));
}

TEST_F(RealEngineTest, a_guest_sees_its_service) {
    WAVS_USE("probe");
    EXPECT_EQ(text("service"), "test/default");
}

TEST_F(RealEngineTest, crashes_and_exits_are_component_errors) {
    WAVS_USE("probe");
    EXPECT_EQ(run("crash").error().code(), base::ErrorCode("component_error"));
    EXPECT_EQ(run("leave:3").error().code(), base::ErrorCode("component_error"));
    EXPECT_EQ(text("service"), "test/default");
}

TEST_F(RealEngineTest, what_a_guest_says_is_logged_with_its_origin) {
    WAVS_USE("probe");
    const telemetry::testing::CapturedLog log;
    EXPECT_EQ(text("speak:ahoy"), "ahoy");
    EXPECT_EQ(log.count("stream=stdout"), 1U);
    EXPECT_EQ(log.count("stream=stderr"), 1U);
    EXPECT_EQ(log.count("stream=log"), 1U);
    EXPECT_GE(log.count("service_id=" + types::to_string(service().id)), 3U);
}

TEST_F(RealEngineTest, files_are_shared_by_the_runs_of_a_service_and_removed_on_request) {
    WAVS_USE("probe");
    EXPECT_THAT(text("file:f"), HasSubstr("cannot open the file"));
    component_.permissions.file_system = true;
    EXPECT_EQ(text("file:f"), "1");
    EXPECT_EQ(text("file:f"), "2");
    ASSERT_TRUE(node().wait(node().engine().remove_files(service().id)).has_value());
    EXPECT_EQ(text("file:f"), "1");
}

TEST_F(RealEngineTest, memory_stops_at_the_limit) {
    options_.limits.memory_bytes = 16U << 20;
    WAVS_USE("probe");
    const auto granted_kib = std::stoul(text("hog"));
    EXPECT_GT(granted_kib, 8U << 10);
    EXPECT_LE(granted_kib, 16U << 10);
}

TEST_F(RealEngineTest, an_aggregator_component_answers_actions) {
    const auto bytes = read_component("simple_aggregator");
    if (!bytes || !use("echo")) {
        GTEST_SKIP() << "examples/components/prebuilt/simple_aggregator.wasm is not there";
    }
    options_.embedded_aggregator = std::make_shared<const base::Bytes>(*bytes);
    restart();
    auto component = types::embedded_aggregator({});
    component.config["chain"] = "evm:31337";
    component.config["service_handler"] = types::to_string(id_of<types::EvmAddress>(0xab));
    const auto of = snapshot_of(service_with(
        component_, types::SubmitAggregator{.component = component,
                                            .signature_kind = types::kEvmSignatureKind}));
    auto& engine = node().engine();
    const auto actions = node().wait(engine.process_input(aggregator_job(of)));
    ASSERT_FALSE(actions.has_value());
    EXPECT_EQ(actions.error().message(),
              "Process packet execution failed: chain evm:31337 is not configured");

    types::ChainConfigs chains;
    const auto chain = types::ChainKey::parse("evm:31337").value();
    ASSERT_TRUE(
        chains.add(chain, {.chain_id = "31337", .config = types::EvmChainConfig{}}).has_value());
    engine.set_chain_configs(std::make_shared<const types::ChainConfigs>(chains));
    const auto submits = node().wait(engine.process_input(aggregator_job(of)));
    ASSERT_TRUE(submits.has_value()) << submits.error().full_text();
    EXPECT_EQ(submits.value(),
              std::vector{types::AggregatorAction(types::SubmitAction(types::EvmSubmitAction{
                  .chain = chain, .address = id_of<types::EvmAddress>(0xab), .gas_price = {}}))});
    EXPECT_TRUE(node().wait(engine.handle_timer_callback(aggregator_job(of))).value().empty());

    const auto hash = types::TxHash(types::EvmTxHash{id_of<types::Bytes32>(1)});
    const auto stored = [&] {
        return engine.key_value().get(of.id, "submit-result", "success").value();
    };
    ASSERT_TRUE(node().wait(engine.handle_submit_callback(aggregator_job(of), hash)).has_value());
    EXPECT_EQ(stored(), base::to_bytes("true"));
    ASSERT_TRUE(
        node()
            .wait(engine.handle_submit_callback(aggregator_job(of), std::string("reverted")))
            .has_value());
    EXPECT_EQ(stored(), base::to_bytes("false"));
}

class Selecting : public RealEngineTest {
protected:
    ServiceSnapshot with(std::map<std::string, std::string> config) {
        auto component = component_;
        component.config = std::move(config);
        return snapshot_of(service_with(
            component_, types::SubmitAggregator{.component = component,
                                                .signature_kind = types::kEvmSignatureKind}));
    }
    base::Result<std::optional<Selection>> select(const ServiceSnapshot& of, std::size_t count) {
        std::vector<QuorumEntry> entries;
        for (std::size_t i = 1; i <= count; ++i) {
            entries.push_back({.signer = base::Bytes(20, static_cast<std::uint8_t>(i)),
                               .weight = std::to_string(i),
                               .signature = base::Bytes(65, 1)});
        }
        const types::SubmitAction action =
            types::EvmSubmitAction{.chain = types::ChainKey::parse("evm:31337").value(),
                                   .address = id_of<types::EvmAddress>(0xab),
                                   .gas_price = std::nullopt};
        return node().wait(node().engine().select(aggregator_job(of), action, std::move(entries)));
    }
    base::Result<std::optional<Selection>> select(std::string how, std::size_t count) {
        return select(with({{"select", std::move(how)}}), count);
    }
};

TEST_F(Selecting, what_a_component_chooses_is_sorted) {
    WAVS_USE("selecting_aggregator");
    const auto all = select("all", 3);
    ASSERT_TRUE(all.has_value()) << all.error().full_text();
    EXPECT_EQ(all.value(), (Selection{0, 1, 2}));
    EXPECT_EQ(select("drop_first", 3).value(), (Selection{1, 2}));
    EXPECT_EQ(select("hold", 3).value(), Selection{});
    EXPECT_EQ(select("wait_for:3", 2).value(), Selection{});
    EXPECT_EQ(select("wait_for:3", 3).value(), (Selection{0, 1, 2}));
}

TEST_F(Selecting, what_it_cannot_have_meant_is_its_fault) {
    WAVS_USE("selecting_aggregator");
    const auto bad = select("bad_index", 3);
    EXPECT_EQ(bad.error().code(), base::ErrorCode("select_indices"));
    EXPECT_EQ(bad.error().kind(), base::ErrorKind::Guest);
    EXPECT_THAT(bad.error().message(), HasSubstr("index 3 out of 3"));
    EXPECT_THAT(select("twice", 3).error().message(), HasSubstr("index 0 twice"));
    const auto failed = select("fail", 2);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("exec_result"));
    EXPECT_EQ(failed.error().kind(), base::ErrorKind::Guest);
    EXPECT_EQ(failed.error().message(), "select: refused 1 2");
}

TEST_F(Selecting, the_limits_of_the_component_hold) {
    WAVS_USE("selecting_aggregator");
    component_.fuel_limit = 1;
    EXPECT_EQ(select("all", 3).error().code(), base::ErrorCode("out_of_fuel"));
    component_.fuel_limit.reset();
    component_.time_limit_seconds = 0;
    EXPECT_EQ(select("all", 3).error().code(), base::ErrorCode("out_of_time"));
}

TEST_F(Selecting, without_the_export_the_node_decides) {
    WAVS_USE("simple_aggregator");
    EXPECT_EQ(select("all", 3).value(), std::nullopt);
    // Also after a restart, from compiled code.
    restart();
    EXPECT_EQ(select("all", 3).value(), std::nullopt);
    WAVS_USE("selecting_aggregator");
    EXPECT_EQ(select("all", 1).value(), Selection{0});
    restart();
    EXPECT_EQ(select("all", 1).value(), Selection{0});
    const auto info = node().wait(
        node().engine().prepare(types::digest_of(component_.source), World::Aggregator));
    EXPECT_TRUE(info.value().selects);
}

TEST_F(RealEngineTest, validation_tells_worlds_apart) {
    const auto echo = read_component("echo");
    const auto aggregator = read_component("simple_aggregator");
    if (!echo || !aggregator) {
        GTEST_SKIP() << "examples/components/prebuilt is not there";
    }
    auto& engine = node().engine();
    const auto check = [&](base::Bytes bytes, std::optional<World> world) {
        return node().wait(
            engine.validate(std::make_shared<const base::Bytes>(std::move(bytes)), world));
    };
    EXPECT_EQ(check(*echo, std::nullopt).value().world, World::Operator);
    EXPECT_EQ(check(*aggregator, std::nullopt).value().world, World::Aggregator);
    EXPECT_EQ(check(*aggregator, World::Operator).error().code(), base::ErrorCode("instantiate"));
    const auto junk = check({1, 2, 3}, std::nullopt);
    EXPECT_EQ(junk.error().code(), base::ErrorCode("compile"));
    EXPECT_EQ(junk.error().kind(), base::ErrorKind::Invalid);
    EXPECT_THAT(check(*echo, World::Operator).value().imports,
                ::testing::Not(::testing::IsEmpty()));
}

async::Task<void> run_into(Engine& engine, OperatorJob job, int& good) {
    good += (co_await async::as_task(engine.run_operator(std::move(job)))).has_value() ? 1 : 0;
}

async::Task<int> run_many(Engine& engine, ServiceSnapshot of, int count) {
    int good = 0;
    {
        async::TaskGroup group(co_await boost::asio::this_coro::executor, "many");
        for (int i = 0; i < count; ++i) {
            group.spawn("run", run_into(engine, operator_job(of, "x"), good));
        }
        while (group.running() > 0) {
            co_await async::yield_now();
        }
    }
    co_return good;
}

TEST_F(RealEngineTest, a_hundred_runs_sleep_at_the_same_time) {
    WAVS_USE("echo");
    constexpr unsigned kRuns = 100;
    component_.config = {{"sleep-ms", "600000"}, {"sleep-kind", "async"}};
    auto& engine = node().engine();
    const auto snapshot = service();
    std::stop_source stop;
    std::atomic<unsigned> ended{0};
    for (unsigned i = 0; i < kRuns; ++i) {
        async::start(engine.run_operator(operator_job(snapshot), stop.get_token()),
                     [&ended](const auto&) {
                         ++ended;
                         ended.notify_all();
                     });
    }
    // The two guest threads have all of them in hand before the first one ends.
    while (engine.status().library.running < kRuns && ended == 0) {
        std::this_thread::yield();
    }
    EXPECT_EQ(engine.status().library.running, kRuns);
    EXPECT_EQ(ended, 0U);
    stop.request_stop();
    for (unsigned seen = ended; seen < kRuns; seen = ended) {
        ended.wait(seen);
    }
}

TEST_F(RealEngineTest, a_thousand_runs_while_the_component_compiles) {
    WAVS_USE("echo");
    EXPECT_EQ(node().wait(run_many(node().engine(), service(), 1000)), 1000);
    EXPECT_EQ(node().engine().status().library.compiled, 1U);
}

// A fault that the processor finds, on the thread that is here.
void touch_what_is_not_there() {
    auto* page = static_cast<volatile char*>(
        ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    *page = 1;
}

// The guest library has handlers of its own for what guests do; this is no trap of a guest.
using RealEngineDeathTest = RealEngineTest;
TEST_F(RealEngineDeathTest, a_fault_in_a_host_call_is_a_strike_of_the_guest_that_made_it) {
    const auto wasm = read_component("probe");
    if (!wasm) {
        GTEST_SKIP() << "examples/components/prebuilt/probe.wasm is not there";
    }
    const auto crash = [this] {
        (void)use("probe");
        telemetry::set_log_sink([](const telemetry::Record& record) {
            const auto of_the_call = [](const telemetry::Field& field) {
                return field.key == "stream" && field.value == "log";
            };
            if (std::any_of(record.fields.begin(), record.fields.end(), of_the_call)) {
                touch_what_is_not_there();
            }
        });
        (void)run("speak:ahoy");
        std::_Exit(0);
    };
    EXPECT_EXIT(crash(), [](int status) { return status != 0; }, "");
    base::SystemClock clock;
    telemetry::Metrics metrics;
    const auto quarantine = Quarantine::open(dir_.path() / "strikes", clock, metrics).value();
    const auto struck = quarantine->list();
    ASSERT_EQ(struck.size(), 1U);
    EXPECT_EQ(struck.begin()->first, types::ComponentDigest(hash::sha256(*wasm)));
    EXPECT_EQ(struck.begin()->second.times.size(), 1U);
}

TEST_F(RealEngineTest, a_trap_of_a_guest_is_no_strike) {
    WAVS_USE("probe");
    EXPECT_THAT(text("crash"), HasSubstr("component_error"));
    base::SystemClock clock;
    telemetry::Metrics metrics;
    EXPECT_TRUE(Quarantine::open(dir_.path() / "strikes", clock, metrics).value()->list().empty());
}

}  // namespace
}  // namespace wavs::engine
