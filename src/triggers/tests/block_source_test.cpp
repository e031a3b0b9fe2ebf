// SPDX-License-Identifier: Apache-2.0
// Block intervals of a scripted chain, and the manifests that are announced on it meanwhile.
#include "block_services.hpp"
#include "source_bed.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/selectors.hpp"

namespace wavs::triggers {
namespace {

using testing::block_service;
using testing::blocks;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kOtherChain;
using testing::manager_address;
using ::testing::SizeIs;
using types::ChainPosition;

class BlockSourceTest : public SourceTest {
protected:
    BlockSourceTest() {
        node_.answers["eth_getLogs"] = [this](const std::string& params) {
            return "\"result\":[" + announcements_json(params) + "]";
        };
    }

    /// The chain is at 100, and the service of manager 7 is in force from there.
    void start_with(std::vector<types::RegisteredServicePtr> services,
                    std::uint32_t confirmations = 0) {
        services_ = std::move(services);
        start(confirmations);
    }
    static types::RegisteredServicePtr revision(
        const std::vector<std::pair<std::string, types::BlockIntervalTrigger>>& triggers,
        ChainPosition from = ChainPosition::end_of(100), types::ServiceStatus status = {}) {
        return block_service(7, triggers, from, kKey, status);
    }
    void connect() override {
        const auto pairs = TriggerIndex::build(services_).of(kKey).pairs;
        if (pairs.empty()) {
            tell(chain_evm::Connected{"test"});
        } else {
            tell(chain_evm::FilterLive{filter_of(pairs)});
        }
    }

    /// A new block, told.
    void mine(char branch = 'a') {
        chain_.extend(branch);
        tell_head();
    }
    /// An announcement of manager 7 in a new block of which nothing is told yet.
    ChainPosition announce(const std::string& uri) {
        chain_.extend('a');
        announced_[chain_.head()] = uri;
        return {chain_.head(), 0};
    }
    void tell_announcement(ChainPosition at) {
        auto log = chain_.log(at.block);
        log.address = manager_address(7);
        log.topics = {chain_evm::service_uri_updated_topic()};
        log.data = data_of(announced_.at(at.block));
        tell(chain_evm::LogSeen{log});
    }

    /// What fired since the last call.
    std::vector<std::uint64_t> heights() {
        std::vector<std::uint64_t> out;
        for (const auto& [height, event] : std::exchange(ticks_, {})) {
            out.push_back(height);
        }
        return out;
    }
    /// All that fired up to now did so under this revision.
    std::vector<std::uint64_t> heights_under(const types::RegisteredServicePtr& service) {
        for (const auto& [height, event] : ticks_) {
            EXPECT_EQ(event.service, service) << height;
        }
        return heights();
    }
    std::size_t log_requests() const { return node_.count("eth_getLogs"); }
    double dropped() {
        return metrics_.counter("wavs_block_interval_dropped_total", "", {{"chain", "evm:1"}})
            .value();
    }

private:
    static base::Bytes data_of(const std::string& uri) {
        return chain_evm::encode_arguments({chain_evm::AbiValue::string(uri)});
    }
    static std::uint64_t bound(const std::string& params, std::string_view name) {
        return std::stoull(params.substr(params.find("0x", params.find(name))), nullptr, 16);
    }
    std::string announcements_json(const std::string& params) const {
        std::string out;
        const auto to = bound(params, "toBlock");
        for (auto at = announced_.lower_bound(bound(params, "fromBlock"));
             at != announced_.end() && at->first <= to; ++at) {
            out += fmt::format(
                R"({}{{"address":"{}","topics":["{}"],"data":"0x{}","blockHash":"{}",)"
                R"("blockNumber":"{:#x}","transactionHash":"{}","transactionIndex":"0x0",)"
                R"("logIndex":"0x0","removed":false}})",
                out.empty() ? "" : ",", types::to_string(manager_address(7)),
                types::to_string(chain_evm::service_uri_updated_topic()),
                base::hex(data_of(at->second)), types::to_string(chain_.hash(at->first)), at->first,
                types::to_string(types::Bytes32()));
        }
        return out;
    }

    std::map<std::uint64_t, std::string> announced_;
};

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

TEST_F(BlockSourceTest, heights_behind_an_announcement_wait_for_its_manifest) {
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

TEST_F(BlockSourceTest, a_changed_interval_counts_from_its_announcement) {
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

TEST_F(BlockSourceTest, a_manifest_that_does_not_come_lets_the_heights_go_on) {
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

TEST_F(BlockSourceTest, an_announcement_whose_log_is_late_counts_at_its_block) {
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

TEST_F(BlockSourceTest, each_of_several_announcements_while_the_node_was_down_has_its_heights) {
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

TEST_F(BlockSourceTest, what_waits_when_the_manifest_says_pause_is_not_made_up_for) {
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

TEST_F(BlockSourceTest, without_an_answer_heights_wait_for_the_next_head_and_others_go_on) {
    const auto other = block_service(9, {{"b", blocks(1)}}, ChainPosition::end_of(3), kOtherChain);
    start_with({revision({{"a", blocks(1)}}), other});
    mine();
    EXPECT_THAT(heights(), ElementsAre(101, 101));
    const auto answer = node_.answers.at("eth_getLogs");
    node_.error("eth_getLogs", R"({"code":-32000,"message":"busy"})");
    mine();
    EXPECT_THAT(heights_under(other), ElementsAre(102));
    tell(chain_evm::Wake{});
    EXPECT_EQ(log_.count("block intervals wait"), 1U) << "asked once a head";
    node_.answers["eth_getLogs"] = answer;
    mine();
    EXPECT_THAT(heights(), ElementsAre(102, 103, 103));
}

TEST_F(BlockSourceTest, a_long_range_goes_in_pieces_and_waits_for_those_before) {
    start_with({block_service(7, {{"a", blocks(1)}}, {}, kOtherChain)});
    take_ = Take::Nothing;
    chain_.extend('a', 10'000);
    tell_head();
    advance(std::chrono::seconds(1));
    EXPECT_EQ(batches_->size(), 16U);
    take_ = Take::All;
    for (int i = 0; i < 100 && ticks_.size() < 10'000; ++i) {
        advance(std::chrono::milliseconds(20));
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
    take_ = Take::All;
    std::vector<std::size_t> kinds;
    while (auto batch = batches_->try_receive()) {
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

TEST_F(BlockSourceTest, an_announcement_is_not_lost_to_an_error_behind_it) {
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
