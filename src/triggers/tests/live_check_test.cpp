// SPDX-License-Identifier: Apache-2.0
#include "source_bed.hpp"

#include "wavs/triggers/live_check.hpp"

namespace wavs::triggers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

chain_evm::LogFilter filter_of_chain() {
    return {.addresses = {FakeChain::kContract}, .topics = {FakeChain::kTopic}};
}

class LiveCheckTest : public ::testing::Test {
protected:
    LiveCheckTest() { check_.start(filter_of_chain(), 10); }
    /// Each of these may hold logs of the filter when `full`.
    void heads(std::uint64_t from, std::uint64_t to, bool full) {
        for (auto number = from; number <= to; ++number) {
            now_ += seconds(2);
            chain_evm::BlockHeader header;
            header.number = number;
            header.logs_bloom.emplace().fill(full ? 0xff : 0);
            check_.on_head(header, now_);
        }
    }
    std::optional<BlockRange> due(std::uint64_t settled) { return check_.due(settled, now_); }
    void ask(std::uint64_t settled) {
        const auto range = due(settled);
        ASSERT_TRUE(range.has_value());
        check_.asked(*range, settled, now_);
    }

    base::SteadyTime now_;
    LiveCheck check_;
};

TEST_F(LiveCheckTest, blocks_whose_header_excludes_the_filter_cost_no_question) {
    heads(11, 30, false);
    EXPECT_EQ(due(28), std::nullopt);
    EXPECT_EQ(check_.checked_to(), 28U);
}

TEST_F(LiveCheckTest, a_block_that_may_match_is_asked_for_when_the_chain_is_past_it) {
    heads(11, 13, false);
    heads(14, 14, true);
    EXPECT_EQ(due(12), std::nullopt);
    heads(15, 16, false);
    EXPECT_EQ(due(14), (BlockRange{11, 14}));
    EXPECT_EQ(check_.checked_to(), 13U);
    ask(14);
    EXPECT_EQ(check_.checked_to(), 14U);
    now_ += seconds(1);
    EXPECT_EQ(due(14), std::nullopt);
}

TEST_F(LiveCheckTest, a_block_whose_head_did_not_come_is_asked_for) {
    heads(11, 12, false);
    heads(14, 16, false);
    EXPECT_EQ(due(14), (BlockRange{11, 14}));
}

TEST_F(LiveCheckTest, a_header_without_the_filter_says_nothing) {
    chain_evm::BlockHeader header;
    header.number = 11;
    check_.on_head(header, now_);
    heads(12, 13, false);
    EXPECT_EQ(due(11), (BlockRange{11, 11}));
}

TEST_F(LiveCheckTest, many_short_blocks_cost_one_question) {
    heads(11, 13, true);
    ask(11);
    for (std::uint64_t number = 14; number < 100; ++number) {
        chain_evm::BlockHeader header;
        header.number = number;
        now_ += milliseconds(2);
        check_.on_head(header, now_);
        EXPECT_EQ(due(number - 2).has_value(),
                  now_ - base::SteadyTime() == seconds(6) + milliseconds(200));
        if (due(number - 2)) {
            ask(number - 2);
        }
    }
}

TEST_F(LiveCheckTest, headers_are_not_believed_for_ever) {
    heads(11, 11 + LiveCheck::kBelieve - 1, false);
    EXPECT_EQ(due(10 + LiveCheck::kBelieve), std::nullopt);
    heads(11 + LiveCheck::kBelieve, 11 + LiveCheck::kBelieve, false);
    EXPECT_EQ(due(11 + LiveCheck::kBelieve), (BlockRange{11, 11 + LiveCheck::kBelieve}));
}

TEST_F(LiveCheckTest, headers_that_lied_once_are_not_believed_again) {
    heads(11, 14, false);
    check_.on_log(12);
    EXPECT_EQ(due(12), (BlockRange{11, 12}));
    ask(12);
    heads(15, 20, false);
    EXPECT_EQ(due(18), (BlockRange{13, 18}));
}

TEST_F(LiveCheckTest, when_no_head_comes_the_newest_blocks_are_looked_at_once) {
    heads(11, 14, true);
    ask(12);
    EXPECT_EQ(due(12), std::nullopt);
    now_ += seconds(10);
    EXPECT_EQ(due(12), (BlockRange{13, 14}));
    ask(12);
    EXPECT_EQ(check_.checked_to(), 12U);
    now_ += seconds(10);
    EXPECT_EQ(due(12), std::nullopt);
    heads(15, 16, true);
    EXPECT_EQ(due(14), (BlockRange{13, 14}));
}

TEST_F(LiveCheckTest, a_broken_link_has_nothing_to_ask_for) {
    heads(11, 20, true);
    check_.stop();
    EXPECT_EQ(due(18), std::nullopt);
    check_.start(filter_of_chain(), 30);
    EXPECT_EQ(due(18), std::nullopt);
    EXPECT_EQ(check_.checked_to(), 30U);
}

/// A source whose link loses logs.
class LiveSourceTest : public SourceTest {
protected:
    std::size_t asked() const { return node_.count("eth_getLogs"); }
    void pass(base::Duration time) {
        clock_.advance(time);
        tell(chain_evm::Wake{});
    }
    /// A block, of which the link tells the head only.
    std::uint64_t mine_unseen_event(char branch) {
        chain_.extend(branch);
        chain_.add_log(chain_.head());
        tell_head();
        return chain_.head();
    }
    void mine(char branch, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) {
            chain_.extend(branch);
            pass(seconds(1));
            tell_head();
        }
    }
};

TEST_F(LiveSourceTest, a_log_that_the_link_did_not_bring_is_found_two_blocks_later) {
    start();
    const auto block = mine_unseen_event('a');
    expect_events_of_chain({});
    mine('a', 2);
    expect_events_of_chain({block});
    EXPECT_EQ(delivered_, 1U);
}

TEST_F(LiveSourceTest, what_the_link_did_bring_is_not_delivered_twice) {
    start();
    const auto block = mine_event('a');
    mine('a', 4);
    expect_events_of_chain({block});
    EXPECT_EQ(delivered_, 1U);
    EXPECT_GT(asked(), 1U);
}

TEST_F(LiveSourceTest, a_log_that_comes_after_it_was_found_is_dropped) {
    start();
    const auto block = mine_unseen_event('a');
    mine('a', 2);
    tell_log(block);
    EXPECT_EQ(delivered_, 1U);
}

TEST_F(LiveSourceTest, the_newest_block_is_looked_at_when_the_chain_stands_still) {
    start();
    const auto block = mine_unseen_event('a');
    expect_events_of_chain({});
    pass(seconds(10));
    expect_events_of_chain({block});
}

TEST_F(LiveSourceTest, blocks_count_as_read_only_after_they_were_asked_for) {
    start();
    const auto before = source_->status().covered_to;
    node_.error("eth_getLogs", R"({"code":-32000,"message":"no"})");
    mine('a', 5);
    EXPECT_EQ(source_->status().covered_to, before);
    chain_.serve(node_);
    pass(seconds(1));
    EXPECT_EQ(source_->status().covered_to, chain_.head() - 2);
}

TEST_F(LiveSourceTest, an_endpoint_that_lags_behind_is_asked_again) {
    start();
    const auto block = mine_unseen_event('a');
    node_.answers["eth_getLogs"] = [](const std::string&) { return "\"result\":[]"; };
    node_.answers["eth_getBlockByNumber"] = [](const std::string&) { return "\"result\":null"; };
    mine('a', 3);
    expect_events_of_chain({});
    chain_.serve(node_);
    pass(seconds(1));
    expect_events_of_chain({block});
}

TEST_F(LiveSourceTest, a_log_of_another_branch_has_the_chain_compared) {
    start();
    const auto first = mine_event('a');
    mine('a', 1);
    chain_.replace(first, 'b');
    chain_.add_log(first);
    // The link says nothing of it; the next question does.
    pass(seconds(10));
    chain_.extend('b');
    tell_head();
    expect_events_of_chain({first});
    EXPECT_EQ(retractions_.size(), 1U);
}

}  // namespace
}  // namespace wavs::triggers
