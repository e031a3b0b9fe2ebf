// SPDX-License-Identifier: Apache-2.0
#include "engine_fixture.hpp"

namespace wavs::engine {
namespace {

using rt::testing::FakeAnswer;
using rt::testing::FakeGuest;
using rt::testing::FakeStatus;
using ::testing::HasSubstr;

TEST_F(EngineTest, options_reach_the_library) {
    options_.max_runs = 300;
    (void)engine();
    ASSERT_TRUE(fake_.options().has_value());
    EXPECT_EQ(fake_.options()->max_in_flight, 300U);
    EXPECT_EQ(fake_.options()->pool_slots, 300U);
    EXPECT_EQ(fake_.options()->component_cache, 20U);
    EXPECT_EQ(fake_.options()->max_memory_bytes, 1ULL << 30);
    EXPECT_EQ(fake_.options()->cache_dir, dir_.path() / "cwasm");
}

TEST_F(EngineTest, a_missing_component_is_loaded_once_and_then_run) {
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.output = kOneResponse, .fuel_used = 7};
    });
    const auto outcome = run(service());
    ASSERT_TRUE(outcome.has_value()) << outcome.error().full_text();
    ASSERT_EQ(outcome.value().responses.size(), 1U);
    EXPECT_EQ(outcome.value().responses[0].payload, base::to_bytes("hi"));
    EXPECT_EQ(outcome.value().fuel_used, 7U);
    const auto loads = fake_.loads();
    ASSERT_TRUE(run(service()).has_value());
    EXPECT_EQ(fake_.loads(), loads);
    EXPECT_EQ(fake_.services().size(), 1U);
    EXPECT_EQ(fake_.services()[0], flat_service(*service().service));
}

TEST_F(EngineTest, a_component_that_is_not_stored_is_named) {
    const auto unknown = id_of<types::ComponentDigest>(9);
    const auto outcome = run(snapshot_of(service_with(component_of_digest(unknown))));
    EXPECT_EQ(outcome.error().kind(), base::ErrorKind::NotFound);
    EXPECT_THAT(outcome.error().message(), HasSubstr(types::to_string(unknown)));
}

TEST_F(EngineTest, prepared_components_stay_until_each_is_released) {
    const auto info = wait(engine().prepare(digest_, World::Operator));
    ASSERT_TRUE(info.has_value());
    EXPECT_EQ(info.value().source, LoadSource::Compiled);
    EXPECT_EQ(wait(engine().prepare(digest_, World::Operator)).value().source, LoadSource::Memory);
    EXPECT_TRUE(fake_.pinned(digest_.array()));
    engine().release(digest_);
    EXPECT_TRUE(fake_.known(digest_.array()));
    engine().release(digest_);
    EXPECT_FALSE(fake_.known(digest_.array()));
    engine().release(digest_);
}

TEST_F(EngineTest, a_quarantined_component_is_made_ready_but_not_run_until_it_is_let_off) {
    StrikeLine line;
    line.digest = digest_;
    const auto text = encode(line);
    for (int i = 0; i < 3; ++i) {
        std::ofstream(dir_.path() / "strikes", std::ios::app)
            << std::string_view(text.data(), text.size());
    }
    quarantine_ = Quarantine::open(dir_.path() / "strikes", clock_, metrics_).value();
    EXPECT_TRUE(wait(engine().prepare(digest_, World::Operator)).has_value());
    const auto refused = run(service());
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code().view(), "quarantined");
    EXPECT_EQ(wait(engine().process_input(aggregator_job(submitting_service()))).error().code(),
              base::ErrorCode("quarantined"));
    EXPECT_EQ(fake_.runs(), 0U);
    EXPECT_TRUE(engine().refusal(digest_).has_value());
    const auto other = store_component({4});
    EXPECT_TRUE(run(snapshot_of(service_with(component_of_digest(other)))).has_value());

    ASSERT_TRUE(quarantine_->lift(digest_).has_value());
    EXPECT_TRUE(run(service()).has_value());
}

TEST_F(EngineTest, validation_speaks_of_the_input) {
    fake_.on_load([](World world, base::ByteView wasm) {
        if (wasm[0] == 0) {
            return FakeAnswer{.status = FakeStatus::Compile, .message = "not a component"};
        }
        const bool fits = (wasm[0] == 1) == (world == World::Operator);
        return fits && wasm[0] < 3 ? FakeAnswer{}
                                   : FakeAnswer{.status = FakeStatus::Instantiate,
                                                .message = std::string("no export for ") +
                                                           std::string(rt::to_string(world))};
    });
    const auto check = [&](std::uint8_t first, std::optional<World> world) {
        return wait(
            engine().validate(std::make_shared<const base::Bytes>(base::Bytes{first}), world));
    };
    EXPECT_EQ(check(0, std::nullopt).error().kind(), base::ErrorKind::Invalid);
    EXPECT_EQ(check(0, std::nullopt).error().code(), base::ErrorCode("compile"));
    EXPECT_EQ(check(1, std::nullopt).value().world, World::Operator);
    EXPECT_EQ(check(2, std::nullopt).value().world, World::Aggregator);
    EXPECT_EQ(check(2, World::Operator).error().code(), base::ErrorCode("instantiate"));
    EXPECT_THAT(check(3, std::nullopt).error().message(),
                HasSubstr("neither an operator component (no export for operator)"));
    EXPECT_EQ(types::to_string(check(1, World::Operator).value().digest),
              base::hex(hash::sha256(base::Bytes{1})));
}

TEST_F(EngineTest, a_run_gets_what_manifest_and_node_allow) {
    options_.limits.fuel = 1000;
    options_.limits.time = std::chrono::seconds(5);
    options_.environment = {{"WAVS_ENV_A", "1"}, {"WAVS_ENV_B", "2"}};
    auto component = component_of_digest(digest_);
    component.fuel_limit = 2000;
    component.time_limit_seconds = 3;
    component.permissions = {.file_system = true, .raw_sockets = true};
    component.config = {{"k", "v"}};
    component.env_keys = {"WAVS_ENV_A"};
    const auto of = snapshot_of(service_with(component));
    const auto job = operator_job(of);
    const std::string directory = (dir_.path() / "app" / types::to_string(of.id)).string();
    fake_.on_run([&](const FakeGuest& guest) {
        const auto& got = guest.request();
        EXPECT_EQ(got.entry, rt::Export::Run);
        EXPECT_EQ(got.fuel, 1000U);
        EXPECT_EQ(got.time_ms, 3000U);
        EXPECT_TRUE(got.raw_sockets);
        EXPECT_FALSE(got.dns);
        EXPECT_EQ(got.env->size(), 1U);
        EXPECT_EQ(got.config->at(0).value, "v");
        EXPECT_EQ(got.service_id, of.id.array());
        EXPECT_EQ(got.event_id, job.event_id.array());
        EXPECT_EQ(got.trace_id, job.trace_id.array());
        EXPECT_EQ(got.workflow_id, "default");
        EXPECT_EQ(got.input, flat_trigger_action(*job.action));
        EXPECT_EQ(got.data_dir, directory);
        EXPECT_TRUE(std::filesystem::is_directory(directory));
        EXPECT_TRUE(guest.has_service());
        return FakeAnswer{.output = kNoResponse};
    });
    const telemetry::testing::CapturedLog log;
    ASSERT_TRUE(wait(async::as_task(engine().run_operator(job))).has_value());
    EXPECT_EQ(log.count("limit=fuel_limit"), 1U);
    ASSERT_TRUE(wait(engine().remove_files(of.id)).has_value());
    EXPECT_FALSE(std::filesystem::exists(directory));
    ASSERT_TRUE(wait(async::as_task(engine().run_operator(job))).has_value());
    EXPECT_EQ(log.count("limit=fuel_limit"), 1U);
}

TEST_F(EngineTest, limits_without_a_manifest_are_the_nodes) {
    fake_.on_run([](const FakeGuest& guest) {
        EXPECT_EQ(guest.request().fuel, std::numeric_limits<std::uint64_t>::max());
        EXPECT_EQ(guest.request().time_ms, 300'000U);
        EXPECT_EQ(guest.request().data_dir, "");
        return FakeAnswer{.output = kNoResponse};
    });
    EXPECT_TRUE(run(service()).has_value());
}

TEST_F(EngineTest, high_fuel_use_warns_once) {
    auto component = component_of_digest(digest_);
    component.fuel_limit = 1000;
    const auto of = snapshot_of(service_with(component));
    std::uint64_t used = 800;
    fake_.on_run([&](const FakeGuest& /*guest*/) {
        return FakeAnswer{.output = kNoResponse, .fuel_used = used};
    });
    const telemetry::testing::CapturedLog log;
    (void)run(of);
    EXPECT_EQ(log.count("close to the fuel limit"), 0U);
    used = 801;
    (void)run(of);
    (void)run(of);
    EXPECT_EQ(log.count("close to the fuel limit"), 1U);
}

TEST_F(EngineTest, an_unknown_workflow_is_an_error) {
    auto job = operator_job(service());
    auto action = *job.action;
    action.config.workflow_id = workflow_id("other");
    job.action = std::make_shared<const types::TriggerAction>(action);
    EXPECT_EQ(wait(async::as_task(engine().run_operator(job))).error().code(),
              base::ErrorCode("unknown_workflow"));
}

TEST_F(EngineTest, responses_are_checked) {
    // Two responses without salts.
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.output = responses("02000000"
                                              "000000000000"
                                              "000000000000")};
    });
    EXPECT_EQ(run(service()).error().code(), base::ErrorCode("missing_event_id_salt"));
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.output = responses("02000000"
                                              "0100000061000100000000"
                                              "0100000062000100000000")};
    });
    const telemetry::testing::CapturedLog log;
    const auto outcome = run(service());
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome.value().responses.size(), 1U);
    EXPECT_EQ(outcome.value().dropped_responses, 1U);
    EXPECT_EQ(log.count("were dropped"), 1U);
}

TEST_F(EngineTest, submitted_payloads_have_the_smaller_limit) {
    options_.limits.submitted_payload_bytes = 1;
    fake_.on_run([](const FakeGuest& /*guest*/) { return FakeAnswer{.output = kOneResponse}; });
    EXPECT_TRUE(run(service()).has_value());
    EXPECT_EQ(run(submitting_service()).error().code(), base::ErrorCode("payload_too_large"));
}

TEST_F(EngineTest, host_calls_are_answered) {
    types::ChainConfigs chains;
    types::EvmChainConfig evm{.http_endpoint = "http://secret", .guest_endpoint = "http://public"};
    ASSERT_TRUE(
        chains.add(types::ChainKey::parse("evm:1").value(), {.chain_id = "1", .config = evm})
            .has_value());
    engine().set_chain_configs(std::make_shared<const types::ChainConfigs>(chains));
    const auto of = service();
    const auto job = operator_job(of);
    const auto expected = types::event_id(of.id, workflow_id(), base::to_bytes("salt"));
    fake_.on_run([&](const FakeGuest& guest) {
        const auto found = guest.chain_config(rt::ChainFamily::Evm, "evm:1");
        EXPECT_THAT(std::string(base::as_text(found.value())), HasSubstr("http://public"));
        EXPECT_FALSE(guest.chain_config(rt::ChainFamily::Cosmos, "evm:1").has_value());
        EXPECT_FALSE(guest.chain_config(rt::ChainFamily::Evm, "evm:2").has_value());
        EXPECT_FALSE(guest.chain_config(rt::ChainFamily::Evm, "no key").has_value());
        EXPECT_EQ(guest.event_id(base::to_bytes("salt")), expected.array());
        EXPECT_EQ(guest.kv_set("b", "k", base::to_bytes("v")).answer, rt::Answer::Ok);
        EXPECT_EQ(guest.kv_get("b", "k").bytes, base::to_bytes("v"));
        EXPECT_EQ(guest.kv_exists("b", "k").answer, rt::Answer::Ok);
        EXPECT_EQ(guest.kv_exists("b", "l").answer, rt::Answer::Absent);
        EXPECT_EQ(guest.kv_list("b", std::nullopt).bytes, responses("01000000010000006b00"));
        EXPECT_EQ(guest.kv_increment("b", "k", 5).value, 5);
        EXPECT_EQ(guest.kv_compare_and_swap("b", "k", std::nullopt, {}).answer,
                  rt::Answer::Changed);
        EXPECT_EQ(guest.kv_delete("b", "k").answer, rt::Answer::Ok);
        const auto most = std::numeric_limits<std::int64_t>::max();
        EXPECT_EQ(guest.kv_increment("b", "k", most).bytes, base::to_bytes("overflow"));
        guest.log(rt::LogLevel::Warn, rt::LogSource::Host, "hello");
        return FakeAnswer{.output = kNoResponse};
    });
    const telemetry::testing::CapturedLog log;
    ASSERT_TRUE(wait(async::as_task(engine().run_operator(job))).has_value());
    EXPECT_EQ(log.count("hello"), 1U);
    EXPECT_EQ(log.count("service_id=" + types::to_string(of.id)), 1U);
    EXPECT_EQ(log.count("digest=" + types::to_string(digest_)), 1U);
    EXPECT_EQ(log.count("trace_id=" + types::to_string(job.trace_id)), 1U);
}

TEST_F(EngineTest, runs_are_counted_by_service_and_outcome) {
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.output = kNoResponse, .fuel_used = 5000};
    });
    ASSERT_TRUE(run(service()).has_value());
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = FakeStatus::OutOfFuel, .message = "empty"};
    });
    ASSERT_FALSE(run(service()).has_value());
    const auto page = metrics_.render();
    const auto labels = fmt::format("{{service_id=\"{}\",workflow_id=\"default\"}}",
                                    types::to_string(service().id));
    EXPECT_THAT(page, HasSubstr("engine_operator_executions_success_total" + labels + " 1"));
    EXPECT_THAT(page, HasSubstr("engine_operator_executions_failed_total" + labels + " 1"));
    EXPECT_THAT(page, HasSubstr("engine_execution_seconds_count" + labels + " 2"));
    EXPECT_THAT(page, HasSubstr("engine_total_errors_total{error=\"out_of_fuel\"} 1"));
    EXPECT_THAT(page, HasSubstr("engine_running 0"));
    engine_.reset();
    EXPECT_THAT(metrics_.render(), HasSubstr("engine_running 0"));
}

TEST_F(EngineTest, damaged_output_is_ours_not_the_guests) {
    fake_.on_run([](const FakeGuest& /*guest*/) { return FakeAnswer{.output = {1}}; });
    EXPECT_EQ(run(service()).error().kind(), base::ErrorKind::Bug);
}

async::Task<void> run_into(Engine& engine, OperatorJob job, std::atomic<int>& good,
                           std::atomic<int>& ended) {
    const auto outcome = co_await async::as_task(engine.run_operator(std::move(job)));
    good += outcome.has_value() ? 1 : 0;
    ++ended;
}

TEST_F(EngineTest, no_more_runs_than_allowed_are_in_flight) {
    options_.max_runs = 3;
    options_.max_runs_per_service = 2;
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
    fake_.on_run([&](const FakeGuest& /*guest*/) {
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        std::this_thread::yield();
        --inside;
        return FakeAnswer{.output = kNoResponse};
    });
    std::atomic<int> good = 0;
    std::atomic<int> ended = 0;
    async::TaskGroup group(async::make_strand(runtime_.io()), "runs");
    for (int i = 0; i < 200; ++i) {
        group.spawn("run", run_into(engine(), operator_job(service()), good, ended));
    }
    while (ended < 200) {
        std::this_thread::yield();
    }
    EXPECT_EQ(good, 200);
    EXPECT_LE(most, 2);
    end_threads();
}

TEST_F(EngineTest, stop_interrupts_what_runs_and_cancels_what_waits) {
    options_.max_runs = 1;
    options_.max_runs_per_service = 1;
    std::atomic<bool> started = false;
    fake_.on_run([&](const FakeGuest& guest) {
        started = true;
        while (!guest.cancelled()) {
            std::this_thread::yield();
        }
        return FakeAnswer{.output = kNoResponse};
    });
    ASSERT_TRUE(wait(engine().prepare(digest_, World::Operator)).has_value());
    std::atomic<int> good = 0;
    std::atomic<int> ended = 0;
    async::TaskGroup group(async::make_strand(runtime_.io()), "runs");
    for (int i = 0; i < 3; ++i) {
        group.spawn("run", run_into(engine(), operator_job(service()), good, ended));
    }
    while (!started || engine().status().waiting < 2) {
        std::this_thread::yield();
    }
    rt::testing::wait(context_, [](Engine& e) -> async::Task<int> {
        co_await e.stop(std::chrono::milliseconds(10));
        co_return 0;
    }(engine()));
    while (ended < 3) {
        std::this_thread::yield();
    }
    EXPECT_EQ(good, 0);
    EXPECT_EQ(run(service()).error().kind(), base::ErrorKind::Cancelled);
    end_threads();
}

}  // namespace
}  // namespace wavs::engine
