// SPDX-License-Identifier: Apache-2.0
#include "head_probe.hpp"

#include <gtest/gtest.h>

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = HeadProbe::Verdict;

class HeadProbeTest : public ::testing::Test {
protected:
    HeadProbeTest() { probe_.subscribed(now_); }
    /// A block each 12 seconds.
    void heads(std::uint64_t from, std::uint64_t to) {
        for (auto number = from; number <= to; ++number) {
            now_ += seconds(12);
            probe_.on_head(number, now_);
        }
    }
    bool due_after(base::Duration wait) {
        now_ += wait;
        return probe_.due(now_);
    }
    base::SteadyTime now_;
    HeadProbe probe_{seconds(2), seconds(1)};
};

TEST_F(HeadProbeTest, a_silent_subscription_is_found_within_two_block_times) {
    heads(1, 10);
    EXPECT_FALSE(due_after(seconds(17)));
    EXPECT_TRUE(due_after(seconds(1)));
    EXPECT_EQ(probe_.answered(11, now_), Verdict::Fine);  // it may be on its way
    EXPECT_FALSE(due_after(milliseconds(900)));
    EXPECT_TRUE(due_after(milliseconds(100)));
    EXPECT_EQ(probe_.answered(11, now_), Verdict::Silent);
}

TEST_F(HeadProbeTest, a_head_that_comes_late_is_no_silence) {
    heads(1, 10);
    ASSERT_TRUE(due_after(seconds(18)));
    EXPECT_EQ(probe_.answered(11, now_), Verdict::Fine);
    probe_.on_head(11, now_);
    EXPECT_FALSE(due_after(seconds(1)));
    ASSERT_TRUE(due_after(seconds(20)));
    EXPECT_EQ(probe_.answered(12, now_), Verdict::Fine);
}

TEST_F(HeadProbeTest, a_chain_that_stands_still_is_quiet) {
    heads(1, 10);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(due_after(seconds(18)));
        EXPECT_EQ(probe_.answered(10, now_), Verdict::Quiet);
        EXPECT_FALSE(probe_.due(now_));
    }
}

TEST_F(HeadProbeTest, a_new_subscription_learns_where_the_chain_is) {
    ASSERT_TRUE(due_after(seconds(3)));
    EXPECT_EQ(probe_.answered(500, now_), Verdict::Fine);
    ASSERT_TRUE(due_after(seconds(3)));
    EXPECT_EQ(probe_.answered(501, now_), Verdict::Fine);
    ASSERT_TRUE(due_after(seconds(1)));
    EXPECT_EQ(probe_.answered(501, now_), Verdict::Silent);
    EXPECT_EQ(probe_.silent_in_a_row(), 1U);
    probe_.on_head(502, now_);
    EXPECT_EQ(probe_.silent_in_a_row(), 0U);
}

TEST_F(HeadProbeTest, one_of_blocks_faster_than_the_tick_is_asked_once_a_tick) {
    for (std::uint64_t number = 1; number < 10; ++number) {
        now_ += milliseconds(10);
        probe_.on_head(number, now_);
    }
    EXPECT_EQ(probe_.block_time(), milliseconds(10));
    EXPECT_FALSE(due_after(milliseconds(990)));
    EXPECT_TRUE(due_after(milliseconds(10)));
}

}  // namespace
}  // namespace wavs::chain_evm
