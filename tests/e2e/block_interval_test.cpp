// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/types/event_id.hpp"
#include "wavs/types/json.hpp"

#include <set>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class BlockInterval : public Scenario {
protected:
    types::Workflow each(std::uint32_t n, std::optional<std::uint64_t> start_block = {},
                         std::optional<std::uint64_t> end_block = {}) {
        auto out = workflow("echo_block_interval", contracts_);
        out.trigger = types::BlockIntervalTrigger{cli::Devnet::chain(), n, start_block, end_block};
        return out;
    }
    std::uint64_t head() { return must(devnet_->anvil().rpc().block_number()); }
    void mine_to(std::uint64_t height) {
        const auto now = head();
        ASSERT_LT(now, height);
        must(devnet_->anvil().mine(height - now));
    }
    /// The next height of the grid without a start.
    std::uint64_t next_of(std::uint32_t n) { return head() / n * n + n; }
    void wait_seen(std::uint64_t height) {
        wait_until("the node has seen the block",
                   [&] { return metric("wavs_chain_head_block") >= static_cast<double>(height); });
    }
    std::vector<cli::HandledEvent> results() { return must(devnet_->handled(contracts_.handler)); }

    std::multiset<std::uint64_t> answered_heights() {
        std::multiset<std::uint64_t> out;
        for (const auto& one : results()) {
            const auto answer = types::json::Document::parse(base::as_text(one.data)).value();
            const auto height = answer.root().find("trigger_data_block_height");
            out.insert(std::stoull(std::string(height->source())));
        }
        return out;
    }

    /// What the component answers.
    static std::string answer(const types::BlockIntervalTrigger& trigger, std::uint64_t height,
                              int count) {
        const auto bound = [](std::optional<std::uint64_t> block) {
            return block ? std::to_string(*block) : std::string("null");
        };
        return fmt::format(
            R"({{"trigger_config_start":{},"trigger_config_end":{},"trigger_config_interval":{},)"
            R"("trigger_data_block_height":{},"count":{}}})",
            bound(trigger.start_block), bound(trigger.end_block), trigger.n_blocks, height, count);
    }
    /// The id covers the height, so it says which one fired.
    static types::EventId event_id(const types::Service& service, std::uint64_t height) {
        return types::default_event_id(
            {{service.id(), id("default"), service.workflows.at(id("default")).trigger},
             types::BlockIntervalData{cli::Devnet::chain(), height}});
    }
    static types::BlockIntervalTrigger trigger_of(const types::Service& service) {
        return std::get<types::BlockIntervalTrigger>(service.workflows.at(id("default")).trigger);
    }
};

TEST_F(BlockInterval, scenario_13_evm_block_interval) {
    start();
    const auto service = this->service({{"default", each(10)}});
    mine_to(next_of(10));
    const auto first = next_of(10);
    opt_in(service);
    ASSERT_LT(head(), first);
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 0) << "nothing from before the registration";
    mine_to(first);
    wait_until("the first height has run", [&] { return metric("wavs_events_done_total") == 1; });
    EXPECT_EQ(metric("wavs_submissions_signed_total"), 0);
    const auto second = next_of(10);
    mine_to(second);
    wait_until("the second height has a result",
               [&] { return handled_count(contracts_.handler) > 0; });
    const auto handled = results();
    ASSERT_THAT(handled, SizeIs(1)) << "the first has none";
    EXPECT_EQ(base::as_text(handled[0].data), answer(trigger_of(service), second, 2));
    EXPECT_EQ(handled[0].event_id, event_id(service, second));
    EXPECT_EQ(handled[0].trigger_id, 1337U);
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 2);
}

TEST_F(BlockInterval, scenario_14_evm_block_interval_start_stop) {
    start();
    const auto only = head() + 40;
    const auto service =
        this->service({{"default", each(10, only, only)}, {"past", each(10, 1, 1)}});
    opt_in(service);
    ASSERT_LE(head() + 5, only) << "far enough ahead of the registration";
    EXPECT_THAT(node_log(), HasSubstr("a block interval trigger never fires from now on"));
    EXPECT_THAT(node_log(), HasSubstr("workflow=past"));
    mine_to(only - 1);
    wait_seen(only - 1);
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 0);
    mine_to(only);
    wait_until("it has a result", [&] { return handled_count(contracts_.handler) > 0; });
    mine_to(only + 11);
    wait_seen(only + 11);
    const auto handled = results();
    ASSERT_THAT(handled, SizeIs(1));
    EXPECT_EQ(base::as_text(handled[0].data), answer(trigger_of(service), only, 1));
    EXPECT_EQ(handled[0].event_id, event_id(service, only));
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 1);
}

TEST_F(BlockInterval, a_killed_node_makes_up_for_the_blocks_it_missed) {
    start();
    const auto service = this->service({{"default", each(5, 1)}});
    opt_in(service);
    mine_to(head() + 7);
    wait_until("a height has a result", [&] { return handled_count(contracts_.handler) > 0; });
    must(devnet_->kill_node());
    const auto killed_at = head();
    must(devnet_->anvil().mine(60));
    must(devnet_->restart_node());
    // What a result brings on chain makes blocks as well, so there may be later heights.
    const auto last_missed = (killed_at + 59) / 5 * 5 + 1;
    wait_until("the results of all heights in a row", [&] {
        const auto heights = answered_heights();
        return heights.contains(last_missed) &&
               *heights.rbegin() - *heights.begin() == 5 * (heights.size() - 1);
    });
    const auto heights = answered_heights();
    EXPECT_LT(*heights.begin(), killed_at);
    for (const auto height : heights) {
        EXPECT_EQ(heights.count(height), 1U) << height << " twice";
        EXPECT_EQ(height % 5, 1U);
    }
}

}  // namespace
}  // namespace wavs::e2e
