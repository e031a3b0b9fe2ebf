// SPDX-License-Identifier: Apache-2.0
#include "dispatcher_bed.hpp"

namespace wavs::dispatcher {
namespace {

using ::testing::HasSubstr;

TEST_F(DispatcherTest, an_event_runs_and_its_result_is_handed_over) {
    start();
    register_service();
    deliver({action(1)});
    ASSERT_EQ(node_.submitted.size(), 1U);
    EXPECT_EQ(event(node_.submitted[0].event_sequence).state, types::EventState::Done);
    EXPECT_TRUE(
        store_.get(storage::Keyspace::Coverage, base::to_bytes("evm/evm:1")).value().has_value());
}

TEST_F(DispatcherTest, an_event_that_a_source_reads_twice_runs_once) {
    start();
    register_service();
    deliver({action(1), action(1)});
    deliver({action(1), action(2)});
    EXPECT_EQ(node_.runs.size(), 2U);
}

TEST_F(DispatcherTest, manual_triggers_repeat_as_often_as_asked_and_report_the_first_failure) {
    start();
    register_service();
    ManualRequest request{action(1), 3, ManualRequest::Wait::UntilRun};
    EXPECT_TRUE(run(dispatcher_->trigger(request)).has_value());
    EXPECT_EQ(node_.submitted.size(), 3U);
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "component_error", "trapped"));
    EXPECT_EQ(run(dispatcher_->trigger(request)).error().message(), "trapped");
    EXPECT_EQ(node_.submitted.size(), 5U);
    EXPECT_EQ(dispatcher_->last_error(manifest().id(), types::WorkflowId()), std::nullopt)
        << "a later run went well";
}

TEST_F(DispatcherTest, unknown_and_paused_targets_are_refused_before_anything_is_stored) {
    start();
    EXPECT_EQ(run(dispatcher_->trigger({action(1)})).error().code().view(), "service_unknown");
    register_service();
    auto other = action(1);
    other.config.workflow_id = types::WorkflowId::parse("other").value();
    EXPECT_EQ(run(dispatcher_->trigger({other})).error().code().view(), "workflow_unknown");
    EXPECT_TRUE(journal_->work(types::WorkKind::OpenEvent).value().empty());
}

TEST_F(DispatcherTest, host_faults_get_one_more_run_and_guest_faults_none) {
    start();
    register_service();
    node_.run_errors.push_back(unavailable("engine busy"));
    deliver({action(1)});
    EXPECT_EQ(node_.runs.size(), 2U);
    EXPECT_EQ(node_.submitted.size(), 1U);
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "out_of_fuel", "out of fuel"));
    deliver({action(2)});
    EXPECT_EQ(node_.runs.size(), 3U);
    EXPECT_EQ(dispatcher_->last_error(manifest().id(), types::WorkflowId()), "out of fuel");
}

TEST_F(DispatcherTest, unfinished_work_goes_on_after_a_restart) {
    start();
    register_service();
    accept_only(action(9));
    const auto pending = journal_->work(types::WorkKind::OpenEvent).value().at(0).sequence;
    deliver({action(1)});
    const auto done = node_.submitted.size();
    build();
    crashed_ = {event(pending).default_event_id};
    start();
    settle();
    // The result that was handed over before is not final, so it is handed over again, and the
    // pending one runs.
    EXPECT_EQ(node_.submitted.size(), done + 1);
    EXPECT_THAT(node_.resumed_results,
                ::testing::ElementsAre(
                    std::tuple(manifest().id(), node_.submitted.at(0).event_sequence, 0U)));
    EXPECT_TRUE(journal_->work(types::WorkKind::OpenEvent).value().empty());
    EXPECT_EQ(event(pending).attempts, 1U) << "the run that was cut off counts";
}

TEST_F(DispatcherTest, a_failed_event_waits_for_the_operator) {
    start();
    register_service();
    const base::Error trapped(base::ErrorKind::Guest, "component_error", "trapped");
    node_.run_errors.push_back(trapped);
    deliver({action(1)});
    const auto failed = journal_->work(types::WorkKind::FailedEvent).value();
    ASSERT_EQ(failed.size(), 1U);
    const auto sequence = failed[0].sequence;
    EXPECT_EQ(event(sequence).state, types::EventState::Failed);
    EXPECT_THAT(event(sequence).reason, HasSubstr("trapped"));

    node_.run_errors.push_back(trapped);
    ASSERT_TRUE(run(dispatcher_->retry(sequence)).has_value());
    settle();
    EXPECT_EQ(event(sequence).attempts, 2U);
    node_.run_errors.push_back(trapped);
    ASSERT_TRUE(run(dispatcher_->retry(sequence)).has_value());
    settle();
    EXPECT_EQ(event(sequence).state, types::EventState::Parked) << "three attempts";
    ASSERT_TRUE(run(dispatcher_->retry(sequence)).has_value());
    settle();
    EXPECT_EQ(event(sequence).state, types::EventState::Done);
    EXPECT_EQ(run(dispatcher_->retry(sequence)).error().code().view(), "event_not_failed");
    EXPECT_EQ(run(dispatcher_->skip(4711)).error().code().view(), "event_unknown");

    node_.run_errors.push_back(trapped);
    deliver({action(2)});
    const auto second = journal_->work(types::WorkKind::FailedEvent).value().at(0).sequence;
    ASSERT_TRUE(run(dispatcher_->skip(second)).has_value());
    EXPECT_EQ(event(second).state, types::EventState::Skipped);
    EXPECT_TRUE(journal_->work(types::WorkKind::FailedEvent).value().empty());
}

TEST_F(DispatcherTest, what_a_quarantine_refused_is_no_attempt_and_runs_when_it_is_lifted) {
    start();
    register_service();
    const base::Error refused(base::ErrorKind::Guest, "quarantined", "component aa is quarantined");
    node_.run_errors.push_back(refused);
    deliver({action(1)});
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "component_error", "trapped"));
    deliver({action(2)});
    const auto failed = journal_->work(types::WorkKind::FailedEvent).value();
    ASSERT_EQ(failed.size(), 2U);
    EXPECT_EQ(event(failed[0].sequence).attempts, 0U);
    EXPECT_EQ(run(dispatcher_->retry_all("component bb is quarantined")).value(), 0U);
    EXPECT_EQ(run(dispatcher_->retry_all("component aa is quarantined")).value(), 1U);
    settle();
    EXPECT_EQ(event(failed[0].sequence).state, types::EventState::Done);
    EXPECT_EQ(event(failed[1].sequence).state, types::EventState::Failed)
        << "that one waits for the operator";
}

TEST_F(DispatcherTest, a_batch_that_cannot_be_stored_is_kept_and_accepted_later) {
    start();
    register_service();
    store_.fail_commits(1);
    deliver({action(1)});
    EXPECT_TRUE(node_.runs.empty());
    group_->spawn("batches", loop(dispatcher_->run_batches()));
    settle();
    EXPECT_EQ(node_.runs.size(), 1U);
}

TEST_F(DispatcherTest, a_low_disk_stops_the_intake_until_there_is_room) {
    start();
    register_service();
    storage::DiskSpace& disk = full_disk();
    deliver({action(1)});
    EXPECT_TRUE(node_.runs.empty());
    const auto refused = run(dispatcher_->trigger({action(2)}));
    EXPECT_EQ(refused.error().code().view(), "disk_low");
    disk.set_watermark(0);
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(node_.runs.size(), 1U);
}

TEST_F(DispatcherTest, old_settled_events_are_erased_with_everything_of_them) {
    start();
    register_service();
    deliver({action(1), action(2)});
    const auto settled = node_.submitted.at(0).event_sequence;
    const auto open = node_.submitted.at(1).event_sequence;
    auto result = journal_->results_of(settled).value().at(0);
    result.state = types::ResultState::Burned;
    storage::Batch batch;
    batch.put(storage::Keyspace::Results, types::result_key(settled, 0), types::encode(result));
    ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
    node_.run_errors.push_back(base::Error(base::ErrorKind::Guest, "component_error", "trapped"));
    deliver({action(3)});
    clock_.advance(std::chrono::hours(24 * 8));
    deliver({action(4)});

    group_->spawn("retention", loop(dispatcher_->run_retention()));
    settle();
    EXPECT_FALSE(journal_->event(settled).value().has_value());
    EXPECT_TRUE(journal_->results_of(settled).value().empty());
    EXPECT_TRUE(journal_->find(result.submission.event_id).value().empty());
    EXPECT_TRUE(journal_->event(open).value().has_value()) << "its result is not on chain yet";
    EXPECT_EQ(journal_->work(types::WorkKind::FailedEvent).value().size(), 1U);
    EXPECT_TRUE(journal_->event(node_.submitted.back().event_sequence).value().has_value())
        << "young";
}

TEST_F(DispatcherTest, an_older_data_directory_gets_the_index_of_work) {
    start();
    register_service();
    deliver({action(1)});
    accept_only(action(9));
    storage::Batch as_before;
    const auto work = store_.scan(storage::Keyspace::Work, {}).value();
    for (const auto& entry : work) {
        as_before.erase(storage::Keyspace::Work, entry.key);
    }
    as_before.put(storage::Keyspace::EventIndex, base::Bytes{1}, base::Bytes{});
    as_before.put(storage::Keyspace::Meta, base::as_bytes("schema"),
                  storage::KeyWriter().u32(1).get());
    ASSERT_TRUE(run(store_.commit(std::move(as_before))).has_value());
    ASSERT_TRUE(journal_->work(types::WorkKind::OpenEvent).value().empty());
    build();
    ASSERT_TRUE(run(storage::prepare_schema(store_, journal_migrations())).has_value());
    EXPECT_EQ(journal_->work(types::WorkKind::OpenEvent).value().size(), 1U);
    EXPECT_EQ(journal_->work(types::WorkKind::OpenResult).value().size(), 1U);
    EXPECT_TRUE(store_.scan(storage::Keyspace::EventIndex, {}).value().empty());
    const auto runs = node_.runs.size();
    start();
    settle();
    EXPECT_EQ(node_.runs.size(), runs + 1);
}

TEST_F(DispatcherTest, a_stop_interrupts_what_runs_and_leaves_it_to_the_next_start) {
    start();
    register_service();
    node_.hang = true;
    std::optional<base::Result<void>> answer;
    const auto fire = [&](std::uint8_t input) {
        async::start(
            dispatcher_->trigger({action(input), 1, ManualRequest::Wait::UntilRun}),
            [&](async::FlowEnd<base::Result<void>> end) { answer.emplace(std::move(end).take()); });
    };
    for (std::uint8_t i = 1; i <= 4; ++i) {
        fire(i);
    }
    EXPECT_EQ(node_.runs.size(), 3U) << "one waits for a place";
    EXPECT_FALSE(answer);
    EXPECT_TRUE(run(dispatcher_->stop(std::chrono::seconds(1))).empty());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().kind(), base::ErrorKind::Cancelled);
    EXPECT_EQ(journal_->work(types::WorkKind::OpenEvent).value().size(), 4U);
    node_.hang = false;
    build();
    start();
    settle();
    EXPECT_EQ(node_.submitted.size(), 4U);
}

TEST_F(DispatcherTest, what_is_in_flight_of_a_removed_service_is_erased) {
    start();
    register_service();
    deliver({action(1)});
    accept_only(action(9));
    auto others = action(8);
    others.config.service_id.array().fill(7);
    accept_only(others);
    ASSERT_TRUE(run(store_.commit(journal_->forget(manifest().id()).value())).has_value());
    const auto left = journal_->work(types::WorkKind::OpenEvent).value();
    ASSERT_EQ(left.size(), 1U) << "of another service";
    EXPECT_EQ(left[0].service, others.config.service_id);
    EXPECT_TRUE(journal_->work(types::WorkKind::OpenResult).value().empty());
    const auto sequence = node_.submitted.at(0).event_sequence;
    EXPECT_EQ(journal_->results_of(sequence).value().at(0).state, types::ResultState::Expired);
}

TEST_F(DispatcherTest, an_event_stored_before_its_block_was_reserved_keeps_its_number) {
    const auto early = types::make_event_record(20'007, action(3), {}, {}, "manual");
    storage::Batch batch;
    batch.put(storage::Keyspace::Events, types::event_key(early.sequence), types::encode(early));
    ASSERT_TRUE(run(store_.commit(std::move(batch))).has_value());
    build();
    const auto next = action(4);
    const auto records =
        run(journal_->accept({{&next, {}}}, "manual", {}, Journal::Repeats::Accept)).value();
    EXPECT_EQ(records.at(0).sequence, 20'008U);
    EXPECT_EQ(event(20'007), early);
}

TEST_F(DispatcherTest, sequence_numbers_are_never_used_twice) {
    start();
    register_service();
    deliver({action(1)});
    const auto first = node_.submitted.back().event_sequence;
    build();
    start();
    deliver({action(2)});
    EXPECT_GT(node_.submitted.back().event_sequence, first);
}

TEST_F(DispatcherTest, an_event_runs_under_the_revision_its_source_matched) {
    start();
    register_service();
    const auto before = services_->list().at(0);
    node_.manifests["http://m/2"] = manifest("newer");
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    types::TriggerBatch batch;
    batch.source = "evm:1";
    batch.events.push_back({before, action(1)});
    ASSERT_TRUE(batches_.try_send(std::move(batch)).has_value());
    settle();
    EXPECT_THAT(node_.runs, ::testing::ElementsAre(before->digest));
}

TEST_F(DispatcherTest, removal_ends_what_is_in_flight) {
    start();
    register_service();
    accept_only(action(9));
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    EXPECT_TRUE(journal_->work(types::WorkKind::OpenEvent).value().empty());
    EXPECT_TRUE(node_.watched.empty());
    EXPECT_EQ(node_.released, 1);
}

}  // namespace
}  // namespace wavs::dispatcher
