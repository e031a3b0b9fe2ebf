// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/shared_read.hpp"

#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

namespace wavs::async {
namespace {

using std::chrono::seconds;

class SharedReadTest : public ::testing::Test {
protected:
    void settle() {
        context_.restart();
        context_.poll();
    }
    Task<base::Result<int>> ask() {
        ++asked_;
        WAVS_CO_TRY(co_await timers_.sleep_for(seconds(1)));
        if (fails_) {
            co_return base::Error(base::ErrorKind::Unavailable, "gone", "gone");
        }
        co_return asked_;
    }
    static Task<void> get(SharedReadTest& test) {
        test.got_.push_back(co_await test.read_.get([&test] { return test.ask(); }));
    }
    Task<base::Result<int>> ask_at_once() { co_return ++asked_; }
    static Task<void> get_from(SharedReadTest& test, SharedRead<int>& read,
                               std::optional<base::Result<int>>& out) {
        out = co_await read.get([&test] { return test.ask_at_once(); });
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    testing::FakeTimers timers_{clock_};
    SharedRead<int> read_{clock_, seconds(5)};
    int asked_ = 0;
    bool fails_ = false;
    std::vector<base::Result<int>> got_;
    TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(SharedReadTest, who_comes_meanwhile_gets_the_same_answer_and_it_holds) {
    for (int i = 0; i < 10; ++i) {
        group_.spawn("get", get(*this));
    }
    settle();
    timers_.advance(seconds(1));
    settle();
    ASSERT_EQ(got_.size(), 10U);
    EXPECT_EQ(asked_, 1);
    group_.spawn("get", get(*this));
    settle();
    EXPECT_EQ(got_.size(), 11U);
    EXPECT_EQ(asked_, 1);
    timers_.advance(seconds(4));
    group_.spawn("get", get(*this));
    settle();
    EXPECT_EQ(asked_, 2) << "it holds from the moment it was asked";
}

TEST_F(SharedReadTest, a_failure_is_told_to_all_who_wait_and_not_kept) {
    fails_ = true;
    for (int i = 0; i < 10; ++i) {
        group_.spawn("get", get(*this));
    }
    settle();
    timers_.advance(seconds(1));
    settle();
    ASSERT_EQ(got_.size(), 10U);
    for (const auto& one : got_) {
        EXPECT_FALSE(one.has_value());
    }
    EXPECT_EQ(asked_, 1);
    fails_ = false;
    group_.spawn("get", get(*this));
    settle();
    EXPECT_EQ(asked_, 2);
}

TEST_F(SharedReadTest, when_the_one_who_asks_is_stopped_another_asks) {
    {
        TaskGroup first(context_.get_executor(), "first");
        first.spawn("get", get(*this));
        settle();
        for (int i = 0; i < 3; ++i) {
            group_.spawn("get", get(*this));
        }
        settle();
        EXPECT_EQ(asked_, 1);
    }
    settle();
    timers_.advance(seconds(1));
    settle();
    EXPECT_EQ(asked_, 2);
    EXPECT_EQ(std::count_if(got_.begin(), got_.end(), [](const auto& r) { return r.has_value(); }),
              3);
}

TEST_F(SharedReadTest, how_long_an_answer_holds_may_depend_on_it) {
    SharedRead<int> read(clock_, [](const int& answer) { return seconds(answer == 1 ? 10 : 2); });
    const auto ask_now = [&] {
        std::optional<base::Result<int>> out;
        group_.spawn("get", get_from(*this, read, out));
        settle();
        return out->value();
    };
    EXPECT_EQ(ask_now(), 1);
    timers_.advance(seconds(9));
    EXPECT_EQ(ask_now(), 1);
    timers_.advance(seconds(1));
    EXPECT_EQ(ask_now(), 2);
    timers_.advance(seconds(2));
    EXPECT_EQ(ask_now(), 3);
}

TEST_F(SharedReadTest, what_was_forgotten_meanwhile_is_not_kept) {
    group_.spawn("get", get(*this));
    settle();
    read_.forget();
    timers_.advance(seconds(1));
    settle();
    EXPECT_EQ(got_.size(), 1U);
    group_.spawn("get", get(*this));
    settle();
    EXPECT_EQ(asked_, 2);
}

}  // namespace
}  // namespace wavs::async
