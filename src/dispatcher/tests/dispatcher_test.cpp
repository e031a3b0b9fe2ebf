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

TEST_F(DispatcherTest, registering_is_all_or_nothing) {
    start();
    node_.manifests["http://m/1"] = manifest();
    node_.component_error =
        base::Error(base::ErrorKind::Invalid, "component_digest", "wrong digest");
    EXPECT_FALSE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_TRUE(services_->list().empty());
    node_.component_error.reset();
    node_.prepare_error = base::Error(base::ErrorKind::Guest, "compile", "no component");
    EXPECT_FALSE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_TRUE(services_->list().empty());
    node_.prepare_error.reset();
    EXPECT_TRUE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_EQ(run(services_->add(manager_, std::nullopt)).error().code().view(), "service_exists");
}

TEST_F(DispatcherTest, a_manifest_for_another_manager_is_refused) {
    start();
    auto other = manifest();
    other.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/1"] = other;
    EXPECT_EQ(run(services_->add(manager_, std::nullopt)).error().code().view(),
              "manager_mismatch");
}

TEST_F(DispatcherTest, the_key_is_bound_to_the_manager_for_ever) {
    start();
    register_service();
    EXPECT_EQ(services_->list().at(0)->hd_index, 1U);
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    const types::ServiceManager second =
        types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    auto other = manifest();
    other.manager = second;
    node_.manifests["http://m/1"] = other;
    EXPECT_EQ(run(services_->add(second, 1)).error().code().view(), "hd_index_taken");
    ASSERT_TRUE(run(services_->add(second, std::nullopt)).has_value());
    EXPECT_EQ(services_->find(other.id())->hd_index, 2U);
    register_service();
    EXPECT_EQ(services_->find(manifest().id())->hd_index, 1U);
    EXPECT_TRUE(
        run(services_->remove(types::EvmManager{types::ChainKey::parse("evm:9").value(), {}}))
            .has_value())
        << "removing what is unknown is no error";
}

TEST_F(DispatcherTest, another_mnemonic_is_refused_at_start_by_name) {
    start();
    register_service();
    build();
    node_.key_shift = 1;
    const auto loaded = run(services_->load());
    EXPECT_EQ(loaded.error().code().view(), "signer_changed");
    EXPECT_THAT(loaded.error().message(), HasSubstr(types::to_string(manifest().id())));
}

TEST_F(DispatcherTest, an_update_is_tried_until_it_succeeds_and_the_old_version_runs_meanwhile) {
    start();
    register_service();
    const auto before = services_->list().at(0)->digest;
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    EXPECT_EQ(services_->list().at(0)->digest, before);
    EXPECT_EQ(services_->health(manifest().id()).state, ServiceHealth::State::Degraded);
    EXPECT_THAT(services_->health(manifest().id()).reason, HasSubstr("http://m/2"));
    node_.manifests["http://m/2"] = manifest("newer");
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newer");
    EXPECT_EQ(services_->list().at(0)->hd_index, 1U) << "an update burns no index";
    EXPECT_EQ(services_->health(manifest().id()).state, ServiceHealth::State::Active);
    EXPECT_EQ(node_.watched.at(manifest().id()), services_->list().at(0)->digest);
}

TEST_F(DispatcherTest, an_announcement_that_fails_gives_way_to_a_newer_one) {
    start();
    register_service();
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    services_->announce({manifest().id(), "http://m/3", {6, 0}});
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    EXPECT_TRUE(node_.resumed.empty());
    timers_.advance(std::chrono::seconds(1));
    settle();
    EXPECT_THAT(node_.resumed, ::testing::ElementsAre(types::ChainPosition{5, 0}));
    // The source reads it again, in its turn.
    node_.manifests["http://m/2"] = manifest("older");
    node_.manifests["http://m/3"] = manifest("newest");
    services_->announce({manifest().id(), "http://m/3", {6, 0}});
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newest");
}

TEST_F(DispatcherTest, after_the_hold_a_newer_announcement_replaces_the_one_before) {
    start();
    register_service();
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    for (int i = 0; i < 65; ++i) {
        timers_.advance(std::chrono::seconds(1));
        settle();
    }
    ASSERT_EQ(node_.resumed.size(), 1U);
    node_.manifests["http://m/3"] = manifest("newest");
    services_->announce({manifest().id(), "http://m/3", {6, 0}});
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newest");
}

TEST_F(DispatcherTest, an_announcement_from_before_the_revision_in_force_is_ignored) {
    start();
    register_service();
    node_.manifests["http://m/2"] = manifest("newer");
    node_.manifests["http://m/old"] = manifest("older");
    services_->announce({manifest().id(), "http://m/old", {3, 7}});
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "demo") << "read at block 3, so it is older";
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    services_->announce({manifest().id(), "http://m/old", {4, 0}});
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newer");
    build();
    start();
    services_->announce({manifest().id(), "http://m/old", {5, 0}});
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newer") << "also after a restart";
}

TEST_F(DispatcherTest, events_wait_for_an_announced_manifest_only_so_long) {
    start();
    register_service();
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    for (int i = 0; i < 58; ++i) {
        timers_.advance(std::chrono::seconds(1));
        settle();
    }
    EXPECT_TRUE(node_.resumed.empty());
    for (int i = 0; i < 5; ++i) {
        timers_.advance(std::chrono::seconds(1));
        settle();
    }
    EXPECT_THAT(node_.resumed, ::testing::ElementsAre(types::ChainPosition{5, 0}));
    node_.manifests["http://m/2"] = manifest("late");
    timers_.advance(std::chrono::minutes(6));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "late");
    EXPECT_EQ(services_->list().at(0)->in_force_from, (types::ChainPosition{5, 0}));
}

TEST_F(DispatcherTest, a_manifest_that_is_refused_lets_the_events_go_on_at_once) {
    start();
    register_service();
    auto other = manifest("thief");
    other.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/2"] = other;
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    EXPECT_EQ(node_.resumed.size(), 1U);
}

TEST_F(DispatcherTest, a_start_hands_all_services_to_the_triggers_in_one_step) {
    start();
    register_service();
    auto second = manifest();
    second.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/1"] = second;
    ASSERT_TRUE(run(services_->add(second.manager, std::nullopt)).has_value());
    build();
    node_.watched.clear();
    node_.set_calls = 0;
    start();
    EXPECT_EQ(node_.set_calls, 1);
    EXPECT_EQ(node_.watched.size(), 2U);
}

TEST_F(DispatcherTest, a_polled_uri_does_not_jump_over_blocks_that_are_still_to_be_read) {
    start();
    register_service();
    node_.manifests["http://m/2"] = manifest("newer");
    node_.uri = "http://m/2";
    node_.uri_block = 9;
    node_.all_read = false;
    group_->spawn("uri checks", loop(services_->run_uri_checks()));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "demo");
    node_.all_read = true;
    timers_.advance(std::chrono::seconds(400));
    settle();
    EXPECT_EQ(services_->list().at(0)->service.name, "newer");
    EXPECT_EQ(services_->list().at(0)->in_force_from, types::ChainPosition::end_of(9));
}

TEST_F(DispatcherTest, without_polling_the_uri_is_asked_for_at_the_start_only) {
    services_options_.uri_poll = std::chrono::seconds(0);
    build();
    start();
    register_service();
    group_->spawn("uri checks", loop(services_->run_uri_checks()));
    settle();
    const int reads = node_.uri_reads;
    timers_.advance(std::chrono::hours(1));
    settle();
    EXPECT_EQ(node_.uri_reads, reads);
}

TEST_F(DispatcherTest, a_service_on_a_chain_that_is_not_configured_waits_for_it) {
    start();
    node_.hindered.emplace(manifest().id(), base::Error(base::ErrorKind::NotFound,
                                                        "chain_not_configured", "no evm:9"));
    register_service();
    EXPECT_EQ(services_->health(manifest().id()).state, ServiceHealth::State::WaitingForChain);
    EXPECT_THAT(services_->health(manifest().id()).reason, HasSubstr("evm:9"));
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

TEST_F(DispatcherTest, an_update_to_another_service_is_refused) {
    start();
    register_service();
    auto other = manifest("thief");
    other.manager = types::EvmManager{types::ChainKey::parse("evm:2").value(), {}};
    node_.manifests["http://m/2"] = other;
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    EXPECT_THAT(services_->health(manifest().id()).reason, HasSubstr("id mismatch"));
    EXPECT_EQ(services_->list().size(), 1U);
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
