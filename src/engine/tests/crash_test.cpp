// SPDX-License-Identifier: Apache-2.0
// Processes that die: what is held against the component that ran.
#include "strikes.hpp"
#include "support.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/rt/testing/fake_library.hpp"
#include "wavs/rt/testing/wait.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

#include <unistd.h>

#include <barrier>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>

namespace wavs::engine {
namespace {

using rt::testing::FakeAnswer;
using rt::testing::FakeGuest;
using ::testing::ExitedWithCode;
using ::testing::KilledBySignal;

// Who catches a fault besides the node, and says so.
constexpr const char* kReport =
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
    "AddressSanitizer";
#else
    "";
#endif
#else
    "";
#endif

const base::Bytes kWasm = {1, 2, 3};

// A node's engine, made in the process that dies.
class Doomed {
public:
    explicit Doomed(const std::filesystem::path& data)
        : blobs_(data / "ca"),
          quarantine_(Quarantine::open(data / "strikes", clock_, metrics_).value()) {
        Options options;
        options.data = data;
        (void)quarantine_->watch(fake_.library());
        engine_ = Engine::create(options, {.blocking = runtime_.blocking(),
                                           .metrics = metrics_,
                                           .store = store_,
                                           .blobs = blobs_,
                                           .library = fake_.library(),
                                           .quarantine = *quarantine_})
                      .value();
    }

    void run(const std::function<void()>& guest, int runs = 1) {
        fake_.on_run([guest](const FakeGuest& /*guest*/) {
            guest();
            return FakeAnswer{};
        });
        const auto digest = blobs_.put(kWasm).value();
        const auto service = snapshot_of(service_with(component_of_digest(digest)));
        (void)rt::testing::wait(context_, engine_->prepare(digest, World::Operator));
        async::TaskGroup others(runtime_.io(), "others");
        for (int i = 1; i < runs; ++i) {
            others.spawn("run",
                         forget(async::as_task(engine_->run_operator(operator_job(service)))));
        }
        (void)rt::testing::wait(context_,
                                async::as_task(engine_->run_operator(operator_job(service))));
    }

private:
    static async::Task<void> forget(async::Task<base::Result<OperatorOutcome>> task) {
        (void)co_await std::move(task);
    }

    rt::testing::FakeLibrary fake_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 2}};
    boost::asio::io_context context_;
    base::SystemClock clock_;
    telemetry::Metrics metrics_;
    storage::MemoryStore store_;
    storage::BlobStore blobs_;
    std::unique_ptr<Quarantine> quarantine_;
    std::unique_ptr<Engine> engine_;
};

class CrashDeathTest : public ::testing::Test {
protected:
    std::vector<StrikeLine> strikes() {
        std::ifstream file(dir_.path() / "strikes", std::ios::binary);
        const std::string text(std::istreambuf_iterator<char>(file), {});
        return parse_strikes(text, "strikes").value().lines;
    }
    void die(const std::function<void()>& guest, int runs = 1) {
        Doomed(dir_.path()).run(guest, runs);
        std::_Exit(0);
    }
    TempDir dir_;
};

TEST_F(CrashDeathTest, a_fatal_signal_inside_a_guest_is_one_strike) {
    EXPECT_EXIT(die([] { (void)std::raise(SIGABRT); }), KilledBySignal(SIGABRT), "");
    const auto found = strikes();
    ASSERT_EQ(found.size(), 1U);
    storage::BlobStore blobs(dir_.path() / "ca");
    const auto digest = blobs.put(kWasm).value();
    const auto service = snapshot_of(service_with(component_of_digest(digest)));
    EXPECT_EQ(found[0].digest, digest);
    EXPECT_EQ(found[0].service, service.id);
    EXPECT_EQ(found[0].event, operator_job(service).event_id);
    EXPECT_EQ(found[0].signal, SIGABRT);
    EXPECT_GT(found[0].at.seconds(), 1'600'000'000U);
}

TEST_F(CrashDeathTest, each_signal_that_a_fault_brings_counts_and_a_sanitizer_still_reports) {
    const auto ended = [](int status) { return status != 0; };
    const std::vector<std::pair<int, std::string>> signals = {
        {SIGSEGV, kReport}, {SIGBUS, kReport}, {SIGFPE, kReport}, {SIGILL, ""}, {SIGABRT, ""}};
    for (const auto& [number, report] : signals) {
        EXPECT_EXIT(die([number] { (void)std::raise(number); }), ended, report);
        const auto found = strikes();
        ASSERT_EQ(found.size(), 1U) << number;
        EXPECT_EQ(found[0].signal, number);
        std::filesystem::remove(dir_.path() / "strikes");
    }
}

TEST_F(CrashDeathTest, a_fault_of_the_node_itself_is_no_strike) {
    const auto outside = [this] {
        Doomed doomed(dir_.path());
        doomed.run([] {});
        (void)std::raise(SIGABRT);
    };
    EXPECT_EXIT(outside(), KilledBySignal(SIGABRT), "");
    EXPECT_TRUE(strikes().empty());
}

TEST_F(CrashDeathTest, what_comes_from_outside_is_no_strike) {
    EXPECT_EXIT(die([] { (void)std::raise(SIGKILL); }), KilledBySignal(SIGKILL), "");
    EXPECT_EXIT(die([] { (void)::pthread_sigqueue(::pthread_self(), SIGABRT, {}); }),
                KilledBySignal(SIGABRT), "");
    EXPECT_TRUE(strikes().empty());
}

TEST_F(CrashDeathTest, of_two_guests_that_crash_at_once_one_gets_the_strike) {
    const auto both = [this] {
        std::barrier together(2);
        die(
            [&together] {
                together.arrive_and_wait();
                (void)std::raise(SIGABRT);
            },
            2);
    };
    EXPECT_EXIT(both(), KilledBySignal(SIGABRT), "");
    EXPECT_EQ(strikes().size(), 1U);
}

TEST_F(CrashDeathTest, a_run_that_ends_well_leaves_no_trace) {
    EXPECT_EXIT(die([] {}), ExitedWithCode(0), "");
    EXPECT_TRUE(strikes().empty());
}

}  // namespace
}  // namespace wavs::engine
