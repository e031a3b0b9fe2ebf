// SPDX-License-Identifier: Apache-2.0
// Block intervals, and the manifests that are announced meanwhile.
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

class BlockUpdatesTest : public BlockSourceTest {};

TEST_F(BlockUpdatesTest, heights_behind_an_announcement_wait_for_its_manifest) {
    const auto first = revision({{"a", blocks(1)}});
    start_with({first});
    mine();
    const auto at = announce("b");
    tell_announcement(at);
    tell_head();
    mine();
    mine();
    EXPECT_THAT(heights_under(first), ElementsAre(101, 102))
        << "102 is the block of the announcement";
    ASSERT_THAT(changes_, SizeIs(1));
    EXPECT_EQ(changes_[0].second, 2U) << "both before anyone hears of the new manifest";
    const auto second = revision({{"a", blocks(1)}}, at);
    set_services({second});
    EXPECT_THAT(heights_under(second), ElementsAre(103, 104));
    mine();
    EXPECT_THAT(heights_under(second), ElementsAre(105));
}

TEST_F(BlockUpdatesTest, a_changed_interval_counts_from_its_announcement) {
    start_with({revision({{"a", blocks(2)}})});
    mine();
    const auto at = announce("b");
    tell_announcement(at);
    for (int i = 0; i < 6; ++i) {
        mine();
    }
    EXPECT_THAT(heights(), ElementsAre(102));
    const auto second = revision({{"a", blocks(3)}}, at);
    set_services({second});
    EXPECT_THAT(heights_under(second), ElementsAre(105, 108));
}

TEST_F(BlockUpdatesTest, a_manifest_that_does_not_come_lets_the_heights_go_on) {
    const auto first = revision({{"a", blocks(1)}});
    start_with({first});
    const auto at = announce("b");
    tell_announcement(at);
    mine();
    mine();
    EXPECT_THAT(heights(), ElementsAre(101));
    source_->resume(first->id, at);
    settle();
    EXPECT_THAT(heights_under(first), ElementsAre(102, 103));
    mine();
    EXPECT_THAT(heights_under(first), ElementsAre(104));
}

TEST_F(BlockUpdatesTest, an_announcement_whose_log_is_late_counts_at_its_block) {
    const auto first = revision({{"a", blocks(1)}});
    start_with({first});
    const auto at = announce("b");
    tell_head();
    mine();
    EXPECT_THAT(heights_under(first), ElementsAre(101)) << "the link has not told of it yet";
    ASSERT_THAT(changes_, SizeIs(1));
    tell_announcement(at);
    EXPECT_THAT(changes_, SizeIs(1)) << "the log that comes after all is known";
    const auto second = revision({{"a", blocks(1)}}, at);
    set_services({second});
    EXPECT_THAT(heights_under(second), ElementsAre(102));
}

TEST_F(BlockUpdatesTest, an_announcement_that_comes_before_the_gap_is_read_overtakes_none) {
    start_with({revision({})});
    tell(chain_evm::Disconnected{"test"});
    const auto first = announce("b");
    const auto second = announce("c");
    tell_announcement(second);
    EXPECT_THAT(changes_, IsEmpty()) << "the link does not say yet that nothing is missing";
    connect();
    ASSERT_THAT(changes_, SizeIs(2));
    EXPECT_EQ(changes_[0].first.at, first);
    EXPECT_EQ(changes_[1].first.at, second);
}

TEST_F(BlockUpdatesTest, each_of_several_announcements_while_the_node_was_down_has_its_heights) {
    const auto first = revision({{"a", blocks(5)}});
    start_with({first});
    stop();
    chain_.extend('a', 11);
    const auto b = announce("b");
    chain_.extend('a', 7);
    const auto c = announce("c");
    chain_.extend('a', 10);
    start();
    EXPECT_THAT(heights_under(first), ElementsAre(105, 110));
    ASSERT_THAT(changes_, SizeIs(2));
    EXPECT_EQ(changes_[0].second, 2U);
    const auto second = revision({{"a", blocks(5)}}, b);
    set_services({second});
    EXPECT_THAT(heights_under(second), ElementsAre(115, 120)) << c.block;
    const auto third = revision({{"a", blocks(5)}}, c);
    set_services({third});
    EXPECT_THAT(heights_under(third), ElementsAre(125, 130));
}

TEST_F(BlockUpdatesTest, what_waits_when_the_manifest_says_pause_is_not_made_up_for) {
    start_with({revision({{"a", blocks(1)}})});
    const auto pause = announce("paused");
    tell_announcement(pause);
    mine();
    EXPECT_THAT(heights(), ElementsAre(101));
    set_services({revision({{"a", blocks(1)}}, pause, types::ServiceStatus::Paused)});
    mine();
    const auto active = announce("active");
    tell_announcement(active);
    mine();
    set_services({revision({{"a", blocks(1)}}, active)});
    EXPECT_THAT(heights(), ElementsAre(active.block + 1));
}

TEST_F(BlockUpdatesTest, without_an_answer_heights_wait_for_the_next_head_and_others_go_on) {
    const auto other = block_service(9, {{"b", blocks(1)}}, ChainPosition::end_of(3), kOtherChain);
    start_with({revision({{"a", blocks(1)}}), other});
    mine();
    EXPECT_THAT(heights(), ElementsAre(101, 101));
    const auto answer = node_.answers.at("eth_getLogs");
    node_.error("eth_getLogs", R"({"code":-32000,"message":"busy"})");
    mine();
    EXPECT_THAT(heights_under(other), ElementsAre(102));
    tell(chain_evm::Wake{});
    EXPECT_EQ(log_.count("block intervals wait"), 1U) << "not asked all the time";
    node_.answers["eth_getLogs"] = answer;
    mine();
    EXPECT_THAT(heights(), ElementsAre(102, 103, 103));
}

TEST_F(BlockUpdatesTest, heights_that_wait_for_an_answer_need_no_other_head) {
    const auto first = revision({{"a", blocks(1)}});
    start_with({first});
    mine();
    EXPECT_THAT(heights(), ElementsAre(101));
    const auto answer = node_.answers.at("eth_getLogs");
    node_.error("eth_getLogs", R"({"code":-32000,"message":"busy"})");
    mine();
    EXPECT_THAT(heights(), IsEmpty());
    node_.answers["eth_getLogs"] = answer;
    clock_.advance(std::chrono::seconds(2));
    tell(chain_evm::Wake{});
    EXPECT_THAT(heights_under(first), ElementsAre(102));
}

TEST_F(BlockUpdatesTest, an_endpoint_that_lags_behind_hides_no_announcement) {
    const auto first = revision({{"a", blocks(1)}});
    start_with({first});
    mine();
    announce("b");
    tell_head();
    EXPECT_THAT(heights_under(first), ElementsAre(101, 102));
    const auto logs = node_.answers.at("eth_getLogs");
    const auto block = node_.answers.at("eth_getBlockByNumber");
    node_.answers["eth_getLogs"] = [](const std::string&) { return "\"result\":[]"; };
    node_.answers["eth_getBlockByNumber"] = [](const std::string&) { return "\"result\":null"; };
    mine();
    mine();
    EXPECT_THAT(heights(), IsEmpty()) << "of blocks that it does not have it says: no logs";
    node_.answers["eth_getLogs"] = logs;
    node_.answers["eth_getBlockByNumber"] = block;
    mine();
    EXPECT_THAT(changes_, SizeIs(1));
    EXPECT_THAT(heights(), IsEmpty()) << "they are those of the manifest that was announced";
}

TEST_F(BlockUpdatesTest, an_announcement_is_not_lost_to_an_error_behind_it) {
    start_with({revision({})});
    stop();
    block_timestamp_ = types::BlockTimestamp::Present;
    announce("b");
    const auto second = announce("c");
    chain_.extend('a', 30);
    const auto answer = node_.answers.at("eth_getBlockByHash");
    int refused = 0;
    node_.answers["eth_getBlockByHash"] = [&](const std::string& params) {
        const bool refuse =
            params.find(types::to_string(chain_.hash(second.block))) != std::string::npos &&
            ++refused == 1;
        return refuse ? std::string(R"("error":{"code":-32000,"message":"busy"})") : answer(params);
    };
    start();
    EXPECT_THAT(changes_, IsEmpty());
    advance(std::chrono::seconds(2));
    EXPECT_EQ(refused, 2);
    EXPECT_THAT(changes_, SizeIs(2));
}

}  // namespace
}  // namespace wavs::triggers
