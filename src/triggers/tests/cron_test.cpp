// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/base/fault.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/triggers/cron_source.hpp"
#include "wavs/types/event_id.hpp"

#include <gmock/gmock.h>

#include <ctime>

namespace wavs::triggers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Restart = CronOptions::Restart;

// 2026-01-15 12:00:00, a Thursday.
constexpr base::WallTime kNoon{1'768'478'400'000'000'000};
constexpr std::uint64_t kNanos = 1'000'000'000;

base::WallTime after_noon(std::int64_t by) {
    return {kNoon.nanos + static_cast<std::uint64_t>(by) * kNanos};
}

types::RegisteredServicePtr service(
    std::uint8_t manager, const std::vector<std::pair<std::string, types::CronTrigger>>& triggers,
    types::ServiceStatus status = {}) {
    auto out = std::make_shared<types::RegisteredService>();
    types::EvmAddress address;
    address.array().fill(manager);
    out->service.manager = types::EvmManager{types::ChainKey::parse("evm:1").value(), address};
    out->service.status = status;
    for (const auto& [name, trigger] : triggers) {
        out->service.workflows[types::WorkflowId::parse("wf-" + name).value()].trigger = trigger;
    }
    // Ascending with the manager, so that the order is plain in the tests.
    out->id.array().fill(manager);
    return out;
}
types::CronTrigger cron(std::string schedule, std::optional<base::WallTime> start = {},
                        std::optional<base::WallTime> end = {}) {
    return {std::move(schedule), start, end};
}

/// Virtual timers that tell how often someone slept.
class CountedTimers final : public async::Timers {
public:
    explicit CountedTimers(async::testing::FakeTimers& timers) : timers_(timers) {}
    async::Task<base::Result<void>> sleep_for(base::Duration duration) override {
        ++sleeps;
        return timers_.sleep_for(duration);
    }
    std::size_t sleeps = 0;

private:
    async::testing::FakeTimers& timers_;
};

/// The source on virtual time, with the other end of its channel: what it delivers is kept, and its
/// positions are stored as the journal does it.
class CronSourceTest : public ::testing::Test {
protected:
    ~CronSourceTest() override {
        base::Faults::instance().disarm();
        stop();
    }

    /// A start of the node.
    void start(CronOptions options = {}) {
        source_ =
            std::make_unique<CronSource>(options, store_, batches_, counted_, clock_, metrics_);
        ASSERT_TRUE(source_->load().has_value());
        tasks_ = std::make_unique<async::TaskGroup>(context_.get_executor(), "test");
        tasks_->spawn("cron", supervise(*source_));
    }
    /// An end of the node; what waits in the channel is lost.
    void stop() {
        if (tasks_) {
            (void)async::testing::run(context_, tasks_->stop(timers_, seconds(1)));
        }
        while (batches_.try_receive()) {
        }
        tasks_.reset();
        source_.reset();
    }
    void restart(CronOptions options = {}) {
        stop();
        start(options);
    }
    async::Task<void> supervise(CronSource& source) {
        while (true) {
            const auto end = co_await source.run();
            if (end.has_value() || end.error().kind() == base::ErrorKind::Cancelled) {
                co_return;
            }
            ++failures_;
        }
    }

    void set(const std::vector<types::RegisteredServicePtr>& services) {
        source_->set_index(TriggerIndex::build(services));
        settle();
    }
    void settle() {
        context_.restart();
        context_.poll();
    }
    void advance(base::Duration by) {
        timers_.advance(by);
        settle();
    }
    /// As the source sees it a second later.
    void jump(base::WallTime to) {
        clock_.jump_wall({to.nanos - kNanos});
        advance(seconds(1));
    }

    /// What was delivered since the last call.
    std::vector<types::SeenEvent> events() {
        std::vector<types::SeenEvent> out;
        for (settle(); auto batch = batches_.try_receive(); settle()) {
            EXPECT_EQ(batch->source, "cron");
            store_positions(*batch);
            std::move(batch->events.begin(), batch->events.end(), std::back_inserter(out));
        }
        return out;
    }
    /// As "seconds after noon, service, workflow".
    std::vector<std::string> fired() {
        std::vector<std::string> out;
        for (const auto& event : events()) {
            const auto at = std::get<types::CronData>(event.action.data).trigger_time;
            EXPECT_EQ(at.nanos % kNanos, 0U) << "a whole second";
            out.push_back(fmt::format("{} {} {}",
                                      static_cast<std::int64_t>(at.seconds()) -
                                          static_cast<std::int64_t>(kNoon.seconds()),
                                      event.action.config.service_id.array()[0],
                                      event.action.config.workflow_id.str().substr(3)));
        }
        return out;
    }
    std::vector<storage::Entry> stored() {
        return store_.scan(storage::Keyspace::Coverage, {}).value();
    }
    double dropped() { return metrics_.counter("wavs_cron_dropped_total", "").value(); }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_{kNoon};
    async::testing::FakeTimers timers_{clock_};
    CountedTimers counted_{timers_};
    telemetry::Metrics metrics_;
    storage::MemoryStore store_;
    TriggerBatches batches_{context_.get_executor(), "triggers", 1'000};
    std::unique_ptr<CronSource> source_;
    std::unique_ptr<async::TaskGroup> tasks_;
    int failures_ = 0;

private:
    void store_positions(const types::TriggerBatch& batch) {
        storage::Batch changes;
        for (const auto& position : batch.positions) {
            if (position.value.empty()) {
                changes.erase(storage::Keyspace::Coverage, position.key);
            } else {
                changes.put(storage::Keyspace::Coverage, position.key, position.value);
            }
        }
        ASSERT_TRUE(store_.write_unsynced(changes).has_value());
    }
};

TEST_F(CronSourceTest, fires_each_second_with_the_scheduled_second) {
    clock_.jump_wall({kNoon.nanos + 300'000'000});
    start();
    set({service(1, {{"a", cron("* * * * * *")}})});
    EXPECT_THAT(fired(), IsEmpty());
    advance(milliseconds(699));
    EXPECT_THAT(fired(), IsEmpty());
    advance(milliseconds(1));
    EXPECT_THAT(fired(), ElementsAre("1 1 a"));
    advance(milliseconds(1030));
    EXPECT_THAT(fired(), ElementsAre("2 1 a")) << "the scheduled second, not that of waking";
    advance(milliseconds(970));
    EXPECT_THAT(fired(), ElementsAre("3 1 a"));
}

TEST_F(CronSourceTest, the_order_is_time_then_service_then_workflow) {
    start();
    set({service(2, {{"b", cron("*/2 * * * * *")}, {"a", cron("* * * * * *")}}),
         service(1, {{"z", cron("*/2 * * * * *")}})});
    advance(seconds(2));
    EXPECT_THAT(fired(), ElementsAre("1 2 a", "2 1 z", "2 2 a", "2 2 b"));
}

TEST_F(CronSourceTest, a_late_wake_up_makes_up_for_everything_in_order) {
    start();
    set({service(1, {{"a", cron("*/10 * * * * *")}}), service(2, {{"b", cron("0 * * * * *")}})});
    advance(seconds(65));
    EXPECT_THAT(fired(),
                ElementsAre("10 1 a", "20 1 a", "30 1 a", "40 1 a", "50 1 a", "60 1 a", "60 2 b"));
    EXPECT_EQ(dropped(), 0);
}

TEST_F(CronSourceTest, a_clock_put_forward_fires_the_newest_up_to_the_cap) {
    start({.max_catchup = 3});
    set({service(1, {{"a", cron("* * * * * *")}}), service(2, {{"b", cron("0 0 */12 * * *")}}),
         service(3, {{"c", cron("0 0 * * * *", {}, after_noon(7'200))}})});
    (void)fired();
    jump(after_noon(86'400));
    EXPECT_THAT(fired(), ElementsAre("3600 3 c", "7200 3 c", "43200 2 b", "86398 1 a", "86399 1 a",
                                     "86400 1 a", "86400 2 b"));
    EXPECT_EQ(dropped(), 86'397);
    advance(seconds(1));
    EXPECT_THAT(fired(), ElementsAre("86401 1 a"));
}

TEST_F(CronSourceTest, a_rare_schedule_is_capped_over_years) {
    start({.max_catchup = 2});
    set({service(1, {{"a", cron("@monthly")}})});
    jump(after_noon(86'400 * 365 * 10));
    EXPECT_THAT(fired(), SizeIs(2));
    EXPECT_EQ(dropped(), 118);
}

TEST_F(CronSourceTest, a_clock_put_back_repeats_nothing) {
    start();
    set({service(1, {{"a", cron("* * * * * *")}})});
    advance(seconds(2));
    EXPECT_THAT(fired(), ElementsAre("1 1 a", "2 1 a"));
    jump(after_noon(-86'400));
    advance(hours(1));
    EXPECT_THAT(fired(), IsEmpty());
    jump(after_noon(2));
    EXPECT_THAT(fired(), IsEmpty());
    advance(seconds(1));
    EXPECT_THAT(fired(), ElementsAre("3 1 a"));
}

TEST_F(CronSourceTest, start_is_exclusive_and_end_inclusive) {
    start();
    set({service(1, {{"a", cron("*/5 * * * * *", after_noon(10), after_noon(20))}}),
         service(2, {{"same", cron("*/5 * * * * *", after_noon(10), after_noon(10))}}),
         service(3, {{"past", cron("* * * * * *", {}, after_noon(0))}})});
    for (int i = 0; i < 40; ++i) {
        advance(seconds(1));
    }
    EXPECT_THAT(fired(), ElementsAre("15 1 a", "20 1 a"));
    EXPECT_EQ(timers_.sleeping(), 0U) << "nothing will ever be due again";
}

TEST_F(CronSourceTest, all_up_to_the_end_fire_even_when_late) {
    start();
    set({service(1, {{"a", cron("*/5 * * * * *", {}, {{kNoon.nanos + 15 * kNanos + 1}})}})});
    advance(seconds(40));
    EXPECT_THAT(fired(), ElementsAre("5 1 a", "10 1 a", "15 1 a"));
}

TEST_F(CronSourceTest, a_restart_skips_what_was_missed) {
    start();
    const std::vector services = {service(1, {{"a", cron("*/10 * * * * *")}})};
    set(services);
    advance(seconds(10));
    EXPECT_THAT(fired(), ElementsAre("10 1 a"));
    stop();
    advance(seconds(45));
    start();
    set(services);
    EXPECT_THAT(fired(), IsEmpty());
    advance(seconds(5));
    EXPECT_THAT(fired(), ElementsAre("60 1 a"));
    clock_.jump_wall(after_noon(55));
    restart();
    set(services);
    advance(seconds(10));
    EXPECT_THAT(fired(), IsEmpty()) << "not twice, though the clock was put back meanwhile";
}

TEST_F(CronSourceTest, a_restart_makes_up_for_what_was_missed_when_told_to) {
    const CronOptions options{.max_catchup = 3, .restart = Restart::CatchUp};
    start(options);
    const std::vector services = {service(1, {{"a", cron("*/10 * * * * *")}}),
                                  service(2, {{"b", cron("30 * * * * *")}})};
    set(services);
    advance(seconds(10));
    EXPECT_THAT(fired(), ElementsAre("10 1 a"));
    stop();
    advance(seconds(45));
    start(options);
    set(services);
    EXPECT_THAT(fired(), ElementsAre("30 1 a", "30 2 b", "40 1 a", "50 1 a"))
        << "also of the one that has never fired";
    EXPECT_EQ(dropped(), 1);
    restart(options);
    set(services);
    EXPECT_THAT(fired(), IsEmpty());
}

TEST_F(CronSourceTest, what_one_start_skipped_the_next_does_not_make_up_for) {
    start();
    const std::vector services = {service(1, {{"a", cron("30 * * * * *")}})};
    set(services);
    (void)fired();
    stop();
    advance(seconds(40));
    start();
    set(services);
    EXPECT_THAT(fired(), IsEmpty());
    restart({.restart = Restart::CatchUp});
    set(services);
    EXPECT_THAT(fired(), IsEmpty());
}

TEST_F(CronSourceTest, what_is_lost_before_its_position_comes_again_as_the_same_event) {
    const CronOptions options{.restart = Restart::CatchUp};
    start(options);
    const std::vector services = {service(1, {{"a", cron("*/10 * * * * *")}})};
    set(services);
    (void)fired();
    advance(seconds(10));
    auto batch = batches_.try_receive();
    ASSERT_TRUE(batch.has_value());
    ASSERT_THAT(batch->events, SizeIs(1));
    EXPECT_THAT(batch->positions, SizeIs(1)) << "journaled together with the event";
    restart(options);
    set(services);
    const auto again = events();
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(types::default_event_id(again[0].action),
              types::default_event_id(batch->events[0].action));
}

TEST_F(CronSourceTest, an_update_lets_unchanged_triggers_go_on) {
    start();
    set({service(1, {{"a", cron("*/10 * * * * *")}, {"b", cron("*/10 * * * * *")}})});
    (void)fired();
    // Late, so that something is due at the moment of the update.
    timers_.advance(seconds(12));
    const auto next = service(
        1, {{"a", cron("*/10 * * * * *")}, {"b", cron("*/5 * * * * *")}, {"c", cron("@daily")}});
    source_->set_index(TriggerIndex::build(std::vector{next}));
    const auto due = events();
    ASSERT_THAT(due, SizeIs(1)) << "the changed one starts anew";
    EXPECT_EQ(due[0].action.config.workflow_id.str(), "wf-a");
    EXPECT_EQ(due[0].service, next) << "under the manifest in force";
    advance(seconds(8));
    EXPECT_THAT(fired(), ElementsAre("15 1 b", "20 1 a", "20 1 b"));
}

TEST_F(CronSourceTest, a_pause_is_not_made_up_for) {
    start({.restart = Restart::CatchUp});
    const auto active = service(1, {{"a", cron("*/10 * * * * *")}});
    set({active});
    (void)fired();
    set({service(1, {{"a", cron("*/10 * * * * *")}}, types::ServiceStatus::Paused)});
    advance(seconds(25));
    EXPECT_THAT(fired(), IsEmpty());
    set({active});
    restart({.restart = Restart::CatchUp});
    set({active});
    EXPECT_THAT(fired(), IsEmpty());
    advance(seconds(5));
    EXPECT_THAT(fired(), ElementsAre("30 1 a"));
}

TEST_F(CronSourceTest, what_is_removed_is_forgotten) {
    start();
    set({service(1, {{"a", cron("*/10 * * * * *")}}), service(2, {{"b", cron("@daily")}})});
    (void)fired();
    EXPECT_THAT(stored(), SizeIs(2));
    set({service(2, {{"b", cron("@daily")}})});
    EXPECT_THAT(fired(), IsEmpty());
    EXPECT_THAT(stored(), SizeIs(1));
    advance(seconds(30));
    EXPECT_THAT(fired(), IsEmpty());
    restart();
    set({});
    (void)fired();
    EXPECT_THAT(stored(), IsEmpty()) << "also what went while the node was down";
}

TEST_F(CronSourceTest, what_never_matches_costs_no_timer) {
    start();
    set({service(1, {{"a", cron("* * * 30 2 *")}, {"b", cron("* * * * * * 1970")}})});
    EXPECT_THAT(fired(), IsEmpty());
    EXPECT_EQ(counted_.sleeps, 0U);
    set({service(1, {{"a", cron("* * * * * *")}})});
    EXPECT_EQ(counted_.sleeps, 1U) << "an index wakes it";
}

TEST_F(CronSourceTest, ten_thousand_idle_workflows_wake_once_a_second) {
    std::vector<types::RegisteredServicePtr> services;
    for (int i = 0; i < 40; ++i) {
        std::vector<std::pair<std::string, types::CronTrigger>> triggers;
        for (int k = 0; k < 250; ++k) {
            triggers.emplace_back(fmt::format("w{}", k),
                                  cron(fmt::format("{} {} 3 * * *", k % 60, i)));
        }
        services.push_back(service(static_cast<std::uint8_t>(i + 1), triggers));
    }
    start();
    set(services);
    EXPECT_THAT(fired(), IsEmpty());
    EXPECT_THAT(stored(), SizeIs(10'000));
    const auto before = counted_.sleeps;
    for (int i = 0; i < 600; ++i) {
        advance(milliseconds(100));
    }
    EXPECT_LE(counted_.sleeps - before, 61U);
    EXPECT_THAT(fired(), IsEmpty());
}

TEST_F(CronSourceTest, more_than_the_channel_holds_waits_and_nothing_is_lost) {
    std::vector<std::pair<std::string, types::CronTrigger>> triggers;
    for (int k = 0; k < 100; ++k) {
        triggers.emplace_back(fmt::format("w{:02}", k), cron("* * * * * *"));
    }
    start();
    set({service(1, triggers)});
    (void)fired();
    advance(seconds(50));
    EXPECT_EQ(batches_.size(), 4U);
    const auto all = fired();
    EXPECT_THAT(all, SizeIs(5'000));
    EXPECT_EQ(all.front(), "1 1 w00");
    EXPECT_EQ(all.back(), "50 1 w99");
}

TEST_F(CronSourceTest, a_batch_that_failed_is_tried_again) {
    start();
    set({service(1, {{"a", cron("* * * * * *")}})});
    (void)fired();
    ASSERT_TRUE(base::Faults::instance().arm("source:1:error").has_value());
    advance(seconds(1));
    EXPECT_EQ(failures_, 1);
    EXPECT_THAT(fired(), ElementsAre("1 1 a"));
}

TEST_F(CronSourceTest, a_damaged_position_is_told) {
    storage::Batch damage;
    auto key = base::to_bytes("cron/");
    key.resize(key.size() + types::ServiceId::size() + 5, 'a');
    damage.put(storage::Keyspace::Coverage, key, base::Bytes{9, 9});
    ASSERT_TRUE(store_.write_unsynced(damage).has_value());
    CronSource source({}, store_, batches_, counted_, clock_, metrics_);
    EXPECT_EQ(source.load().error().code(), base::ErrorCode("schedule_record"));
}

}  // namespace
}  // namespace wavs::triggers
