// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/as_flow.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

namespace wavs::async {
namespace {

using Number = base::Result<int>;

class FlowTest : public ::testing::Test {
protected:
    Flow<Number> next_number() {
        auto number = co_await suspend<int>([&](Completion<int> done) {
            if (number_) {
                done.set(*number_);
            } else {
                waiting_.emplace(std::move(done));
            }
        });
        co_return number;
    }
    Flow<Number> sum(int count) {
        int total = 0;
        for (int i = 0; i < count; ++i) {
            WAVS_CO_TRY(const int number, co_await next_number());
            total += number;
        }
        co_return total;
    }
    void begin(Flow<Number> flow) {
        start(std::move(flow), [this](FlowEnd<Number> end) { end_.emplace(std::move(end)); });
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    testing::FakeTimers timers_{clock_};
    std::optional<int> number_;
    std::optional<Completion<int>> waiting_;
    std::optional<FlowEnd<Number>> end_;
};

TEST_F(FlowTest, goes_on_where_its_wait_is_ended) {
    begin(sum(1));
    ASSERT_TRUE(waiting_);
    EXPECT_FALSE(end_);
    std::thread([this] { waiting_->set(7); }).join();
    ASSERT_TRUE(end_);
    EXPECT_EQ(end_->value->value(), 7);
}

TEST_F(FlowTest, what_is_there_at_once_does_not_pile_up_on_the_stack) {
    number_ = 1;
    begin(sum(100'000));
    ASSERT_TRUE(end_);
    EXPECT_EQ(end_->value->value(), 100'000);
}

TEST_F(FlowTest, an_error_ends_the_flows_above) {
    begin(sum(2));
    waiting_->set(cancelled_error("number"));
    ASSERT_TRUE(end_);
    EXPECT_EQ(end_->value->error().kind(), base::ErrorKind::Cancelled);
}

Flow<Number> thrower() {
    throw std::runtime_error("boom");
    co_return 1;
}

Flow<Number> above_thrower() { co_return co_await thrower(); }

TEST_F(FlowTest, what_is_thrown_reaches_the_end) {
    begin(above_thrower());
    ASSERT_TRUE(end_);
    EXPECT_THROW((void)std::move(*end_).take(), std::runtime_error);
    EXPECT_THROW((void)testing::run(context_, as_task(above_thrower())), std::runtime_error);
}

TEST_F(FlowTest, a_flow_that_is_never_started_is_just_destroyed) {
    const auto flow = sum(1);
    EXPECT_FALSE(waiting_);
}

Task<Number> sleep(Timers& timers) {
    WAVS_CO_TRY(co_await timers.sleep_for(std::chrono::seconds(1)));
    co_return 5;
}

TEST_F(FlowTest, a_task_in_a_flow_gives_its_value) {
    TaskGroup group(context_.get_executor(), "test");
    begin(as_flow(group, "sleep", sleep(timers_)));
    context_.poll();
    EXPECT_FALSE(end_);
    timers_.advance(std::chrono::seconds(1));
    context_.restart();
    context_.poll();
    ASSERT_TRUE(end_);
    EXPECT_EQ(end_->value->value(), 5);
}

TEST_F(FlowTest, a_task_in_a_flow_is_cancelled_with_its_group) {
    TaskGroup group(context_.get_executor(), "test");
    begin(as_flow(group, "sleep", sleep(timers_)));
    context_.poll();
    EXPECT_TRUE(testing::run(context_, group.stop(timers_, std::chrono::seconds(1))).empty());
    ASSERT_TRUE(end_);
    EXPECT_EQ(end_->value->error().kind(), base::ErrorKind::Cancelled);
    end_.reset();
    begin(as_flow(group, "late", sleep(timers_)));
    ASSERT_TRUE(end_) << "a group that has stopped takes no task";
    EXPECT_EQ(end_->value->error().kind(), base::ErrorKind::Cancelled);
}

Task<void> wait_for(Flow<Number> flow, std::optional<Number>& into) {
    into.emplace(co_await as_task(std::move(flow)));
}

TEST_F(FlowTest, a_flow_goes_on_when_the_task_that_waits_is_cancelled) {
    std::optional<Number> result;
    {
        TaskGroup group(context_.get_executor(), "test");
        group.spawn("wait", wait_for(sum(1), result));
        context_.poll();
    }
    context_.restart();
    context_.poll();
    ASSERT_TRUE(result);
    EXPECT_EQ(result->error().kind(), base::ErrorKind::Cancelled);
    waiting_->set(1);
}

// Ends each wait on another thread, which races with the one that began it.
Flow<Number> bounce(Executor pool, int count) {
    int total = 0;
    for (int i = 0; i < count; ++i) {
        const auto one = co_await suspend<int>([&](Completion<int> done) {
            post(pool,
                 [shared = std::make_shared<Completion<int>>(std::move(done))] { shared->set(1); });
        });
        total += one.value();
    }
    co_return total;
}

Task<int> bounce_many(Executor pool) {
    int total = 0;
    for (int i = 0; i < 20; ++i) {
        total += (co_await as_task(bounce(pool, 500))).value();
    }
    co_return total;
}

TEST_F(FlowTest, threads_that_end_waits_early_lose_none) {
    Runtime runtime({.io_threads = 1, .blocking_threads = 3});
    EXPECT_EQ(runtime.run(bounce_many(runtime.blocking())), 10'000);
}

}  // namespace
}  // namespace wavs::async
