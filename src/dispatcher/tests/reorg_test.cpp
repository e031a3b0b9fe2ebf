// SPDX-License-Identifier: Apache-2.0
#include "dispatcher_bed.hpp"

#include "wavs/types/records.hpp"

namespace wavs::dispatcher {
namespace {

using ::testing::HasSubstr;
using types::EventState;
using types::ResultState;

/// Events of blocks, and the chain replacing them.
class ReorgTest : public DispatcherTest {
protected:
    // A test that failed leaves runs behind, which nothing else would end.
    void TearDown() override {
        node_.hold = false;
        while (!node_.held.empty()) {
            node_.let_go();
            settle();
        }
    }
    static types::Bytes32 hash(std::uint8_t fill) {
        types::Bytes32 out;
        out.array().fill(fill);
        return out;
    }
    types::TriggerAction event_of(std::uint64_t block, std::uint8_t block_hash) {
        types::EvmEventData data;
        data.chain = types::ChainKey::parse("evm:1").value();
        data.block_number = block;
        data.block_hash = hash(block_hash);
        data.topics = {hash(1)};
        return {{manifest().id(), types::WorkflowId(), types::ManualTrigger{}}, data};
    }
    void send_retraction(std::uint64_t from, std::set<types::Bytes32> kept = {},
                         std::string_view chain = "evm:1") {
        types::TriggerBatch batch;
        batch.source = "evm:1";
        batch.retraction =
            types::Retraction{types::ChainKey::parse(chain).value(), from, std::move(kept)};
        batch.positions.push_back({base::to_bytes("evm/evm:1"), {9}});
        ASSERT_TRUE(batches_.try_send(std::move(batch)).has_value());
        settle();
    }
    /// The first event of this process.
    types::EventRecord first() { return event(1); }
    types::ResultRecord result() { return journal_->results_of(1).value().at(0); }
    void set_result(ResultState state) {
        auto record = result();
        record.state = state;
        storage::Batch batch;
        batch.put(storage::Keyspace::Results, types::result_key(1, 0), types::encode(record));
        ASSERT_TRUE(store_.write_unsynced(batch).has_value());
    }
    double counted(std::string_view stage) {
        return metrics_
            .counter("wavs_events_retracted_total", "Events whose block was replaced",
                     {{"state", std::string(stage)}})
            .value();
    }
    std::size_t work() { return store_.scan(storage::Keyspace::Work, {}).value().size(); }
};

TEST_F(ReorgTest, what_waits_is_never_run) {
    register_service();
    start();
    node_.hold = true;
    deliver({event_of(5, 1), event_of(6, 1), event_of(7, 1), event_of(8, 1), event_of(9, 1)});
    ASSERT_EQ(node_.runs.size(), 3U) << "the others wait in memory";
    send_retraction(9, {});
    EXPECT_EQ(event(5).state, EventState::Retracted);
    EXPECT_THAT(event(5).reason, HasSubstr("evm:1 replaced its block 9 (0x0101"));
    node_.hold = false;
    while (!node_.held.empty()) {
        node_.let_go();
        settle();
    }
    EXPECT_EQ(node_.runs.size(), 4U);
    EXPECT_EQ(node_.submitted.size(), 4U);
    EXPECT_EQ(event(5).state, EventState::Retracted);
    EXPECT_EQ(counted("unsigned"), 1);
    EXPECT_EQ(store_.get(storage::Keyspace::Coverage, base::to_bytes("evm/evm:1")).value(),
              (base::Bytes{9}))
        << "in one batch with the position";
}

TEST_F(ReorgTest, a_run_that_goes_on_meanwhile_is_not_signed) {
    register_service();
    start();
    node_.hold = true;
    deliver({event_of(5, 1)});
    send_retraction(5);
    node_.let_go();
    settle();
    EXPECT_TRUE(node_.submitted.empty());
    EXPECT_EQ(first().state, EventState::Retracted);
    EXPECT_TRUE(journal_->results_of(1).value().empty());
    EXPECT_EQ(node_.signed_jobs, 0);
    EXPECT_EQ(work(), 0U);
}

TEST_F(ReorgTest, a_run_that_fails_meanwhile_leaves_it_retracted) {
    register_service();
    start();
    node_.hold = true;
    node_.run_errors = {base::Error(base::ErrorKind::Guest, "trap", "unreachable")};
    deliver({event_of(5, 1)});
    send_retraction(5);
    node_.let_go();
    settle();
    EXPECT_EQ(first().state, EventState::Retracted);
    EXPECT_TRUE(journal_->work(types::WorkKind::FailedEvent).value().empty());
}

TEST_F(ReorgTest, what_failed_before_cannot_be_retried) {
    register_service();
    start();
    node_.run_errors = {base::Error(base::ErrorKind::Guest, "trap", "unreachable")};
    deliver({event_of(5, 1)});
    ASSERT_EQ(first().state, EventState::Failed);
    send_retraction(5);
    EXPECT_EQ(first().state, EventState::Retracted);
    EXPECT_FALSE(run(dispatcher_->retry(1)).has_value());
}

TEST_F(ReorgTest, blocks_that_stand_below_or_in_the_new_branch_and_other_chains_are_left) {
    register_service();
    start();
    deliver({event_of(4, 1), event_of(5, 1), event_of(6, 2)});
    send_retraction(5, {hash(2)}, "evm:2");
    EXPECT_EQ(counted("signed"), 0);
    send_retraction(5, {hash(2)});
    EXPECT_EQ(event(1).state, EventState::Done);
    EXPECT_EQ(event(2).state, EventState::Retracted);
    EXPECT_EQ(event(3).state, EventState::Done);
    EXPECT_EQ(counted("signed"), 1);
}

// The chain has the height again, whatever block is there now.
TEST_F(ReorgTest, a_block_interval_is_not_retracted) {
    register_service();
    start();
    node_.hold = true;
    const auto chain = types::ChainKey::parse("evm:1").value();
    deliver({{{manifest().id(), types::WorkflowId(), types::ManualTrigger{}},
              types::BlockIntervalData{chain, 6}},
             event_of(6, 1)});
    send_retraction(5);
    EXPECT_NE(event(1).state, EventState::Retracted);
    EXPECT_EQ(event(2).state, EventState::Retracted);
    node_.hold = false;
    while (!node_.held.empty()) {
        node_.let_go();
        settle();
    }
    EXPECT_EQ(event(1).state, EventState::Done);
    EXPECT_EQ(node_.signed_jobs, 1);
}

TEST_F(ReorgTest, a_signed_result_is_no_longer_followed) {
    register_service();
    start();
    deliver({event_of(5, 1)});
    set_result(ResultState::Collecting);
    storage::Batch timer;
    timer.put(storage::Keyspace::Timers, types::result_key(1, 0), {});
    ASSERT_TRUE(store_.write_unsynced(timer).has_value());
    send_retraction(5);
    EXPECT_EQ(first().state, EventState::Retracted);
    EXPECT_EQ(result().state, ResultState::Retracted);
    EXPECT_THAT(result().reason, HasSubstr("replaced its block 5"));
    EXPECT_TRUE(store_.scan(storage::Keyspace::Timers, {}).value().empty());
    EXPECT_EQ(work(), 0U) << "a start does not go on with it";
    EXPECT_EQ(log_.count("an event is retracted"), 1U);
    send_retraction(5);
    EXPECT_EQ(counted("signed"), 1) << "the same again changes nothing";
}

TEST_F(ReorgTest, a_transaction_on_its_way_is_followed_to_its_end) {
    register_service();
    start();
    deliver({event_of(5, 1)});
    set_result(ResultState::Submitting);
    send_retraction(5);
    EXPECT_EQ(first().state, EventState::Retracted);
    EXPECT_EQ(result().state, ResultState::Submitting);
    EXPECT_EQ(journal_->work(types::WorkKind::OpenResult).value().size(), 1U);
    EXPECT_EQ(counted("submitting"), 1);
}

TEST_F(ReorgTest, what_is_posted_is_only_reported) {
    register_service();
    start();
    deliver({event_of(5, 1)});
    set_result(ResultState::Burned);
    send_retraction(5);
    EXPECT_EQ(first().state, EventState::Done);
    EXPECT_THAT(first().reason, HasSubstr("replaced its block 5"));
    EXPECT_EQ(result().state, ResultState::Burned);
    EXPECT_EQ(counted("posted"), 1);
    EXPECT_EQ(log_.count("lost its block after it was settled"), 1U);
    send_retraction(5);
    EXPECT_EQ(counted("posted"), 1);
}

TEST_F(ReorgTest, the_first_branch_brings_the_event_back_under_its_number) {
    register_service();
    start();
    deliver({event_of(5, 1)});
    ASSERT_EQ(node_.submitted.size(), 1U);
    send_retraction(5);
    deliver({event_of(5, 2)});
    EXPECT_EQ(node_.submitted.size(), 2U) << "in its new block it is a new event";
    send_retraction(5);
    deliver({event_of(5, 1)});
    EXPECT_EQ(first().state, EventState::Done);
    EXPECT_EQ(result().state, ResultState::Signed);
    EXPECT_EQ(node_.runs.size(), 3U);
    EXPECT_EQ(node_.submitted.back().submission.event_id, first().default_event_id);
    EXPECT_EQ(journal_->find(first().default_event_id).value(), std::vector<std::uint64_t>{1});
    deliver({event_of(5, 1)});
    EXPECT_EQ(node_.runs.size(), 3U) << "known again";
}

TEST_F(ReorgTest, a_run_of_before_says_nothing_about_the_event_that_came_back) {
    register_service();
    start();
    node_.hold = true;
    deliver({event_of(5, 1)});
    send_retraction(5);
    clock_.advance(std::chrono::seconds(1));
    deliver({event_of(5, 1)});
    ASSERT_EQ(node_.held.size(), 2U);
    node_.let_go();
    settle();
    EXPECT_TRUE(node_.submitted.empty());
    EXPECT_EQ(first().state, EventState::Accepted);
    node_.let_go();
    settle();
    EXPECT_EQ(node_.submitted.size(), 1U);
    EXPECT_EQ(first().state, EventState::Done);
}

TEST_F(ReorgTest, a_restart_in_between_changes_nothing) {
    register_service();
    start();
    node_.hang = true;
    deliver({event_of(5, 1), event_of(6, 1)});
    send_retraction(6);
    node_.hang = false;
    build();
    start();
    EXPECT_EQ(event(1).state, EventState::Done);
    EXPECT_EQ(event(2).state, EventState::Retracted);
    EXPECT_EQ(node_.submitted.size(), 1U);
    deliver({event_of(6, 1)});
    EXPECT_EQ(event(2).state, EventState::Done);
    EXPECT_EQ(node_.submitted.size(), 2U);
}

TEST_F(ReorgTest, the_index_of_blocks_goes_with_the_event) {
    register_service();
    start();
    deliver({event_of(5, 1)});
    EXPECT_EQ(store_.scan(storage::Keyspace::EventBlocks, {}).value().size(), 1U);
    set_result(ResultState::Burned);
    clock_.advance(std::chrono::hours(1));
    ASSERT_TRUE(run(journal_->prune(clock_.wall_now(), 0, 10)).has_value());
    EXPECT_TRUE(store_.scan(storage::Keyspace::EventBlocks, {}).value().empty());
    node_.run_errors = {base::Error(base::ErrorKind::Guest, "trap", "unreachable")};
    deliver({event_of(6, 1)});
    ASSERT_TRUE(run(store_.commit(journal_->forget(manifest().id()).value())).has_value());
    EXPECT_TRUE(store_.scan(storage::Keyspace::EventBlocks, {}).value().empty());
}

}  // namespace
}  // namespace wavs::dispatcher
