// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/channel.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/semaphore.hpp"
#include "wavs/async/supervisor.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <atomic>

namespace wavs::async {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class AsyncTest : public ::testing::Test {
protected:
    // Runs everything that can run now; what waits for time or for others stays.
    void settle() {
        context_.restart();
        context_.poll();
    }
    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    testing::FakeTimers timers_{clock_};
    base::SeededRandom random_{1};
    TaskGroup group_{context_.get_executor(), "test"};
};

Task<void> send_many(Channel<int>& channel, int count, std::vector<bool>& sent) {
    for (int i = 0; i < count; ++i) {
        auto result = co_await channel.send(i);
        sent.push_back(result.has_value());
        if (!result.has_value()) {
            co_return;
        }
    }
}

Task<void> receive_many(Channel<int>& channel, std::vector<int>& got) {
    while (true) {
        auto item = co_await channel.receive();
        if (!item.has_value()) {
            co_return;
        }
        got.push_back(item.value());
    }
}

TEST_F(AsyncTest, channel_waits_when_full_and_keeps_order) {
    Channel<int> channel(context_.get_executor(), "q", 2);
    std::vector<bool> sent;
    std::vector<int> got;
    group_.spawn("sender", send_many(channel, 5, sent));
    settle();
    EXPECT_EQ(sent.size(), 2U);
    EXPECT_EQ(channel.stats().depth.load(), 2U);
    group_.spawn("receiver", receive_many(channel, got));
    settle();
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2, 3, 4}));
    EXPECT_GE(channel.stats().full_count.load(), 1U);
}

struct Crate {
    std::size_t bottles = 0;
};
std::size_t queue_weight(const Crate& crate) { return crate.bottles; }

TEST_F(AsyncTest, channel_counts_the_places_that_items_say_they_take) {
    Channel<Crate> crates(context_.get_executor(), "crates", 10, WhenFull::Reject);
    EXPECT_TRUE(crates.try_send({9}).has_value());
    EXPECT_TRUE(crates.try_send({6}).has_value()) << "a place was left";
    EXPECT_EQ(crates.try_send({1}).error().kind(), base::ErrorKind::Overloaded);
    EXPECT_EQ(crates.stats().depth.load(), 15U);
    EXPECT_EQ(crates.size(), 2U);
    EXPECT_EQ(crates.try_receive()->bottles, 9U);
    EXPECT_TRUE(crates.try_send({1}).has_value());
    EXPECT_EQ(crates.stats().depth.load(), 7U);
    Channel<Crate> latest(context_.get_executor(), "latest", 2, WhenFull::DropOldest);
    EXPECT_TRUE(latest.try_send({3}).has_value());
    EXPECT_TRUE(latest.try_send({1}).has_value());
    EXPECT_EQ(latest.stats().depth.load(), 1U) << "the crate of three went";
}

TEST_F(AsyncTest, channel_close_loses_no_item) {
    Channel<int> channel(context_.get_executor(), "q", 10);
    std::vector<bool> sent;
    std::vector<int> got;
    group_.spawn("sender", send_many(channel, 3, sent));
    settle();
    channel.close();
    EXPECT_FALSE(channel.try_send(9).has_value());
    group_.spawn("receiver", receive_many(channel, got));
    settle();
    EXPECT_EQ(got, (std::vector<int>{0, 1, 2}));
    EXPECT_EQ(group_.running(), 0U);
}

TEST_F(AsyncTest, channel_policies_when_full) {
    Channel<int> reject(context_.get_executor(), "reject", 1, WhenFull::Reject);
    EXPECT_TRUE(reject.try_send(1).has_value());
    EXPECT_EQ(reject.try_send(2).error().kind(), base::ErrorKind::Overloaded);
    Channel<int> drop(context_.get_executor(), "drop", 1, WhenFull::DropOldest);
    EXPECT_TRUE(drop.try_send(1).has_value());
    EXPECT_TRUE(drop.try_send(2).has_value());
    EXPECT_EQ(drop.stats().dropped.load(), 1U);
    std::vector<int> got;
    group_.spawn("receiver", receive_many(drop, got));
    settle();
    EXPECT_EQ(got, std::vector<int>{2});
}

TEST_F(AsyncTest, cancelled_receiver_does_not_swallow_a_wake_up) {
    Channel<int> channel(context_.get_executor(), "q", 4);
    std::vector<int> first;
    std::vector<int> second;
    TaskGroup doomed(context_.get_executor(), "doomed");
    doomed.spawn("first", receive_many(channel, first));
    settle();
    group_.spawn("second", receive_many(channel, second));
    settle();
    group_.spawn("stop", [](TaskGroup& g, Timers& t) -> Task<void> {
        co_await g.stop(t, seconds(1));
    }(doomed, timers_));
    settle();
    EXPECT_TRUE(channel.try_send(7).has_value());
    settle();
    EXPECT_EQ(second, std::vector<int>{7});
}

TEST_F(AsyncTest, queue_registry_lists_living_queues_only) {
    const auto before = QueueRegistry::instance().living().size();
    {
        const Channel<int> channel(context_.get_executor(), "short-lived", 1);
        EXPECT_EQ(QueueRegistry::instance().living().size(), before + 1);
    }
    EXPECT_EQ(QueueRegistry::instance().living().size(), before);
}

Task<void> sleeper(Timers& timers, bool& cancelled) {
    auto slept = co_await timers.sleep_for(seconds(3600));
    cancelled = !slept.has_value();
}

TEST_F(AsyncTest, group_stop_cancels_and_waits) {
    bool cancelled = false;
    group_.spawn("sleeper", sleeper(timers_, cancelled));
    settle();
    std::vector<std::string> left{"unset"};
    TaskGroup other(context_.get_executor(), "other");
    other.spawn("stop", [](TaskGroup& g, Timers& t, std::vector<std::string>& out) -> Task<void> {
        out = co_await g.stop(t, seconds(1));
    }(group_, timers_, left));
    settle();
    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(left.empty());
    EXPECT_FALSE(group_.spawn("late", sleeper(timers_, cancelled)));
}

Task<void> never_ends(OneShot<bool> forever) {
    while (true) {
        // Deaf to cancellation on purpose: it resets its state as careless clean-up code would.
        co_await boost::asio::this_coro::reset_cancellation_state(
            boost::asio::disable_cancellation());
        co_await forever.wait();
    }
}

TEST_F(AsyncTest, group_stop_names_who_did_not_end) {
    const OneShot<bool> forever(context_.get_executor());
    group_.spawn("stuck", never_ends(forever));
    settle();
    std::vector<std::string> left;
    TaskGroup other(context_.get_executor(), "other");
    other.spawn("stop", [](TaskGroup& g, Timers& t, std::vector<std::string>& out) -> Task<void> {
        out = co_await g.stop(t, seconds(1));
    }(group_, timers_, left));
    settle();
    timers_.advance(seconds(2));
    settle();
    EXPECT_EQ(left, std::vector<std::string>{"test/stuck"});
}

Task<base::Result<int>> slow(Timers& timers) {
    WAVS_CO_TRY(co_await timers.sleep_for(seconds(10)));
    co_return 1;
}

TEST_F(AsyncTest, with_timeout_ends_the_slow_one) {
    std::optional<base::Result<int>> result;
    group_.spawn("t", [](Timers& t, std::optional<base::Result<int>>& out) -> Task<void> {
        out = co_await with_timeout<int>(t, seconds(1), "slow call", slow(t));
    }(timers_, result));
    settle();
    timers_.advance(seconds(1));
    settle();
    ASSERT_TRUE(result.has_value());
    EXPECT_EQ(result->error().kind(), base::ErrorKind::Timeout);
    EXPECT_EQ(result->error().message(), "slow call: no answer within 1000 ms");
}

Task<base::Result<void>> fail(int& starts) {
    ++starts;
    if (starts == 2) {
        throw std::runtime_error("thrown");
    }
    co_return base::Error(base::ErrorKind::Unavailable, "x", "chain gone");
}

TEST_F(AsyncTest, supervisor_restarts_and_reports) {
    int starts = 0;
    std::vector<std::string> errors;
    Supervisor supervisor(context_.get_executor(), timers_, random_, [&](const TaskStatus& status) {
        if (status.state == TaskStatus::State::Restarting) {
            errors.push_back(*status.last_error);
        }
    });
    supervisor.run("triggers/evm", context_.get_executor(), [&starts] { return fail(starts); });
    settle();
    EXPECT_EQ(starts, 1);
    timers_.advance(seconds(1));
    settle();
    EXPECT_EQ(starts, 2);
    EXPECT_EQ(errors, (std::vector<std::string>{"chain gone", "thrown"}));
    EXPECT_EQ(supervisor.status().at(0).restarts, 2U);
    EXPECT_EQ(supervisor.status().at(0).state, TaskStatus::State::Restarting);
}

Task<void> count_up(Mutex& mutex, int& inside, int& most, int& total) {
    auto guard = co_await mutex.lock();
    ++inside;
    most = std::max(most, inside);
    co_await yield_now();
    --inside;
    ++total;
}

TEST_F(AsyncTest, mutex_lets_one_in_at_a_time) {
    Mutex mutex(context_.get_executor());
    int inside = 0;
    int most = 0;
    int total = 0;
    for (int i = 0; i < 20; ++i) {
        group_.spawn("user", count_up(mutex, inside, most, total));
    }
    settle();
    EXPECT_EQ(most, 1);
    EXPECT_EQ(total, 20);
}

Task<void> lock_and_sleep(Mutex& mutex, Timers& timers) {
    auto guard = co_await mutex.lock();
    auto slept = co_await timers.sleep_for(seconds(1));
    static_cast<void>(slept);
}

TEST_F(AsyncTest, a_waiter_of_a_mutex_that_is_stopped_lets_nobody_in) {
    Mutex mutex(context_.get_executor());
    group_.spawn("holder", lock_and_sleep(mutex, timers_));
    settle();
    {
        TaskGroup stopped(context_.get_executor(), "stopped");
        stopped.spawn("waiter", lock_and_sleep(mutex, timers_));
        settle();
    }
    int inside = 0;
    int most = 0;
    int total = 0;
    group_.spawn("user", count_up(mutex, inside, most, total));
    settle();
    EXPECT_EQ(total, 0) << "the holder is still in";
    timers_.advance(seconds(1));
    settle();
    EXPECT_EQ(total, 1);
}

Task<void> pass(Semaphore& semaphore, int& inside, int& most, int& total) {
    auto permit = co_await semaphore.acquire();
    if (!permit.has_value()) {
        co_return;
    }
    ++inside;
    most = std::max(most, inside);
    co_await yield_now();
    --inside;
    ++total;
}

Task<void> hold(Semaphore& semaphore, Timers& timers, bool& cancelled) {
    auto permit = co_await semaphore.acquire();
    cancelled = !permit.has_value();
    auto slept = co_await timers.sleep_for(seconds(1));
    static_cast<void>(slept);
}

TEST_F(AsyncTest, semaphore_lets_so_many_in_and_loses_no_permit) {
    Semaphore semaphore(3);
    int inside = 0;
    int most = 0;
    int total = 0;
    for (int i = 0; i < 20; ++i) {
        group_.spawn("user", pass(semaphore, inside, most, total));
    }
    settle();
    EXPECT_EQ(most, 3);
    EXPECT_EQ(total, 20);
    // Those that wait are cancelled, those that are in end: all permits are free again.
    std::array<bool, 5> cancelled{};
    {
        TaskGroup stopped(context_.get_executor(), "stopped");
        for (auto& one : cancelled) {
            stopped.spawn("holder", hold(semaphore, timers_, one));
        }
        settle();
    }
    settle();
    most = 0;
    for (int i = 0; i < 5; ++i) {
        group_.spawn("user", pass(semaphore, inside, most, total));
    }
    settle();
    EXPECT_EQ(most, 3);
    EXPECT_EQ(total, 25);
}

TEST(Backoff, grows_with_jitter_and_stops_at_its_most) {
    base::SeededRandom random(3);
    Backoff backoff(milliseconds(100), milliseconds(350), random);
    const auto first = backoff.next();
    EXPECT_GE(first, milliseconds(50));
    EXPECT_LE(first, milliseconds(100));
    backoff.next();
    for (int i = 0; i < 10; ++i) {
        EXPECT_LE(backoff.next(), milliseconds(350));
    }
}

Task<int> use_blocking_pool(Executor pool, Executor io) {
    auto value = co_await run_blocking(pool, io, [] { return base::Result<int>(41); });
    co_return value.value() + 1;
}

TEST(Runtime, blocking_work_comes_back) {
    Runtime runtime({.io_threads = 2, .blocking_threads = 1});
    EXPECT_EQ(runtime.run(use_blocking_pool(runtime.blocking(), runtime.io())), 42);
}

Task<int> hammer(Executor io, Timers& timers) {
    Channel<int> channel(io, "hammer", 8);
    TaskGroup group(make_strand(io), "hammer");
    std::atomic<int> received{0};
    for (int i = 0; i < 4; ++i) {
        group.spawn_on(make_strand(io), "rx",
                       [](Channel<int>& c, std::atomic<int>& n) -> Task<void> {
                           while ((co_await c.receive()).has_value()) {
                               ++n;
                           }
                       }(channel, received));
    }
    TaskGroup senders(make_strand(io), "senders");
    std::atomic<int> done{0};
    for (int i = 0; i < 4; ++i) {
        senders.spawn_on(make_strand(io), "tx",
                         [](Channel<int>& c, std::atomic<int>& d) -> Task<void> {
                             for (int k = 0; k < 500; ++k) {
                                 (void)co_await c.send(k);
                             }
                             ++d;
                         }(channel, done));
    }
    while (done < 4) {
        co_await yield_now();
    }
    channel.close();
    while (group.running() > 0) {
        co_await yield_now();
    }
    (void)co_await senders.stop(timers, seconds(5));
    co_return received.load();
}

TEST(Channel, many_threads_lose_nothing) {
    Runtime runtime({.io_threads = 3, .blocking_threads = 1});
    SystemTimers timers;
    EXPECT_EQ(runtime.run(hammer(runtime.io(), timers)), 2000);
}

}  // namespace
}  // namespace wavs::async
