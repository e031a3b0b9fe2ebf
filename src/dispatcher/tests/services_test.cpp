// SPDX-License-Identifier: Apache-2.0
#include "dispatcher_bed.hpp"

namespace wavs::dispatcher {
namespace {

using ::testing::HasSubstr;

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

TEST_F(DispatcherTest, an_event_of_before_an_update_runs_under_its_revision_after_a_restart) {
    start();
    register_service();
    const auto before = services_->list().at(0)->digest;
    accept_only(action(9));
    node_.manifests["http://m/2"] = manifest("newer");
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    ASSERT_NE(services_->list().at(0)->digest, before);
    build();
    start();
    EXPECT_THAT(node_.runs, ::testing::ElementsAre(before));
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

}  // namespace
}  // namespace wavs::dispatcher
