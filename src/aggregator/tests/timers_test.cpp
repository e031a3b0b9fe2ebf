// SPDX-License-Identifier: Apache-2.0
#include "aggregator_fixture.hpp"

namespace wavs::aggregator {
namespace {

using std::chrono::seconds;
using testing::AggregatorTest;
using testing::chain;
using ::testing::HasSubstr;

class TimersTest : public AggregatorTest {
protected:
    TimersTest() { components_.actions = {types::TimerAction{100}}; }

    void kill() {
        aggregator_.reset();
        settle();
    }
    // As the dispatcher at a start: what is open is handed over again.
    void restart() {
        build();
        const auto results = store_.scan(storage::Keyspace::Results, {}).value();
        for (const auto& entry : results) {
            const auto record = types::decode_result_record(entry.value).value();
            if (types::is_open(record.state)) {
                aggregator_->resume(record.submission.trigger_action.config.service_id,
                                    record.event_sequence, record.response_index);
            }
        }
        settle();
    }
    std::size_t waiting() const {
        return store_.scan(storage::Keyspace::Timers, {}).value().size();
    }
    void commit(storage::Batch batch) {
        ASSERT_TRUE(async::testing::run(context_, store_.commit(std::move(batch))).has_value());
    }
    // As the removal of a service: its open results end, the batch of the aggregator with them.
    void remove(const types::RegisteredServicePtr& service, std::uint8_t input) {
        auto batch = aggregator_->forget(service->id);
        auto record = stored(input);
        record.state = types::ResultState::Expired;
        put(batch, record);
        commit(std::move(batch));
    }
};

TEST_F(TimersTest, a_timer_fires_when_it_is_due_whatever_restarts_come_between) {
    submit(result());
    pass(seconds(40));
    kill();
    restart();
    pass(seconds(30));
    kill();
    restart();
    pass(seconds(29));
    EXPECT_EQ(components_.timers, 0);
    pass(seconds(1));
    EXPECT_EQ(components_.timers, 1);
    EXPECT_EQ(components_.processed, 1) << "it is not asked again";
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(TimersTest, a_timer_that_was_due_while_the_node_was_down_fires_at_once) {
    submit(result());
    kill();
    timers_.advance(seconds(500));
    restart();
    EXPECT_EQ(components_.timers, 1);
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(TimersTest, a_clock_that_is_set_is_noticed) {
    submit(result());
    auto later = clock_.wall_now();
    later.nanos += 100'000'000'000ULL;
    clock_.jump_wall(later);
    pass(seconds(60));
    EXPECT_EQ(components_.timers, 1);
}

TEST_F(TimersTest, what_came_of_a_timer_outlives_a_restart) {
    gone_ = {chain()};
    submit(result());
    pass(seconds(100));
    EXPECT_EQ(components_.timers, 1);
    kill();
    restart();
    pass(seconds(200));
    gone_.clear();
    pass(seconds(300));
    EXPECT_EQ(components_.timers, 1) << "it has fired";
    EXPECT_EQ(components_.processed, 1);
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(TimersTest, each_of_several_timers_fires_once) {
    components_.actions = {types::TimerAction{10}, types::TimerAction{20}, types::TimerAction{20}};
    components_.after_timer = {};
    submit(result());
    pass(seconds(10));
    EXPECT_EQ(components_.timers, 1);
    kill();
    restart();
    pass(seconds(10));
    EXPECT_EQ(components_.timers, 3);
    EXPECT_EQ(stored().state, types::ResultState::Superseded);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(TimersTest, what_was_posted_beside_a_timer_is_known_after_a_restart) {
    components_.actions = {types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}},
                           types::TimerAction{100}};
    components_.after_timer = {};
    submit(result());
    EXPECT_EQ(target_->posts, 1);
    kill();
    // So long after that even its queue is forgotten.
    timers_.advance(seconds(50));
    Queues queues(store_);
    EXPECT_EQ(async::testing::run(context_, queues.clean_up(clock_.wall_now())).value(), 1U);
    restart();
    pass(seconds(50));
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Superseded) << "the worst of both";
    EXPECT_THAT(stored().reason, HasSubstr("after its timer"));
    EXPECT_TRUE(stored().tx_hash.has_value());
}

TEST_F(TimersTest, a_timer_after_a_timer_is_a_new_one) {
    components_.after_timer = {types::TimerAction{100}};
    submit(result());
    for (int i = 1; i <= 5; ++i) {
        pass(seconds(99));
        EXPECT_EQ(components_.timers, i - 1);
        kill();
        restart();
        pass(seconds(1));
        EXPECT_EQ(components_.timers, i);
    }
    components_.after_timer = {types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}}};
    pass(seconds(100));
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(TimersTest, an_answer_that_was_not_stored_is_asked_for_again) {
    submit(result());
    store_.fail_commits(1);
    pass(seconds(100));
    EXPECT_EQ(components_.timers, 1);
    EXPECT_EQ(target_->posts, 0);
    pass(seconds(5));
    EXPECT_EQ(components_.timers, 2);
    EXPECT_EQ(target_->posts, 1);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(TimersTest, a_removed_service_takes_its_timers_along) {
    components_.actions = {types::TimerAction{10'000}};
    submit(result(1));
    submit(result_of(second_, 2));
    ASSERT_EQ(waiting(), 2U);
    remove(service_, 1);
    EXPECT_EQ(waiting(), 1U);
    pass(seconds(10'000));
    EXPECT_EQ(components_.timers, 1) << "that of the other service";
    EXPECT_EQ(stored(1).state, types::ResultState::Expired);
    EXPECT_EQ(stored(2).state, types::ResultState::Burned);
}

TEST_F(TimersTest, a_removed_service_frees_the_places_of_its_timers_soon) {
    components_.actions = {types::TimerAction{10'000}};
    for (std::uint8_t input = 1; input <= 4; ++input) {
        submit(result(input));
    }
    EXPECT_EQ(components_.processed, 3);
    remove(service_, 1);
    pass(seconds(60));
    EXPECT_EQ(components_.processed, 4);
}

TEST_F(TimersTest, a_service_that_went_while_the_node_was_down_leaves_no_timer) {
    submit(result());
    kill();
    service_ = std::make_shared<types::RegisteredService>();
    restart();
    EXPECT_EQ(stored().state, types::ResultState::Expired);
    EXPECT_EQ(waiting(), 0U);
}

TEST_F(TimersTest, timers_of_ended_results_are_cleaned_up) {
    submit(result(1));
    submit(result(2));
    auto ended = stored(1);
    ended.state = types::ResultState::Expired;
    storage::Batch batch;
    put(batch, ended);
    put_timers(batch, types::result_key(9, 0), {});
    commit(std::move(batch));
    Queues queues(store_);
    ASSERT_TRUE(async::testing::run(context_, queues.clean_up({})).has_value());
    EXPECT_EQ(waiting(), 1U);
    EXPECT_TRUE(queues.timers(types::result_key(2, 0)).value().has_value());
}

}  // namespace
}  // namespace wavs::aggregator
