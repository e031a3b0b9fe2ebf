// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/engine.hpp"

#include "wavs/async/task_group.hpp"
#include "wavs/rt/testing/fake_library.hpp"
#include "wavs/rt/testing/wait.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace wavs::rt {
namespace {

using ::testing::ElementsAre;
using testing::FakeAnswer;
using testing::FakeGuest;
using testing::FakeStatus;
using ::testing::HasSubstr;

class RecordingHost final : public HostCalls {
public:
    void log(const Origin& origin, LogLevel level, LogSource source,
             std::string_view text) override {
        const std::lock_guard lock(mutex);
        last_log = fmt::format("{} {} {} {} {}", to_string(origin.entry), origin.workflow_id,
                               static_cast<int>(level), static_cast<int>(source), text);
    }
    std::optional<base::Bytes> chain_config(const Origin& /*origin*/, ChainFamily family,
                                            std::string_view key) override {
        if (family == ChainFamily::Evm && key == "evm:1") {
            return base::Bytes{1, 2, 3};
        }
        return std::nullopt;
    }
    std::optional<EventIdBytes> event_id(const Origin& origin, base::ByteView salt) override {
        if (salt.empty()) {
            throw std::runtime_error("no salt");
        }
        EventIdBytes id{};
        id[0] = salt[0];
        id[1] = origin.service_id[0];
        return id;
    }
    Reply kv_get(const Origin& /*origin*/, std::string_view bucket, std::string_view key) override {
        if (key == "boom") {
            throw std::runtime_error("disk on fire");
        }
        if (key == "none") {
            return {Answer::Absent, {}};
        }
        return {Answer::Ok, base::to_bytes(fmt::format("{}/{}", bucket, key))};
    }
    Reply kv_exists(const Origin& /*origin*/, std::string_view /*bucket*/,
                    std::string_view key) override {
        if (key == "odd") {
            throw 7;  // NOLINT(hicpp-exception-baseclass): the trampoline must survive this too
        }
        return {Answer::Absent, {}};
    }
    Reply kv_set(const Origin& /*origin*/, std::string_view /*bucket*/, std::string_view /*key*/,
                 base::ByteView /*value*/) override {
        return other_reply("quota exceeded");
    }
    Reply kv_delete(const Origin& /*origin*/, std::string_view /*bucket*/,
                    std::string_view /*key*/) override {
        return {Answer::AccessDenied, {}};
    }
    Reply kv_list(const Origin& /*origin*/, std::string_view /*bucket*/,
                  std::optional<std::string_view> cursor) override {
        return {Answer::Ok, base::to_bytes(cursor.value_or("<start>"))};
    }
    NumberReply kv_increment(const Origin& /*origin*/, std::string_view /*bucket*/,
                             std::string_view /*key*/, std::int64_t delta) override {
        return {Answer::Ok, {}, delta * 2};
    }
    Reply kv_compare_and_swap(const Origin& /*origin*/, std::string_view /*bucket*/,
                              std::string_view /*key*/, std::optional<base::ByteView> expected,
                              base::ByteView /*value*/) override {
        return {expected ? Answer::Changed : Answer::Ok, {}};
    }
    std::mutex mutex;
    std::string last_log;
};

using Ran = base::Result<RunOutcome>;

async::Flow<Ran> ran(Engine& engine, RunRequest request, std::stop_token stop) {
    co_return co_await engine.run(std::move(request), std::move(stop));
}

class RtTest : public ::testing::Test {
protected:
    void SetUp() override {
        auto made = Engine::create(fake_.library(), {}, host_);
        ASSERT_TRUE(made.has_value()) << made.error().full_text();
        engine_ = std::move(made.value());
    }
    base::Result<Loaded> load(LoadRequest request) {
        return testing::wait(context_, engine_->load(std::move(request)));
    }
    RunOutcome run(RunRequest request = {}) {
        return testing::wait(context_, async::as_task(ran(*engine_, std::move(request), {})))
            .value();
    }
    void load_default() { ASSERT_TRUE(load({.wasm = wasm_}).has_value()); }

    std::shared_ptr<const base::Bytes> wasm_ = std::make_shared<base::Bytes>(base::Bytes{0});
    testing::FakeLibrary fake_;
    RecordingHost host_;
    boost::asio::io_context context_;
    std::unique_ptr<Engine> engine_;
};

TEST_F(RtTest, an_other_interface_version_is_refused_with_both_numbers) {
    engine_.reset();
    fake_.set_abi_version(77);
    const auto made = Engine::create(fake_.library(), {}, host_);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code(), base::ErrorCode("rt_abi"));
    EXPECT_THAT(made.error().message(), HasSubstr("version 77, this node needs 3"));
}

TEST_F(RtTest, options_reach_the_library) {
    engine_.reset();
    auto made = Engine::create(fake_.library(), {.max_in_flight = 9, .cache_dir = "/cache"}, host_);
    ASSERT_TRUE(made.has_value());
    ASSERT_TRUE(fake_.options().has_value());
    EXPECT_EQ(fake_.options()->max_in_flight, 9U);
    EXPECT_EQ(fake_.options()->cache_dir, "/cache");
}

TEST_F(RtTest, load_tells_source_and_imports) {
    fake_.on_load([](World /*world*/, base::ByteView /*wasm*/) {
        return FakeAnswer{.output = {2, 0, 0, 0, 1, 0, 0, 0, 'a', 2, 0, 0, 0, 'b', 'c'}};
    });
    const auto first = load({.pin = Pin::Yes, .wasm = wasm_});
    ASSERT_TRUE(first.has_value());
    EXPECT_EQ(first.value().source, LoadSource::Compiled);
    EXPECT_THAT(first.value().imports, ElementsAre("a", "bc"));
    EXPECT_TRUE(fake_.pinned({}));
    EXPECT_EQ(load({}).value().source, LoadSource::Memory);
    EXPECT_FALSE(load({}).value().selects);
    fake_.set_selects(true);
    EXPECT_TRUE(load({}).value().selects);
    EXPECT_TRUE(engine_->evict({}));
    EXPECT_FALSE(engine_->evict({}));
    EXPECT_EQ(load({}).error().code(), base::ErrorCode("component_not_found"));
}

TEST_F(RtTest, damaged_import_lists_are_cut_not_trusted) {
    fake_.on_load([](World /*world*/, base::ByteView /*wasm*/) {
        return FakeAnswer{.output = {9, 0, 0, 0, 1, 0, 0, 0, 'a', 255, 255, 255, 255, 'b'}};
    });
    EXPECT_THAT(load({.wasm = wasm_}).value().imports, ElementsAre("a"));
}

struct StatusCase {
    FakeStatus status;
    base::ErrorKind kind;
    std::string_view code;
};
class RtStatus : public RtTest, public ::testing::WithParamInterface<StatusCase> {};

TEST_P(RtStatus, becomes_an_error_with_fuel_and_time) {
    load_default();
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = GetParam().status,
                          .message = "because",
                          .fuel_used = 5,
                          .wall = std::chrono::nanoseconds(6)};
    });
    const auto outcome = run();
    ASSERT_FALSE(outcome.output.has_value());
    EXPECT_EQ(outcome.output.error().kind(), GetParam().kind);
    EXPECT_EQ(outcome.output.error().code().view(), GetParam().code);
    EXPECT_EQ(outcome.output.error().message(), "because");
    EXPECT_EQ(outcome.fuel_used, 5U);
    EXPECT_EQ(outcome.wall.count(), 6);
}

INSTANTIATE_TEST_SUITE_P(
    all, RtStatus,
    ::testing::Values(
        StatusCase{FakeStatus::NotFound, base::ErrorKind::NotFound, "component_not_found"},
        StatusCase{FakeStatus::Compile, base::ErrorKind::Guest, "compile"},
        StatusCase{FakeStatus::Instantiate, base::ErrorKind::Guest, "instantiate"},
        StatusCase{FakeStatus::OutOfFuel, base::ErrorKind::Guest, "out_of_fuel"},
        StatusCase{FakeStatus::OutOfTime, base::ErrorKind::Timeout, "out_of_time"},
        StatusCase{FakeStatus::ComponentError, base::ErrorKind::Guest, "component_error"},
        StatusCase{FakeStatus::ExecResult, base::ErrorKind::Guest, "exec_result"},
        StatusCase{FakeStatus::InvalidInput, base::ErrorKind::Bug, "rt_invalid_input"},
        StatusCase{FakeStatus::Filesystem, base::ErrorKind::Unavailable, "guest_files"},
        StatusCase{FakeStatus::Cancelled, base::ErrorKind::Cancelled, "cancelled"},
        StatusCase{FakeStatus::NeedsNewerNode, base::ErrorKind::Unsupported, "needs_newer_node"},
        StatusCase{FakeStatus::Panic, base::ErrorKind::Bug, "rt_panic"},
        StatusCase{FakeStatus::Internal, base::ErrorKind::Unavailable, "rt_internal"}));

TEST_F(RtTest, a_thread_is_in_a_guest_while_it_runs_one) {
    load_default();
    GuestMark mark;
    EXPECT_FALSE(current_guest(fake_.library(), mark));
    fake_.on_run([&](const FakeGuest& /*guest*/) {
        EXPECT_TRUE(current_guest(fake_.library(), mark));
        return FakeAnswer{};
    });
    RunRequest request;
    request.service_id.fill(2);
    request.event_id.fill(3);
    EXPECT_TRUE(run(std::move(request)).output.has_value());
    EXPECT_EQ(mark.digest, Hash{});
    EXPECT_EQ(mark.service_id[31], 2);
    EXPECT_EQ(mark.event_id[19], 3);
}

TEST_F(RtTest, unknown_status_is_a_bug_that_names_it) {
    load_default();
    fake_.on_run([](const FakeGuest& /*guest*/) {
        return FakeAnswer{.status = static_cast<FakeStatus>(99), .message = "?"};
    });
    EXPECT_THAT(run().output.error().message(), HasSubstr("status 99"));
}

TEST_F(RtTest, a_request_arrives_whole) {
    load_default();
    auto service = Service::create(fake_.library(), base::Bytes{4, 4});
    ASSERT_TRUE(service.has_value());
    RunRequest request{.raw_sockets = true,
                       .service = service.value(),
                       .workflow_id = "flow",
                       .input = {1, 2},
                       .fuel = 3,
                       .time_ms = 4,
                       .max_memory_bytes = 5,
                       .env = std::make_shared<Pairs>(Pairs{{"A", "1"}}),
                       .config = std::make_shared<Pairs>(Pairs{{"b", "2"}, {"c", ""}}),
                       .data_dir = "/dir"};
    request.event_id[19] = 9;
    request.trace_id[15] = 8;
    fake_.on_run([](const FakeGuest& guest) {
        const auto& got = guest.request();
        EXPECT_TRUE(guest.has_service());
        EXPECT_TRUE(got.raw_sockets);
        EXPECT_FALSE(got.dns);
        EXPECT_EQ(got.workflow_id, "flow");
        EXPECT_EQ(got.fuel, 3U);
        EXPECT_EQ(got.time_ms, 4U);
        EXPECT_EQ(got.max_memory_bytes, 5U);
        EXPECT_EQ(got.env->at(0).value, "1");
        EXPECT_EQ(got.config->at(1).key, "c");
        EXPECT_EQ(got.data_dir, "/dir");
        EXPECT_EQ(got.event_id[19], 9);
        EXPECT_EQ(got.trace_id[15], 8);
        return FakeAnswer{.output = got.input};
    });
    EXPECT_EQ(run(std::move(request)).output.value(), (base::Bytes{1, 2}));
}

TEST_F(RtTest, a_service_that_does_not_decode_is_an_error) {
    fake_.refuse_services("left-over bytes");
    const auto made = Service::create(fake_.library(), base::Bytes{1});
    EXPECT_EQ(made.error().kind(), base::ErrorKind::Bug);
    EXPECT_EQ(made.error().message(), "left-over bytes");
}

TEST_F(RtTest, host_calls_arrive_and_answers_go_back) {
    load_default();
    RunRequest request{.workflow_id = "flow"};
    request.service_id[0] = 7;
    fake_.on_run([](const FakeGuest& guest) {
        guest.log(LogLevel::Warn, LogSource::Stderr, "hello");
        EXPECT_EQ(guest.chain_config(ChainFamily::Evm, "evm:1"), (base::Bytes{1, 2, 3}));
        EXPECT_FALSE(guest.chain_config(ChainFamily::Cosmos, "evm:1").has_value());
        EXPECT_EQ(guest.event_id(base::Bytes{5})->at(1), 7);
        EXPECT_EQ(guest.kv_get("b", "none").answer, Answer::Absent);
        EXPECT_EQ(guest.kv_get("b", "k").bytes, base::to_bytes("b/k"));
        EXPECT_EQ(guest.kv_set("b", "k", {}).bytes, base::to_bytes("quota exceeded"));
        EXPECT_EQ(guest.kv_delete("b", "k").answer, Answer::AccessDenied);
        EXPECT_EQ(guest.kv_list("b", std::nullopt).bytes, base::to_bytes("<start>"));
        EXPECT_EQ(guest.kv_list("b", "x").bytes, base::to_bytes("x"));
        EXPECT_EQ(guest.kv_increment("b", "k", 21).value, 42);
        EXPECT_EQ(guest.kv_compare_and_swap("b", "k", std::nullopt, {}).answer, Answer::Ok);
        EXPECT_EQ(guest.kv_compare_and_swap("b", "k", base::ByteView(), {}).answer,
                  Answer::Changed);
        return FakeAnswer{};
    });
    EXPECT_TRUE(run(std::move(request)).output.has_value());
    EXPECT_EQ(host_.last_log, "run flow 1 2 hello");
}

TEST_F(RtTest, a_throwing_host_call_is_an_answer) {
    load_default();
    fake_.on_run([](const FakeGuest& guest) {
        const auto failed = guest.kv_get("b", "boom");
        EXPECT_EQ(failed.answer, Answer::Other);
        EXPECT_EQ(failed.bytes, base::to_bytes("disk on fire"));
        EXPECT_EQ(guest.kv_exists("b", "odd").bytes, base::to_bytes("the node failed"));
        EXPECT_FALSE(guest.event_id({}).has_value());
        return FakeAnswer{};
    });
    EXPECT_TRUE(run().output.has_value());
}

TEST_F(RtTest, a_run_that_is_asked_to_stop_is_interrupted) {
    load_default();
    std::atomic<bool> started = false;
    std::atomic<bool> interrupted = false;
    fake_.on_run([&](const FakeGuest& guest) {
        started = true;
        while (!guest.cancelled()) {
            std::this_thread::yield();
        }
        interrupted = true;
        return FakeAnswer{};
    });
    std::optional<RunOutcome> outcome;
    std::stop_source stop;
    async::start(ran(*engine_, {}, stop.get_token()),
                 [&](async::FlowEnd<Ran> end) { outcome = std::move(end).take().value(); });
    while (!started) {
        std::this_thread::yield();
    }
    stop.request_stop();
    engine_->shutdown(std::chrono::seconds(5));
    ASSERT_TRUE(outcome.has_value());
    EXPECT_EQ(outcome->output.error().kind(), base::ErrorKind::Cancelled);
    EXPECT_TRUE(interrupted);
    EXPECT_EQ(fake_.cancels(), 1U);
}

TEST_F(RtTest, after_shutdown_everything_is_cancelled) {
    load_default();
    engine_->shutdown(std::chrono::milliseconds(1));
    EXPECT_EQ(run().output.error().kind(), base::ErrorKind::Cancelled);
    EXPECT_EQ(load({.wasm = wasm_}).error().kind(), base::ErrorKind::Cancelled);
}

async::Task<void> run_many(Engine& engine, int count, std::atomic<int>& done) {
    for (int i = 0; i < count; ++i) {
        const auto outcome = co_await async::as_task(ran(engine, {.input = {1}}, {}));
        done += outcome.value().output.has_value() ? 1 : 0;
    }
}

TEST_F(RtTest, many_runs_from_many_threads) {
    load_default();
    fake_.on_run([](const FakeGuest& guest) {
        guest.log(LogLevel::Info, LogSource::Host, "");
        return FakeAnswer{.output = guest.kv_get("b", "k").bytes};
    });
    host_.last_log.clear();
    std::atomic<int> done = 0;
    boost::asio::io_context context;
    async::TaskGroup group(async::make_strand(context.get_executor()), "stress");
    for (int i = 0; i < 16; ++i) {
        group.spawn_on(async::make_strand(context.get_executor()), "runs",
                       run_many(*engine_, 100, done));
    }
    std::thread other([&context] { context.run(); });
    context.run();
    other.join();
    engine_->shutdown(std::chrono::seconds(5));
    EXPECT_EQ(done, 1600);
    EXPECT_EQ(fake_.runs(), 1600U);
}

}  // namespace
}  // namespace wavs::rt
