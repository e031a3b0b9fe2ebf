// SPDX-License-Identifier: Apache-2.0
#include "aggregator_fixture.hpp"

namespace wavs::aggregator {
namespace {

using testing::AggregatorTest;
using testing::chain;
using ::testing::ElementsAre;

TEST_F(AggregatorTest, quorum_at_once_posts_and_burns) {
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_TRUE(stored().tx_hash.has_value());
    EXPECT_THAT(components_.callbacks, ElementsAre("ok"));
}

TEST_F(AggregatorTest, waiting_is_told_once_and_tried_again_by_timer) {
    target_->checks = {{QuorumCheck::State::Waiting, "Insufficient Quorum: x"},
                       {QuorumCheck::State::Waiting, "Insufficient Quorum: x"}};
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Collecting);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(10));
    EXPECT_EQ(target_->posts, 1);
    EXPECT_THAT(components_.callbacks, ElementsAre("Insufficient Quorum: x", "ok"));
}

TEST_F(AggregatorTest, results_beyond_the_share_of_a_service_wait_on_disk_for_their_turn) {
    target_->checks.assign(3, {QuorumCheck::State::Waiting, "Insufficient Quorum: x"});
    for (std::uint8_t input = 1; input <= 5; ++input) {
        auto record = result(input);
        storage::Batch batch;
        batch.put(storage::Keyspace::Results, types::result_key(input, 0), types::encode(record));
        ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
        submit(std::move(record));
    }
    EXPECT_EQ(components_.processed, 3);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(components_.processed, 5);
    EXPECT_EQ(target_->posts, 5);
    EXPECT_EQ(stored(5).state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_of_before_the_start_is_read_when_its_turn_comes) {
    storage::Batch batch;
    batch.put(storage::Keyspace::Results, types::result_key(1, 0), types::encode(result(1)));
    ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
    aggregator_->resume(service_->id, 1, 0);
    aggregator_->resume(service_->id, 2, 0);  // gone
    settle();
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_that_was_posted_is_not_posted_again) {
    submit(result());
    build();
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(components_.callbacks.size(), 1U);
}

TEST_F(AggregatorTest, an_open_queue_expires) {
    target_->checks.assign(10'000, {QuorumCheck::State::Waiting, "not yet"});
    submit(result());
    for (int i = 0; i < 700 && stored().state == types::ResultState::Collecting; ++i) {
        pass(std::chrono::seconds(300));
    }
    EXPECT_EQ(stored().state, types::ResultState::Expired);
}

TEST_F(AggregatorTest, a_timer_action_delays_and_asks_again) {
    components_.actions = {types::TimerAction{3}};
    submit(result());
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(2));
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(1));
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, gas_price_is_no_part_of_the_queue) {
    submit(result());
    components_.actions = {types::SubmitAction{types::EvmSubmitAction{chain(), {}, 7}}};
    build();
    submit(result());
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, old_queues_are_erased_and_open_ones_stay) {
    submit(result(1));
    target_->checks.assign(100, {QuorumCheck::State::Waiting, "not yet"});
    submit(result(2));
    Queues queues(store_);
    auto now = clock_.wall_now();
    now.nanos += 1;
    EXPECT_EQ(async::testing::run(context_, queues.clean_up(now)).value(), 1U);
    const auto action = std::get<types::SubmitAction>(components_.actions[0]);
    EXPECT_TRUE(
        queues.load(result(2).submission.event_id, types::target_of(action)).value().has_value());
    EXPECT_FALSE(
        queues.load(result(1).submission.event_id, types::target_of(action)).value().has_value());
}

}  // namespace
}  // namespace wavs::aggregator
