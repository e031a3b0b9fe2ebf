// SPDX-License-Identifier: Apache-2.0
#include "aggregator_fixture.hpp"

namespace wavs::aggregator {
namespace {

using std::chrono::seconds;
using testing::AggregatorTest;
using ::testing::ElementsAre;
using types::ResultState;

// The event of a result is retracted, or comes back.
class RetractedTest : public AggregatorTest {
protected:
    void set_event(types::EventState state, std::uint8_t input = 1) {
        const auto record = result(input);
        auto event = types::make_event_record(input, record.submission.trigger_action, {}, {}, "");
        event.state = state;
        storage::Batch batch;
        batch.put(storage::Keyspace::Events, types::event_key(input), types::encode(event));
        ASSERT_TRUE(store_.write_unsynced(batch).has_value());
    }
    std::optional<types::QueueRecord> queue() {
        const auto action = std::get<types::SubmitAction>(components_.actions[0]);
        const auto found =
            Queues(store_).load(result().submission.event_id, types::target_of(action)).value();
        return found ? std::optional(found->record) : std::nullopt;
    }
    void wait_for_quorum(std::size_t times) {
        target_->checks.assign(times, {QuorumCheck::State::Waiting, "Insufficient Quorum: x"});
    }
};

TEST_F(RetractedTest, nothing_is_begun_for_it) {
    set_event(types::EventState::Retracted);
    submit(result());
    EXPECT_EQ(components_.processed, 0);
    EXPECT_EQ(stored().state, ResultState::Retracted);
    EXPECT_FALSE(queue().has_value());
}

TEST_F(RetractedTest, collecting_ends_with_the_next_step) {
    wait_for_quorum(1);
    submit(result());
    set_event(types::EventState::Retracted);
    pass(seconds(5));
    EXPECT_EQ(target_->posts, 0);
    EXPECT_EQ(stored().state, ResultState::Retracted);
    EXPECT_EQ(stored().reason, "the chain replaced the block of its event");
    EXPECT_EQ(queue()->state, ResultState::Retracted);
}

TEST_F(RetractedTest, without_a_target_it_ends_as_well) {
    gone_.insert(testing::chain());
    submit(result());
    set_event(types::EventState::Retracted);
    pass(seconds(5));
    EXPECT_EQ(stored().state, ResultState::Retracted);
}

TEST_F(RetractedTest, retracted_while_the_chain_answers_it_is_not_sent) {
    target_->on_check = [this] { set_event(types::EventState::Retracted); };
    submit(result());
    EXPECT_EQ(target_->posts, 0);
    EXPECT_EQ(stored().state, ResultState::Retracted);
}

TEST_F(RetractedTest, a_transaction_on_its_way_ends_as_the_chain_says) {
    target_->outcomes = {base::Error(base::ErrorKind::Timeout, "tx_stuck", "no receipt")};
    submit(result());
    ASSERT_EQ(stored().state, ResultState::Submitting);
    set_event(types::EventState::Retracted);
    pass(seconds(5));
    EXPECT_EQ(stored().state, ResultState::Submitting);
    target_->in_block = true;
    pass(seconds(10));
    EXPECT_EQ(stored().state, ResultState::Burned);
    EXPECT_TRUE(stored().tx_hash.has_value());
    EXPECT_EQ(stored().reason, "the chain replaced the block of its event");
    EXPECT_EQ(log_.count("although its event was retracted"), 1U);
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(RetractedTest, a_transaction_that_is_gone_is_not_sent_again) {
    target_->outcomes = {base::Error(base::ErrorKind::Timeout, "tx_stuck", "no receipt")};
    submit(result());
    set_event(types::EventState::Retracted);
    target_->on_its_way.clear();
    pass(seconds(5));
    EXPECT_EQ(stored().state, ResultState::Retracted);
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(RetractedTest, an_event_that_came_back_is_posted_after_all) {
    wait_for_quorum(1);
    submit(result());
    set_event(types::EventState::Retracted);
    pass(seconds(5));
    ASSERT_EQ(queue()->state, ResultState::Retracted);
    set_event(types::EventState::Done);
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, ResultState::Burned);
    EXPECT_EQ(queue()->state, ResultState::Burned);
    EXPECT_EQ(queue()->reason, "");
}

TEST_F(RetractedTest, back_before_the_old_posting_has_noticed_it_is_posted_once) {
    wait_for_quorum(1);
    submit(result());
    set_event(types::EventState::Retracted);
    set_event(types::EventState::Done);
    submit(result());
    pass(seconds(5));
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, ResultState::Burned);
}

}  // namespace
}  // namespace wavs::aggregator
