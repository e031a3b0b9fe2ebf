// SPDX-License-Identifier: Apache-2.0
// Updates that ask for more permissions than the manifest in force.
#include "dispatcher_bed.hpp"

namespace wavs::dispatcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto* kAsksForA = "workflow default, component: HTTP requests to a.example";
constexpr auto* kAsksForB = "workflow default, component: HTTP requests to b.example";

class PermissionsTest : public DispatcherTest {
protected:
    void restart(PermissionPolicy policy) {
        services_options_.permission_policy = policy;
        build();
        start();
    }
    void start_with(PermissionPolicy policy) {
        restart(policy);
        register_service();
    }
    void announce(const types::Service& service, const std::string& uri, std::uint64_t block) {
        node_.manifests[uri] = service;
        services_->announce({manifest().id(), uri, {block, 0}});
        settle();
    }
    void announce_held() { announce(asking("a.example"), "http://m/2", 5); }
    void check_uris_once() {
        group_->spawn("uri checks", loop(services_->run_uri_checks()));
        settle();
    }
    base::Result<void> agree(const types::Service& service) {
        return run(services_->agree(types::service_digest(service)));
    }
    std::string name() { return services_->list().at(0)->service.name; }
    ServicePermissions permissions() { return services_->permissions(manifest().id()).value(); }
    ServiceHealth health() { return services_->health(manifest().id()); }
    std::size_t warnings() { return log_.count("an update asks for more permissions"); }
    double metric(const std::string& metric_name) {
        const auto page = "\n" + metrics_.render();
        const auto at = page.find("\n" + metric_name + " ");
        return at == std::string::npos ? 0 : std::stod(page.substr(at + metric_name.size() + 2));
    }
};

TEST_F(PermissionsTest, what_a_manifest_asks_for_is_shown_and_logged_at_opt_in) {
    start();
    node_.manifests["http://m/1"] = asking("a.example");
    ASSERT_TRUE(run(services_->add(manager_, std::nullopt)).has_value());
    EXPECT_THAT(permissions().in_force, ElementsAre(kAsksForA));
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(log_.count("service registered"), 1U);
    EXPECT_EQ(log_.count(kAsksForA), 1U);
    EXPECT_THAT(services_->permissions(types::ServiceId()).value().in_force, IsEmpty());
}

TEST_F(PermissionsTest, accepted_updates_that_ask_for_more_are_told_until_the_operator_agrees) {
    start_with(PermissionPolicy::Accept);
    announce_held();
    EXPECT_EQ(name(), "asking");
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
    EXPECT_EQ(warnings(), 1U);
    EXPECT_EQ(metric("wavs_updates_asking_for_more_total"), 1);
    ASSERT_TRUE(permissions().asks_for_more);
    EXPECT_TRUE(permissions().asks_for_more->in_force);
    EXPECT_THAT(permissions().asks_for_more->permissions, ElementsAre(kAsksForA));
    restart(PermissionPolicy::Accept);
    ASSERT_TRUE(permissions().asks_for_more) << "also after a restart";
    ASSERT_TRUE(agree(asking("a.example")).has_value());
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(agree(asking("a.example")).error().code().view(), "nothing_to_agree");
    restart(PermissionPolicy::Accept);
    EXPECT_FALSE(permissions().asks_for_more) << "the agreement is stored";
    EXPECT_EQ(name(), "asking");
}

TEST_F(PermissionsTest, an_accepted_update_is_measured_by_what_was_agreed_to) {
    start_with(PermissionPolicy::Accept);
    announce_held();
    announce(asking("a.example", "same"), "http://m/3", 6);
    EXPECT_EQ(warnings(), 1U) << "it asks for no more than the one in force";
    ASSERT_TRUE(permissions().asks_for_more) << "but for more than was agreed to";
    EXPECT_EQ(permissions().asks_for_more->uri, "http://m/3");
    announce(manifest("less"), "http://m/4", 7);
    EXPECT_FALSE(permissions().asks_for_more);
    announce(asking("a.example", "again"), "http://m/5", 8);
    EXPECT_EQ(warnings(), 2U);
}

TEST_F(PermissionsTest, a_held_update_leaves_the_version_before_in_force_and_holds_no_events) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    EXPECT_EQ(name(), "demo");
    EXPECT_THAT(node_.resumed, ElementsAre(types::ChainPosition{5, 0}));
    EXPECT_EQ(node_.watched.at(manifest().id()), services_->list().at(0)->digest);
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    EXPECT_THAT(health().reason, HasSubstr(kAsksForA));
    EXPECT_THAT(health().reason,
                HasSubstr("wavs-cli permissions agree " +
                          types::to_string(types::service_digest(asking("a.example")))));
    EXPECT_EQ(warnings(), 1U);
    EXPECT_EQ(metric("wavs_updates_asking_for_more_total"), 1);
    EXPECT_EQ(metric("wavs_held_updates"), 1);
    ASSERT_TRUE(permissions().asks_for_more);
    EXPECT_FALSE(permissions().asks_for_more->in_force);
    EXPECT_THAT(permissions().in_force, IsEmpty());
    deliver({action(1)});
    EXPECT_THAT(node_.runs, ElementsAre(services_->list().at(0)->digest));
}

TEST_F(PermissionsTest, an_update_that_asks_for_no_more_is_never_held) {
    start_with(PermissionPolicy::Hold);
    announce(manifest("newer"), "http://m/2", 5);
    EXPECT_EQ(name(), "newer");
    EXPECT_THAT(node_.resumed, IsEmpty());
    EXPECT_EQ(warnings(), 0U);
}

TEST_F(PermissionsTest, a_held_update_is_in_force_from_the_agreement_on) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    node_.uri_block = 40;
    const auto agreed = agree(asking("a.example"));
    ASSERT_TRUE(agreed.has_value()) << agreed.error().full_text();
    EXPECT_EQ(name(), "asking");
    EXPECT_EQ(services_->list().at(0)->in_force_from, types::ChainPosition::end_of(40))
        << "events since its announcement have run under the version before";
    EXPECT_EQ(node_.watched.at(manifest().id()), types::service_digest(asking("a.example")));
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(metric("wavs_held_updates"), 0);
    restart(PermissionPolicy::Hold);
    EXPECT_EQ(name(), "asking");
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
}

TEST_F(PermissionsTest, a_held_update_that_cannot_run_stays_held) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    node_.prepare_error = base::Error(base::ErrorKind::Guest, "compile", "no component");
    EXPECT_EQ(agree(asking("a.example")).error().code().view(), "compile");
    EXPECT_EQ(name(), "demo");
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    node_.prepare_error.reset();
    EXPECT_TRUE(agree(asking("a.example")).has_value());
}

TEST_F(PermissionsTest, an_agreement_names_the_manifest_it_is_about) {
    start_with(PermissionPolicy::Hold);
    EXPECT_EQ(agree(asking("a.example")).error().kind(), base::ErrorKind::NotFound);
    announce_held();
    announce(asking("b.example"), "http://m/3", 6);
    EXPECT_EQ(agree(asking("a.example")).error().code().view(), "nothing_to_agree")
        << "another one took its place";
    EXPECT_EQ(agree(manifest()).error().code().view(), "nothing_to_agree");
    EXPECT_EQ(name(), "demo");
}

TEST_F(PermissionsTest, nobody_agrees_while_a_newer_manifest_is_fetched) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    services_->announce({manifest().id(), "http://m/3", {6, 0}});
    settle();
    EXPECT_EQ(agree(asking("a.example")).error().code().view(), "update_pending");
    node_.manifests["http://m/3"] = asking("b.example");
    timers_.advance(std::chrono::seconds(2));
    settle();
    EXPECT_TRUE(agree(asking("b.example")).has_value());
}

TEST_F(PermissionsTest, a_restart_holds_it_still) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    node_.resumed.clear();
    restart(PermissionPolicy::Hold);
    EXPECT_EQ(name(), "demo");
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    EXPECT_THAT(health().reason, HasSubstr(kAsksForA));
    EXPECT_EQ(metric("wavs_held_updates"), 1);
    node_.manifests.erase("http://m/2");
    services_->announce({manifest().id(), "http://m/2", {5, 0}});
    settle();
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    EXPECT_THAT(node_.resumed, ElementsAre(types::ChainPosition{5, 0}))
        << "a source that reads the announcement again does not wait for it";
    EXPECT_EQ(warnings(), 1U);
    ASSERT_TRUE(agree(asking("a.example")).has_value());
    EXPECT_EQ(name(), "asking");
}

TEST_F(PermissionsTest, a_second_announcement_that_asks_for_more_takes_the_place_of_the_held_one) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    announce(asking("b.example"), "http://m/3", 6);
    EXPECT_EQ(name(), "demo");
    EXPECT_EQ(warnings(), 2U);
    EXPECT_EQ(metric("wavs_held_updates"), 1);
    EXPECT_THAT(permissions().asks_for_more->permissions, ElementsAre(kAsksForB));
    EXPECT_EQ(node_.resumed.size(), 2U);
    ASSERT_TRUE(agree(asking("b.example")).has_value());
    EXPECT_THAT(permissions().in_force, ElementsAre(kAsksForB));
}

TEST_F(PermissionsTest, a_second_announcement_that_asks_for_no_more_drops_the_held_one) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    announce(manifest("harmless"), "http://m/3", 6);
    EXPECT_EQ(name(), "harmless");
    EXPECT_EQ(services_->list().at(0)->in_force_from, (types::ChainPosition{6, 0}));
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
    restart(PermissionPolicy::Hold);
    EXPECT_EQ(name(), "harmless");
    EXPECT_FALSE(permissions().asks_for_more);
}

TEST_F(PermissionsTest, a_polled_uri_does_not_announce_a_held_one_again) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    node_.uri = "http://m/2";
    node_.uri_block = 9;
    check_uris_once();
    const auto fetched = node_.components;
    for (int i = 0; i < 3; ++i) {
        timers_.advance(std::chrono::seconds(400));
        settle();
    }
    EXPECT_EQ(node_.components, fetched);
    EXPECT_EQ(warnings(), 1U);
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    node_.uri = "http://m/1";
    timers_.advance(std::chrono::seconds(400));
    settle();
    EXPECT_EQ(health().state, ServiceHealth::State::Active) << "it was taken back";
    EXPECT_FALSE(permissions().asks_for_more);
}

TEST_F(PermissionsTest, a_polled_uri_is_held_as_well) {
    start_with(PermissionPolicy::Hold);
    node_.manifests["http://m/2"] = asking("a.example");
    node_.uri = "http://m/2";
    node_.uri_block = 9;
    check_uris_once();
    EXPECT_EQ(name(), "demo");
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    EXPECT_TRUE(agree(asking("a.example")).has_value());
    EXPECT_EQ(services_->list().at(0)->in_force_from, types::ChainPosition::end_of(9));
}

TEST_F(PermissionsTest, a_start_that_accepts_takes_what_was_held) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    node_.uri = "http://m/2";
    node_.uri_block = 9;
    node_.uri_error = unavailable("the chain");
    restart(PermissionPolicy::Accept);
    check_uris_once();
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    node_.uri_error.reset();
    timers_.advance(std::chrono::seconds(400));
    settle();
    EXPECT_EQ(name(), "asking");
    ASSERT_TRUE(permissions().asks_for_more);
    EXPECT_TRUE(permissions().asks_for_more->in_force);
}

TEST_F(PermissionsTest, a_start_compares_the_text_behind_an_unchanged_uri) {
    start_with(PermissionPolicy::Hold);
    node_.uri_block = 9;
    node_.manifests["http://m/1"] = asking("a.example");
    restart(PermissionPolicy::Hold);
    check_uris_once();
    EXPECT_EQ(name(), "demo");
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
    node_.manifests["http://m/1"] = manifest("corrected");
    node_.uri_block = 10;
    restart(PermissionPolicy::Hold);
    check_uris_once();
    EXPECT_EQ(name(), "corrected");
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
}

TEST_F(PermissionsTest, a_removed_service_leaves_nothing_held) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    EXPECT_FALSE(store_.get(storage::Keyspace::PendingUpdates, manifest().id().view()).value());
    EXPECT_EQ(metric("wavs_held_updates"), 0);
    EXPECT_EQ(agree(asking("a.example")).error().code().view(), "nothing_to_agree");
    register_service();
    EXPECT_FALSE(permissions().asks_for_more);
    restart(PermissionPolicy::Hold);
    EXPECT_FALSE(permissions().asks_for_more);
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
}

TEST_F(PermissionsTest, a_record_of_the_form_before_counts_as_agreed_to) {
    start_with(PermissionPolicy::Accept);
    announce_held();
    ASSERT_TRUE(permissions().asks_for_more);
    const auto key = manifest().id();
    auto record = store_.get(storage::Keyspace::Services, key.view()).value().value();
    record.at(0) = 2;
    record.resize(record.size() - types::ServiceDigest::kSize);
    storage::Batch as_before;
    as_before.put(storage::Keyspace::Services, key.view(), record);
    ASSERT_TRUE(run(store_.commit(std::move(as_before))).has_value());
    restart(PermissionPolicy::Accept);
    EXPECT_EQ(name(), "asking");
    EXPECT_FALSE(permissions().asks_for_more);
}

TEST_F(PermissionsTest, a_held_update_that_cannot_be_read_is_asked_for_again) {
    start_with(PermissionPolicy::Hold);
    announce_held();
    storage::Batch damage;
    damage.put(storage::Keyspace::PendingUpdates, manifest().id().view(), base::Bytes{9});
    ASSERT_TRUE(run(store_.commit(std::move(damage))).has_value());
    restart(PermissionPolicy::Hold);
    EXPECT_EQ(log_.count("a held update cannot be read"), 1U);
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
    node_.uri = "http://m/2";
    node_.uri_block = 9;
    check_uris_once();
    EXPECT_EQ(health().state, ServiceHealth::State::Held);
}

TEST_F(PermissionsTest, what_hinders_the_version_in_force_shows_while_an_update_is_held) {
    start();
    services_options_.permission_policy = PermissionPolicy::Hold;
    build();
    start();
    node_.hindered.emplace(manifest().id(), base::Error(base::ErrorKind::NotFound,
                                                        "chain_not_configured", "no evm:9"));
    register_service();
    announce_held();
    EXPECT_EQ(health().state, ServiceHealth::State::WaitingForChain);
    ASSERT_TRUE(permissions().asks_for_more);
}

}  // namespace
}  // namespace wavs::dispatcher
