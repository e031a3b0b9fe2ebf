// SPDX-License-Identifier: Apache-2.0
#include "source_bed.hpp"

namespace wavs::triggers {
namespace {

using ::testing::HasSubstr;

class ReorgTest : public SourceTest {};

TEST_F(ReorgTest, a_chain_that_only_grows_retracts_nothing) {
    start();
    const auto first = mine_event('a');
    chain_.extend('a');
    tell_head();
    const auto second = mine_event('a');
    EXPECT_TRUE(retractions_.empty());
    expect_events_of_chain({first, second});
    EXPECT_EQ(source_->status().reorgs, 0U);
}

TEST_F(ReorgTest, a_head_with_another_parent_retracts_what_was_replaced) {
    start();
    const auto kept = mine_event('a');
    const auto replaced = mine_event('a');
    chain_.cut(replaced);
    chain_.extend('b');
    chain_.add_log(replaced);
    chain_.extend('b');
    tell_head();
    ASSERT_EQ(retractions_.size(), 1U);
    EXPECT_EQ(retractions_[0].from_block, replaced);
    expect_events_of_chain({kept, replaced});
    EXPECT_EQ(source_->status().reorgs, 1U);
}

TEST_F(ReorgTest, another_head_at_the_same_height_does_as_well) {
    start();
    const auto replaced = mine_event('a');
    chain_.replace(replaced, 'b');
    tell_head();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({});
}

TEST_F(ReorgTest, skipped_heads_are_compared) {
    start();
    const auto replaced = mine_event('a');
    chain_.replace(replaced, 'b');
    chain_.extend('b', 5);
    tell_head();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({});
    chain_.extend('b', 5);
    tell_head();
    EXPECT_EQ(retractions_.size(), 1U) << "skipped, and nothing replaced";
}

TEST_F(ReorgTest, after_a_break_the_chain_is_compared) {
    start();
    const auto replaced = mine_event('a');
    tell(chain_evm::Disconnected{"gone"});
    chain_.replace(replaced, 'b');
    chain_.add_log(replaced);
    connect();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({replaced});
}

TEST_F(ReorgTest, after_a_restart_the_chain_is_compared) {
    start();
    const auto kept = mine_event('a');
    const auto replaced = mine_event('a');
    stop();
    chain_.replace(replaced, 'b');
    chain_.extend('b', 40);
    chain_.add_log(replaced + 7);
    start();
    ASSERT_EQ(retractions_.size(), 1U);
    EXPECT_EQ(retractions_[0].from_block, replaced);
    expect_events_of_chain({kept, replaced + 7});
    restart();
    EXPECT_EQ(retractions_.size(), 1U) << "it is stored with the position";
}

TEST_F(ReorgTest, an_event_whose_head_was_never_seen_is_compared_after_a_restart) {
    start();
    const auto kept = mine_event('a');
    chain_.extend('a');
    chain_.add_log(chain_.head());
    tell_log(chain_.head());
    stop();
    chain_.replace(chain_.head(), 'b');
    start();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({kept});
}

TEST_F(ReorgTest, a_retraction_that_is_not_stored_is_made_again) {
    start();
    const auto replaced = mine_event('a');
    stop();
    chain_.replace(replaced, 'b');
    lose_batches_ = true;
    start();
    EXPECT_TRUE(retractions_.empty());
    stop();
    lose_batches_ = false;
    start();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({});
}

TEST_F(ReorgTest, what_was_stored_without_hashes_is_read_on) {
    start();
    const auto number = mine_event('a');
    stop();
    storage::Batch older;
    older.erase(storage::Keyspace::Coverage, base::as_bytes("evm-hashes/evm:1"));
    ASSERT_TRUE(store_.write_unsynced(older).has_value());
    chain_.replace(number, 'b');
    chain_.extend('b');
    chain_.add_log(chain_.head());
    start();
    EXPECT_TRUE(retractions_.empty());
    EXPECT_TRUE(standing_.contains({chain_.head(), chain_.hash(chain_.head())}));
}

TEST_F(ReorgTest, a_link_ahead_of_the_endpoint_needs_no_comparison_per_head) {
    start();
    chain_.extend('a', 3);
    const auto ahead = chain_.header(chain_.head());
    chain_.cut(chain_.head());
    tell(chain_evm::HeadSeen{ahead});
    chain_.extend('a', 2);
    tell(chain_evm::Wake{});  // what the link brought is checked, which is no comparison
    const auto calls = node_.calls.size();
    tell_head();
    EXPECT_EQ(node_.calls.size(), calls);
}

TEST_F(ReorgTest, a_live_log_of_another_block_is_looked_up) {
    start();
    const auto replaced = mine_event('a');
    const auto late = chain_.log(replaced);
    chain_.replace(replaced, 'b');
    chain_.add_log(replaced);
    tell_log(replaced);
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({replaced});
    tell(chain_evm::LogSeen{late});
    EXPECT_EQ(retractions_.size(), 1U) << "late news of a block that is gone";
    expect_events_of_chain({replaced});
}

TEST_F(ReorgTest, a_log_before_its_head_that_turns_out_otherwise_is_retracted) {
    start();
    mine_event('a');
    chain_.extend('a');
    chain_.add_log(chain_.head());
    tell_log(chain_.head());
    chain_.replace(chain_.head(), 'b');
    tell_head();
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({chain_.head() - 1});
}

TEST_F(ReorgTest, a_removed_log_has_the_chain_compared) {
    start();
    const auto replaced = mine_event('a');
    auto removed = chain_.log(replaced);
    removed.removed = true;
    chain_.cut(replaced);
    chain_.extend('b');
    tell(chain_evm::LogRemoved{removed});
    EXPECT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({});
    const auto calls = node_.calls.size();
    tell(chain_evm::LogRemoved{removed});
    EXPECT_EQ(node_.calls.size(), calls) << "of a block that is gone already";
}

TEST_F(ReorgTest, what_stands_in_the_new_blocks_already_is_kept) {
    start();
    const auto replaced = mine_event('a');
    chain_.replace(replaced, 'b');
    chain_.extend('b');
    chain_.add_log(chain_.head());
    tell_log(chain_.head());
    EXPECT_EQ(standing_.size(), 2U) << "before the head tells that the other is gone";
    const auto delivered = delivered_;
    tell_head();
    EXPECT_EQ(retractions_.size(), 1U);
    EXPECT_TRUE(retractions_[0].kept.contains(chain_.hash(chain_.head())));
    expect_events_of_chain({chain_.head()});
    EXPECT_GT(delivered_, delivered) << "read again, for the journal to drop";
}

TEST_F(ReorgTest, the_first_branch_may_come_back) {
    start();
    const auto number = mine_event('a');
    chain_.replace(number, 'b');
    tell_head();
    expect_events_of_chain({});
    chain_.cut(number);
    chain_.extend('a');
    chain_.add_log(number);
    chain_.extend('a');
    tell_head();
    EXPECT_EQ(retractions_.size(), 2U);
    expect_events_of_chain({number});
}

TEST_F(ReorgTest, an_endpoint_that_lags_behind_replaces_nothing) {
    start();
    const auto number = mine_event('a');
    chain_.cut(number);
    tell(chain_evm::Disconnected{"gone"});
    connect();
    EXPECT_TRUE(retractions_.empty());
    chain_.extend('a');
    chain_.add_log(number);
    tell_head();
    EXPECT_TRUE(retractions_.empty());
    expect_events_of_chain({number});
}

TEST_F(ReorgTest, a_chain_none_of_whose_blocks_is_left_is_read_anew_and_told) {
    start();
    mine_event('a');
    chain_.replace(0, 'b');
    chain_.extend('b');
    tell_head();
    ASSERT_EQ(retractions_.size(), 1U);
    expect_events_of_chain({});
    EXPECT_EQ(log_.count("replaced all blocks that are known"), 1U);
}

TEST_F(ReorgTest, with_confirmations_a_shallow_reorganisation_is_never_seen) {
    start(2);
    chain_.extend('a');
    chain_.add_log(chain_.head());
    const auto number = chain_.head();
    tell_log(number);
    tell_head();
    EXPECT_EQ(delivered_, 0U) << "not deep enough";
    chain_.replace(number, 'b');
    chain_.extend('b');
    chain_.add_log(number);
    tell_head();
    EXPECT_EQ(delivered_, 0U);
    EXPECT_EQ(source_->status().gap_blocks, 0U);
    chain_.extend('b');
    tell_head();
    expect_events_of_chain({number});
    EXPECT_EQ(delivered_, 1U);
    EXPECT_EQ(source_->status().covered_to, number);
    EXPECT_EQ(source_->status().head, number + 2);
}

TEST_F(ReorgTest, with_confirmations_a_deeper_one_retracts) {
    start(1);
    chain_.extend('a');
    chain_.add_log(chain_.head());
    const auto number = chain_.head();
    tell_head();
    chain_.extend('a');
    tell_head();
    expect_events_of_chain({number});
    chain_.replace(number, 'b');
    chain_.extend('b', 1);
    chain_.add_log(number);
    tell_head();
    expect_events_of_chain({number});
    EXPECT_EQ(delivered_, 2U);
}

}  // namespace
}  // namespace wavs::triggers
