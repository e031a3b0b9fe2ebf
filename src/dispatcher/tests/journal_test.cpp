// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/journal.hpp"

#include "wavs/async/testing/run.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/storage/memory_store.hpp"

#include <gmock/gmock.h>

namespace wavs::dispatcher {
namespace {

using ::testing::HasSubstr;

// Crashes of the process, as attempts of the events that ran.
class CrashCountTest : public ::testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(run(journal_.open()).has_value()); }
    template <typename T>
    T run(async::Task<T> task) {
        return async::testing::run(context_, std::move(task));
    }
    types::EventRecord accept(std::uint8_t input) {
        const types::TriggerAction action{{{}, types::WorkflowId(), types::ManualTrigger{}},
                                          types::RawData{{input}}};
        auto records = run(async::as_task(
            journal_.accept({{&action, {}}}, "manual", {}, Journal::Repeats::Accept)));
        return records.value().at(0);
    }
    void count(std::vector<types::EventId> crashed) {
        ASSERT_TRUE(run(journal_.count_crashes(std::move(crashed), 2)).has_value());
    }
    types::EventRecord now(const types::EventRecord& event) {
        return journal_.event(event.sequence).value().value();
    }
    std::size_t to_be_run() { return journal_.work(types::WorkKind::OpenEvent).value().size(); }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    storage::MemoryStore store_;
    Journal journal_{store_, clock_};
};

TEST_F(CrashCountTest, each_counts_once_and_more_than_allowed_park_the_event) {
    const auto first = accept(1);
    const auto second = accept(2);
    std::vector crashed{first.default_event_id, second.default_event_id, first.default_event_id};
    count(crashed);
    count(crashed);
    EXPECT_EQ(now(first).attempts, 2U);
    EXPECT_EQ(now(second).attempts, 1U);
    EXPECT_EQ(to_be_run(), 2U);
    crashed.push_back(first.default_event_id);
    count(crashed);
    EXPECT_EQ(now(first).state, types::EventState::Parked);
    EXPECT_THAT(now(first).reason, HasSubstr("attempt 3: the node ended"));
    EXPECT_EQ(now(second).state, types::EventState::Accepted);
    EXPECT_EQ(to_be_run(), 1U);
    EXPECT_EQ(journal_.work(types::WorkKind::FailedEvent).value().at(0).sequence, first.sequence);
}

TEST_F(CrashCountTest, what_is_over_or_unknown_is_left_as_it_is) {
    const auto done = accept(1);
    ASSERT_TRUE(run(async::as_task(journal_.finish(done, {}, {}))).has_value());
    count({done.default_event_id, types::EventId()});
    EXPECT_EQ(now(done).state, types::EventState::Done);
    EXPECT_EQ(now(done).attempts, 0U);
}

TEST_F(CrashCountTest, of_identical_events_the_oldest_ran) {
    const auto first = accept(1);
    const auto second = accept(1);
    ASSERT_EQ(first.default_event_id, second.default_event_id);
    count({first.default_event_id});
    EXPECT_EQ(now(first).attempts, 1U);
    EXPECT_EQ(now(second).attempts, 0U);
}

TEST_F(CrashCountTest, a_file_of_strikes_that_was_begun_anew_counts_from_there) {
    const auto event = accept(1);
    count({types::EventId(), types::EventId()});
    count({});
    count({event.default_event_id});
    EXPECT_EQ(now(event).attempts, 1U);
}

TEST(JournalPositions, are_stored_with_the_events_and_erased_when_empty) {
    boost::asio::io_context context;
    const base::testing::FakeClock clock;
    storage::MemoryStore store;
    Journal journal(store, clock);
    const auto run = [&context](auto task) {
        return async::testing::run(context, std::move(task));
    };
    ASSERT_TRUE(run(journal.open()).has_value());
    const auto key = base::to_bytes("cron/x");
    const auto accept = [&](base::Bytes value) {
        const types::TriggerAction action{
            {{}, types::WorkflowId(), types::CronTrigger{"* * * * * *", {}, {}}},
            types::CronData{{1'700'000'000'000'000'000}}};
        std::vector<types::SourcePosition> positions{{key, std::move(value)}};
        return run(async::as_task(journal.accept({{&action, {}}}, "cron", std::move(positions),
                                                 Journal::Repeats::DropKnown)))
            .value()
            .size();
    };
    EXPECT_EQ(accept({1}), 1U);
    EXPECT_EQ(store.get(storage::Keyspace::Coverage, key).value(), base::Bytes{1});
    EXPECT_EQ(accept({2}), 0U) << "the same occurrence again";
    EXPECT_EQ(store.get(storage::Keyspace::Coverage, key).value(), base::Bytes{2});
    (void)accept({});
    EXPECT_EQ(store.get(storage::Keyspace::Coverage, key).value(), std::nullopt);
}

TEST(JournalPositions, of_one_source_the_last_counts) {
    boost::asio::io_context context;
    const base::testing::FakeClock clock;
    storage::MemoryStore store;
    Journal journal(store, clock);
    const auto accept = [&](std::vector<types::SourcePosition> positions) {
        return async::testing::run(context,
                                   async::as_task(journal.accept({}, "evm:1", std::move(positions),
                                                                 Journal::Repeats::DropKnown)));
    };
    ASSERT_TRUE(async::testing::run(context, journal.open()).has_value());
    const auto a = base::to_bytes("a");
    const auto b = base::to_bytes("b");
    ASSERT_TRUE(accept({{b, {7}}}).has_value());
    ASSERT_TRUE(accept({{a, {1}}, {b, {8}}, {a, {2}}, {b, {}}}).has_value());
    EXPECT_EQ(store.get(storage::Keyspace::Coverage, a).value(), base::Bytes{2});
    EXPECT_EQ(store.get(storage::Keyspace::Coverage, b).value(), std::nullopt);
}

}  // namespace
}  // namespace wavs::dispatcher
