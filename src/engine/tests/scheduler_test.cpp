// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include "support.hpp"
#include "wavs/async/queue_stats.hpp"
#include "wavs/async/task_group.hpp"

#include <gmock/gmock.h>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <thread>

namespace wavs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Class = Scheduler::Class;

types::ServiceId service(std::uint8_t n) { return id_of<types::ServiceId>(n); }

class SchedulerTest : public ::testing::Test {
protected:
    // Waits for a turn, notes it under `name`, and keeps it until released.
    async::Flow<base::Result<void>> take(Scheduler& scheduler, std::string name,
                                         types::ServiceId id, Class priority) {
        auto permit = co_await scheduler.acquire(id, priority, stop_.get_token());
        if (!permit.has_value()) {
            errors_.push_back(name + ":" + std::string(permit.error().code().view()));
            co_return base::ok();
        }
        order_.push_back(name);
        held_.emplace(name, std::move(permit.value()));
        co_return base::ok();
    }
    void ask(Scheduler& scheduler, const std::string& name, std::uint8_t id,
             Class priority = Class::Operator) {
        async::start(take(scheduler, name, service(id), priority),
                     [](const auto& end) { EXPECT_EQ(end.fault, nullptr); });
    }
    void release(const std::string& name) { held_.extract(name); }
    void release_all() {
        while (!held_.empty()) {
            release(held_.begin()->first);
        }
    }

    std::stop_source stop_;
    std::vector<std::string> order_;
    std::vector<std::string> errors_;
    std::map<std::string, Scheduler::Permit> held_;
};

TEST_F(SchedulerTest, a_free_slot_is_given_at_once) {
    Scheduler scheduler({.max_running = 2, .max_running_per_service = 2, .capacity = 1});
    ask(scheduler, "a", 1);
    ask(scheduler, "b", 1);
    EXPECT_THAT(order_, ElementsAre("a", "b"));
    EXPECT_EQ(scheduler.running(), 2U);
    ask(scheduler, "c", 1);
    EXPECT_EQ(scheduler.waiting(), 1U);
    release("a");
    EXPECT_THAT(order_, ElementsAre("a", "b", "c"));
}

TEST_F(SchedulerTest, services_take_turns) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 100});
    ask(scheduler, "first", 9);
    for (const char* name : {"a1", "a2", "a3"}) {
        ask(scheduler, name, 1);
    }
    ask(scheduler, "b1", 2);
    ask(scheduler, "c1", 3);
    ask(scheduler, "c2", 3);
    release_all();
    EXPECT_THAT(order_, ElementsAre("first", "a1", "b1", "c1", "a2", "c2", "a3"));
}

TEST_F(SchedulerTest, a_service_stops_at_its_share) {
    Scheduler scheduler({.max_running = 3, .max_running_per_service = 2, .capacity = 100});
    ask(scheduler, "a1", 1);
    ask(scheduler, "a2", 1);
    ask(scheduler, "a3", 1);
    EXPECT_EQ(scheduler.running(), 2U);
    ask(scheduler, "b1", 2);
    EXPECT_THAT(order_, ElementsAre("a1", "a2", "b1"));
    release("b1");
    EXPECT_EQ(scheduler.waiting(), 1U);
    release("a1");
    EXPECT_THAT(order_, ElementsAre("a1", "a2", "b1", "a3"));
}

TEST_F(SchedulerTest, aggregator_runs_go_first) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 100});
    ask(scheduler, "first", 9);
    ask(scheduler, "op", 1);
    ask(scheduler, "agg", 2, Class::Aggregator);
    release_all();
    EXPECT_THAT(order_, ElementsAre("first", "agg", "op"));
}

TEST_F(SchedulerTest, a_full_queue_refuses_and_is_metered) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 1});
    ask(scheduler, "a", 1);
    ask(scheduler, "b", 1);
    ask(scheduler, "c", 1);
    EXPECT_THAT(errors_, ElementsAre("c:queue_full"));
    bool seen = false;
    for (const auto& stats : async::QueueRegistry::instance().living()) {
        if (stats->name == "engine.runs" && stats->capacity == 1) {
            seen = true;
            EXPECT_EQ(stats->depth, 1U);
            EXPECT_EQ(stats->full_count, 1U);
        }
    }
    EXPECT_TRUE(seen);
}

TEST_F(SchedulerTest, a_stopped_waiter_leaves_the_line) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 10});
    ask(scheduler, "a", 1);
    ask(scheduler, "b", 1);
    EXPECT_EQ(scheduler.waiting(), 1U);
    std::exchange(stop_, std::stop_source()).request_stop();
    EXPECT_EQ(scheduler.waiting(), 0U);
    EXPECT_THAT(errors_, ElementsAre("b:cancelled"));
    ask(scheduler, "c", 1);
    release("a");
    EXPECT_EQ(scheduler.running(), 1U);
    EXPECT_THAT(order_, ElementsAre("a", "c"));
}

TEST_F(SchedulerTest, a_waiter_that_was_stopped_before_never_waits) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 10});
    ask(scheduler, "a", 1);
    stop_.request_stop();
    ask(scheduler, "b", 1);
    EXPECT_EQ(scheduler.waiting(), 0U);
    EXPECT_THAT(errors_, ElementsAre("b:cancelled"));
}

async::Flow<base::Result<void>> hold_shortly(Scheduler& scheduler, types::ServiceId id, int& left) {
    const auto permit = co_await scheduler.acquire(id, Class::Operator, {});
    --left;
    co_return base::ok();
}

TEST_F(SchedulerTest, runs_that_end_at_once_do_not_pile_up_on_the_stack) {
    constexpr int kMany = 100'000;
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = kMany});
    ask(scheduler, "a", 1);
    int left = kMany;
    for (int i = 0; i < kMany; ++i) {
        async::start(hold_shortly(scheduler, service(1), left), [](const auto&) {});
    }
    EXPECT_EQ(left, kMany);
    release("a");
    EXPECT_EQ(left, 0);
}

TEST_F(SchedulerTest, close_cancels_who_waits_and_who_comes) {
    Scheduler scheduler({.max_running = 1, .max_running_per_service = 1, .capacity = 10});
    ask(scheduler, "a", 1);
    ask(scheduler, "b", 1);
    scheduler.close();
    ask(scheduler, "c", 1);
    EXPECT_THAT(errors_, ElementsAre("b:cancelled", "c:cancelled"));
    release("a");
    EXPECT_EQ(scheduler.running(), 0U);
}

TEST_F(SchedulerTest, a_permit_and_a_waiter_outlive_the_scheduler) {
    auto scheduler = std::make_unique<Scheduler>(
        Scheduler::Options{.max_running = 1, .max_running_per_service = 1, .capacity = 10});
    ask(*scheduler, "a", 1);
    ask(*scheduler, "b", 1);
    scheduler.reset();
    EXPECT_THAT(errors_, ElementsAre("b:cancelled"));
    release("a");
    EXPECT_THAT(held_, IsEmpty());
}

async::Task<void> work(Scheduler& scheduler, types::ServiceId id, std::atomic<int>& inside,
                       std::atomic<int>& most, std::atomic<int>& done) {
    for (int i = 0; i < 50; ++i) {
        const auto permit =
            co_await async::as_task(scheduler.acquire(id, Class::Operator, std::stop_token()));
        if (!permit.has_value()) {
            co_return;
        }
        const int now = ++inside;
        int seen = most;
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        co_await async::yield_now();
        --inside;
        ++done;
    }
}

TEST_F(SchedulerTest, limits_hold_across_threads) {
    Scheduler scheduler({.max_running = 5, .max_running_per_service = 2, .capacity = 1000});
    std::atomic<int> inside = 0;
    std::atomic<int> most = 0;
    std::atomic<int> done = 0;
    boost::asio::io_context context;
    async::TaskGroup group(async::make_strand(context.get_executor()), "stress");
    for (std::uint8_t i = 0; i < 20; ++i) {
        group.spawn_on(async::make_strand(context.get_executor()), "work",
                       work(scheduler, service(i % 4), inside, most, done));
    }
    std::thread other([&context] { context.run(); });
    context.run();
    other.join();
    EXPECT_EQ(done, 1000);
    EXPECT_LE(most, 5);
    EXPECT_EQ(scheduler.running(), 0U);
}

}  // namespace
}  // namespace wavs::engine
