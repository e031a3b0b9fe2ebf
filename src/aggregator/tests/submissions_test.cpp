// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/submissions.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/types/json.hpp"

#include <gtest/gtest.h>

namespace wavs::aggregator {
namespace {

using std::chrono::seconds;
using types::ResultState;

class SubmissionsTest : public ::testing::Test {
protected:
    types::SubmissionRecord record(std::uint8_t event, std::uint8_t signer = 1,
                                   ResultState state = ResultState::Signed,
                                   std::uint8_t payload = 1) {
        types::SubmissionRecord out;
        out.submission.emplace();
        out.submission->trigger_action = {{{}, types::WorkflowId(), types::ManualTrigger{}},
                                          types::RawData{{event}}};
        out.submission->event_id.array()[0] = event;
        out.submission->envelope.event_id = out.submission->event_id;
        out.submission->envelope.payload = {payload};
        out.signer.array()[0] = signer;
        out.state = state;
        out.received_at = clock_.wall_now();
        out.peer = "12D3";
        return out;
    }
    void store(storage::Batch batch) { ASSERT_TRUE(store_.write_unsynced(batch).has_value()); }
    std::vector<int> told() {
        const auto text = submissions_.catchup_answer({});
        const auto document = types::json::Document::parse(text).value();
        std::vector<int> out;
        for (const auto& item : document.root().find("submissions")->items()) {
            out.push_back(types::read_submission(item).value().event_id.array()[0]);
        }
        return out;
    }

    base::testing::FakeClock clock_;
    storage::MemoryStore store_;
    boost::asio::io_context context_;
    SubmissionsOptions options_{seconds(300), 4, 6};
    Submissions submissions_{store_, clock_, options_};
};

TEST_F(SubmissionsTest, peers_are_told_the_newest_first_and_not_too_many) {
    for (std::uint8_t event = 1; event <= 5; ++event) {
        store(submissions_.add(record(event)));
        clock_.advance(seconds(1));
    }
    EXPECT_EQ(told(), (std::vector{5, 4, 3, 2}));
}

TEST_F(SubmissionsTest, settled_ones_are_told_for_a_while_and_open_ones_as_long_as_they_are_open) {
    const auto open = record(1);
    store(submissions_.add(open));
    store(submissions_.add(record(2, 1, ResultState::Burned)));
    clock_.advance(seconds(299));
    EXPECT_EQ(told(), (std::vector{2, 1}));
    clock_.advance(seconds(2));
    EXPECT_EQ(told(), (std::vector{1}));
    store(submissions_.set_state(open, ResultState::Burned));
    EXPECT_EQ(told(), (std::vector<int>{}));
}

TEST_F(SubmissionsTest, of_settled_ones_only_so_many_are_kept_for_peers) {
    store(submissions_.add(record(1)));
    for (std::uint8_t event = 2; event <= 20; ++event) {
        clock_.advance(seconds(1));
        store(submissions_.add(record(event, 1, ResultState::Burned)));
    }
    options_.most_per_answer = 100;
    Submissions again(store_, clock_, options_);
    ASSERT_TRUE(again.load().has_value());
    const auto text = again.catchup_answer({});
    std::size_t count = 0;
    for (auto at = text.find("envelope_signature"); at != std::string::npos;
         at = text.find("envelope_signature", at + 1)) {
        ++count;
    }
    EXPECT_EQ(count, 1 + options_.most_kept) << "the open one, and the newest of the others";
}

TEST_F(SubmissionsTest, who_waits_to_be_registered_is_not_told_of) {
    store(submissions_.add(record(1, 1, ResultState::Waiting)));
    EXPECT_EQ(told(), (std::vector<int>{}));
}

TEST_F(SubmissionsTest, a_start_finds_what_is_open_in_order_and_who_disagrees) {
    store(submissions_.add(record(9)));
    clock_.advance(seconds(1));
    store(submissions_.add(record(3, 1, ResultState::Signed, 1)));
    store(submissions_.add(record(3, 2, ResultState::Burned, 2)));
    auto own = record(5);
    own.peer = "self";
    store(submissions_.add(own));
    Submissions again(store_, clock_, options_);
    const auto open = again.load().value();
    ASSERT_EQ(open.size(), 2U);
    EXPECT_EQ(open[0].record.submission->event_id.array()[0], 9);
    EXPECT_EQ(open[1].record.submission->event_id.array()[0], 3);
    const auto divergences = again.divergences().value();
    ASSERT_EQ(divergences.size(), 1U);
    EXPECT_EQ(divergences[0].submissions.size(), 2U);
    EXPECT_FALSE(again.note_divergence(divergences[0].service, divergences[0].event));
}

TEST_F(SubmissionsTest, old_ones_are_shortened_then_erased_and_open_ones_stay) {
    store(submissions_.add(record(1)));
    store(submissions_.add(record(2, 1, ResultState::Burned)));
    store(submissions_.add(record(3, 1, ResultState::Burned, 1)));
    store(submissions_.add(record(3, 2, ResultState::Burned, 2)));
    submissions_.note_divergence({}, record(3).submission->event_id);
    clock_.advance(seconds(301));
    const auto clean = [&](seconds age) {
        auto before = clock_.wall_now();
        before.nanos -= static_cast<std::uint64_t>(age.count()) * 1'000'000'000ULL;
        return async::testing::run(context_, submissions_.clean_up(before)).value();
    };
    EXPECT_EQ(clean(seconds(1'000)), 0U);
    EXPECT_FALSE(submissions_.find(key_of(record(2))).value()->submission.has_value());
    EXPECT_TRUE(submissions_.find(key_of(record(3))).value()->submission.has_value())
        << "evidence stays whole";
    EXPECT_EQ(clean(seconds(10)), 3U);
    EXPECT_TRUE(submissions_.find(key_of(record(1))).value().has_value());
    EXPECT_TRUE(submissions_.divergences().value().empty());
}

// The journal may have ended them, or the node had no peers for a while: then nobody says that they
// are settled.
TEST_F(SubmissionsTest, old_ones_of_our_own_are_erased_even_if_they_look_open) {
    auto own = record(1);
    own.peer = "self";
    store(submissions_.add(own));
    store(submissions_.add(record(2)));
    clock_.advance(seconds(100));
    auto recent = record(3);
    recent.peer = "self";
    store(submissions_.add(recent));
    auto before = clock_.wall_now();
    before.nanos -= 50'000'000'000ULL;
    EXPECT_EQ(async::testing::run(context_, submissions_.clean_up(before)).value(), 1U);
    EXPECT_FALSE(submissions_.find(key_of(own)).value().has_value());
    EXPECT_EQ(told(), (std::vector{3, 2})) << "and nobody is told of it";
}

TEST_F(SubmissionsTest, of_a_removed_service_nothing_is_left) {
    store(submissions_.add(record(1)));
    store(submissions_.forget({}));
    EXPECT_EQ(told(), (std::vector<int>{}));
    EXPECT_TRUE(store_.scan(storage::Keyspace::Submissions, {}).value().empty());
}

}  // namespace
}  // namespace wavs::aggregator
