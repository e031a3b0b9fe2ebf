// SPDX-License-Identifier: Apache-2.0
// Block intervals of a scripted chain.
#include "block_bed.hpp"

namespace wavs::triggers {
namespace {

using testing::block_service;
using testing::blocks;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kOtherChain;
using ::testing::SizeIs;
using types::ChainPosition;

TEST_F(BlockSourceTest, each_height_of_the_grid_fires_with_its_head) {
    const auto service = revision({{"a", blocks(3)}});
    start_with({service});
    EXPECT_THAT(heights(), IsEmpty());
    for (int i = 0; i < 6; ++i) {
        mine();
    }
    EXPECT_THAT(heights_under(service), ElementsAre(102, 105));
    tell_head();
    EXPECT_THAT(heights(), IsEmpty()) << "the same head again";
    EXPECT_EQ(source_->status().block_workflows, 1U);
    EXPECT_EQ(source_->status().next_block, 108U);
}

TEST_F(BlockSourceTest, one_request_for_each_head_that_fires_and_none_for_the_others) {
    start_with({revision({{"a", blocks(5)}, {"b", blocks(10)}})});
    mine();
    const auto before = log_requests();
    for (int i = 0; i < 19; ++i) {
        mine();
        tell(chain_evm::Wake{});
    }
    EXPECT_THAT(heights(), ElementsAre(105, 110, 110, 115, 120, 120));
    EXPECT_EQ(log_requests() - before, 4U);
}

TEST_F(BlockSourceTest, a_manager_on_another_chain_needs_no_request) {
    const auto far = block_service(7, {{"a", blocks(1)}}, ChainPosition::end_of(3), kOtherChain);
    start_with({far});
    mine();
    mine();
    EXPECT_THAT(heights(), ElementsAre(101, 102));
    EXPECT_EQ(log_requests(), 0U);
}

TEST_F(BlockSourceTest, skipped_heads_fire_all_heights_between) {
    start_with({revision({{"a", blocks(2)}})});
    chain_.extend('a', 7);
    tell_head();
    EXPECT_THAT(heights(), ElementsAre(102, 104, 106));
    tell(chain_evm::Disconnected{"gone"});
    chain_.extend('a', 4);
    connect();
    EXPECT_THAT(heights(), ElementsAre(108, 110)) << "without waiting for a head";
}

TEST_F(BlockSourceTest, a_restart_makes_up_for_every_height_once) {
    start_with({revision({{"a", blocks(2)}, {"rare", blocks(50)}})});
    mine();
    mine();
    EXPECT_THAT(heights(), ElementsAre(102));
    stop();
    chain_.extend('a', 50);
    start();
    EXPECT_THAT(heights(), SizeIs(25 + 1)) << "also of the one that had never fired";
    EXPECT_EQ(source_->status().next_block, 154U);
    restart();
    mine();
    EXPECT_THAT(heights(), IsEmpty());
    mine();
    EXPECT_THAT(heights(), ElementsAre(154));
}

TEST_F(BlockSourceTest, what_is_lost_before_its_position_comes_again) {
    start_with({revision({{"a", blocks(2)}})});
    mine();
    lose_batches_ = true;
    mine();
    EXPECT_THAT(heights(), IsEmpty());
    stop();
    lose_batches_ = false;
    start();
    EXPECT_THAT(heights(), ElementsAre(102));
}

TEST_F(BlockSourceTest, a_chain_with_nothing_but_block_intervals_is_followed) {
    const std::vector far = {
        block_service(7, {{"a", blocks(4)}}, ChainPosition::end_of(3), kOtherChain)};
    start_with(far);
    stop();
    chain_.extend('a', 10);
    start();
    EXPECT_THAT(heights(), ElementsAre(104, 108)) << "at once, however long the next block takes";
    tell(chain_evm::Disconnected{"gone"});
    chain_.extend('a', 4);
    connect();
    EXPECT_THAT(heights(), ElementsAre(112));
    node_.result("eth_chainId", "\"0x1\"");
    follow_link();
    chain_.extend('a', 3);
    advance(std::chrono::seconds(2));
    EXPECT_THAT(heights(), ElementsAre(116)) << "the heads are subscribed to";
}

TEST_F(BlockSourceTest, without_an_answer_a_registration_begins_at_the_first_head) {
    node_.error("eth_blockNumber", R"({"code":-32000,"message":"busy"})");
    start_with({block_service(7, {{"a", blocks(1)}}, {}, kOtherChain)});
    chain_.extend('a', 5);
    tell_head();
    EXPECT_THAT(heights(), IsEmpty());
    mine();
    EXPECT_THAT(heights(), ElementsAre(106));
}

TEST_F(BlockSourceTest, a_registration_at_an_endpoint_that_lags_behind_fires_nothing_older) {
    const auto first = block_service(7, {{"a", blocks(1)}}, {}, kOtherChain);
    start_with({first});
    mine();
    EXPECT_THAT(heights(), ElementsAre(101));
    node_.result("eth_blockNumber", "\"0x50\"");
    set_services({first, block_service(8, {{"b", blocks(1)}}, {}, kOtherChain)});
    EXPECT_THAT(heights(), IsEmpty());
    mine();
    EXPECT_THAT(heights(), ElementsAre(102, 102));
}

TEST_F(BlockSourceTest, with_confirmations_a_height_fires_when_it_is_so_deep) {
    start_with({revision({{"a", blocks(5)}})}, 3);
    for (int i = 0; i < 7; ++i) {
        mine();
    }
    EXPECT_THAT(heights(), IsEmpty());
    mine();
    EXPECT_THAT(heights(), ElementsAre(105));
}

TEST_F(BlockSourceTest, a_reorganisation_repeats_nothing_and_takes_nothing_back) {
    start_with({revision({{"a", blocks(2)}})});
    for (int i = 0; i < 4; ++i) {
        mine();
    }
    EXPECT_THAT(heights(), ElementsAre(102, 104));
    chain_.cut(102);
    mine('b');
    EXPECT_EQ(retractions_.size(), 1U);
    mine('b');
    EXPECT_THAT(heights(), IsEmpty()) << "lower heights, all done";
    for (int i = 0; i < 3; ++i) {
        mine('b');
    }
    EXPECT_THAT(heights(), ElementsAre(106));
}

TEST_F(BlockSourceTest, a_long_range_goes_in_pieces_that_wait_for_room) {
    start_with({block_service(7, {{"a", blocks(1)}}, {}, kOtherChain)});
    take_ = Take::Nothing;
    chain_.extend('a', 10'000);
    tell_head();
    EXPECT_LT(batches_->stats().depth.load(), 2U * 256U) << "one piece fills the queue";
    take_ = Take::All;
    for (int i = 0; i < 100 && ticks_.size() < 10'000; ++i) {
        take_batches();
        settle();
    }
    EXPECT_THAT(heights(), SizeIs(10'000));
    EXPECT_EQ(largest_batch_, 256U);
}

TEST_F(BlockSourceTest, what_others_have_on_their_way_does_not_hold_heights_back) {
    start_with({block_service(7, {{"a", blocks(1)}}, {}, kOtherChain)});
    take_ = Take::Nothing;
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(batches_->try_send({}).has_value());
    }
    mine();
    take_ = Take::All;
    take_batches();
    EXPECT_THAT(heights(), ElementsAre(101));
}

TEST_F(BlockSourceTest, events_of_the_chain_do_not_wait_for_a_long_range) {
    auto service = std::make_shared<types::RegisteredService>(
        *block_service(7, {{"a", blocks(1)}}, {}, kOtherChain));
    service->service.workflows[types::WorkflowId()].trigger =
        types::EvmEventTrigger{FakeChain::kContract, kKey, FakeChain::kTopic};
    start_with({service});
    take_ = Take::Nothing;
    chain_.extend('a', 1'000);
    ASSERT_TRUE(events_->try_send(chain_evm::HeadSeen{chain_.header(chain_.head())}).has_value());
    ASSERT_TRUE(events_->try_send(chain_evm::LogSeen{chain_.log(chain_.head())}).has_value());
    settle();
    std::vector<std::size_t> kinds;
    for (; auto batch = batches_->try_receive(); settle()) {
        for (const auto& event : batch->events) {
            kinds.push_back(event.action.data.index());
        }
    }
    EXPECT_THAT(kinds, SizeIs(1'001));
    EXPECT_EQ(
        std::find(kinds.begin(), kinds.end(), types::TriggerData(types::EvmEventData()).index()) -
            kinds.begin(),
        256)
        << "behind the first piece";
}

TEST_F(BlockSourceTest, more_than_the_cap_is_counted_and_told_once) {
    options_.max_catchup = 3;
    start_with({revision({{"a", blocks(2)}})});
    chain_.extend('a', 50);
    tell_head();
    EXPECT_THAT(heights(), ElementsAre(146, 148, 150));
    EXPECT_EQ(dropped(), 22);
    EXPECT_EQ(log_.count("too many heights of block intervals were missed"), 1U);
    EXPECT_EQ(log_.count("heights=22"), 1U);
}

TEST_F(BlockSourceTest, a_block_counts_as_read_when_its_height_has_fired) {
    start_with({block_service(7, {{"a", blocks(5)}}, {}, kOtherChain)});
    EXPECT_TRUE(source_->has_read(104));
    EXPECT_FALSE(source_->has_read(105));
    chain_.extend('a', 5);
    tell_head();
    EXPECT_TRUE(source_->has_read(105));
}

}  // namespace
}  // namespace wavs::triggers
