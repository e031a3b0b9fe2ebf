// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/types/event_id.hpp"

#include <set>

namespace wavs::e2e {
namespace {

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

class Cron : public Scenario {
protected:
    /// One workflow that posts an answer for every second.
    types::Service each_second() {
        auto timed = workflow("cron", contracts_);
        timed.trigger = types::CronTrigger{"* * * * * *", {}, {}};
        return service({{"default", std::move(timed)}});
    }

    std::vector<cli::HandledEvent> results() { return must(devnet_->handled(contracts_.handler)); }

    /// Waits for results of `count` seconds in a row, without a gap, and looks at each of them.
    void expect_each_second_once(const types::Service& service, std::size_t count) {
        std::set<std::uint64_t> seconds;
        wait_until("the results of seconds in a row", [&] {
            seconds.clear();
            for (const auto& one : results()) {
                seconds.insert(one.trigger_id);
            }
            return seconds.size() >= count &&
                   *seconds.rbegin() - *seconds.begin() + 1 == seconds.size();
        });
        std::set<std::uint64_t> looked_at;
        for (const auto& one : results()) {
            EXPECT_TRUE(looked_at.insert(one.trigger_id).second)
                << "second " << one.trigger_id << " twice";
            EXPECT_EQ(base::as_text(one.data), "cron-interval data");
            // The id covers the trigger time, so it says that this is the scheduled second exactly.
            const types::TriggerAction action{
                {service.id(), id("default"), service.workflows.at(id("default")).trigger},
                types::CronData{{one.trigger_id * kNanosPerSecond}}};
            EXPECT_EQ(one.event_id, types::default_event_id(action));
        }
    }
};

TEST_F(Cron, scenario_15_evm_cron_interval) {
    start();
    const auto timed = each_second();
    const auto before = clock_.wall_now().seconds();
    opt_in(timed);
    expect_each_second_once(timed, 5);
    for (const auto& one : results()) {
        EXPECT_GT(one.trigger_id, before) << "nothing from before the registration";
        EXPECT_LE(one.trigger_id, clock_.wall_now().seconds());
    }
    EXPECT_GE(metric("wavs_triggers_fired_total"), 5);
    EXPECT_EQ(metric("wavs_cron_dropped_total"), 0);
}

TEST_F(Cron, a_killed_node_makes_up_for_the_seconds_it_was_down) {
    start({.node_env = {{"WAVS_CRON_CATCH_UP_ON_RESTART", "true"}}});
    const auto timed = each_second();
    opt_in(timed);
    expect_each_second_once(timed, 2);
    must(devnet_->kill_node());
    const auto killed_at = clock_.wall_now().seconds();
    must(timers_.sleep_for(std::chrono::seconds(3)));
    must(devnet_->restart_node());
    const auto down = clock_.wall_now().seconds() - killed_at;
    const auto first = results().front().trigger_id;
    expect_each_second_once(timed, killed_at - first + down);
}

}  // namespace
}  // namespace wavs::e2e
