// SPDX-License-Identifier: Apache-2.0
// Keys that may have signed elsewhere.
#include "dispatcher_bed.hpp"

namespace wavs::dispatcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using types::SignerState;

class SignersTest : public DispatcherTest {
protected:
    void begin() {
        services_->on_signing_began(
            [this](const types::EvmAddress& signer) { began_.push_back(signer); });
        start();
    }
    types::EvmAddress signer() { return services_->list().at(0)->signer; }
    SignerState state() { return node_.state(signer()); }
    ServiceHealth health() { return services_->health(manifest().id()); }

    std::vector<types::EvmAddress> began_;
};

TEST_F(SignersTest, a_new_key_that_its_manager_does_not_count_signs) {
    begin();
    register_service();
    EXPECT_EQ(state(), SignerState::On);
    EXPECT_EQ(node_.count_reads, 1);
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
}

TEST_F(SignersTest, a_new_key_that_its_manager_counts_already_does_not_sign) {
    begin();
    node_.counted = true;
    register_service();
    EXPECT_EQ(state(), SignerState::Missing);
    EXPECT_EQ(log_.count("does not sign"), 1U);
    EXPECT_EQ(health().state, ServiceHealth::State::Degraded);
    EXPECT_THAT(health().reason,
                HasSubstr("wavs-cli ledger accept-empty " + types::to_string(manifest().id())));
    EXPECT_THAT(began_, IsEmpty());
}

TEST_F(SignersTest, a_key_whose_ledger_is_here_is_not_asked_about) {
    begin();
    node_.counted = true;
    node_.ledger_known = true;
    register_service();
    EXPECT_EQ(state(), SignerState::On);
    EXPECT_EQ(node_.count_reads, 0);
}

TEST_F(SignersTest, a_key_that_is_registered_later_signs_and_stays_on) {
    begin();
    register_service();
    node_.counted = true;
    ASSERT_TRUE(run(services_->remove(manager_)).has_value());
    register_service();
    EXPECT_EQ(state(), SignerState::On) << "it was born here before";
    build();
    start();
    EXPECT_EQ(state(), SignerState::On);
}

TEST_F(SignersTest, a_manager_that_cannot_be_asked_is_asked_again) {
    begin();
    node_.counts_error = unavailable("the chain");
    register_service();
    EXPECT_EQ(state(), SignerState::Unchecked);
    group_->spawn("uri checks", loop(services_->run_uri_checks()));
    settle();
    EXPECT_EQ(state(), SignerState::Unchecked);
    node_.counts_error.reset();
    timers_.advance(std::chrono::seconds(400));
    settle();
    EXPECT_EQ(state(), SignerState::On);
    EXPECT_THAT(began_, ElementsAre(signer()));
    const auto asked = node_.count_reads;
    timers_.advance(std::chrono::seconds(400));
    settle();
    EXPECT_EQ(node_.count_reads, asked) << "asked until it is known";
}

TEST_F(SignersTest, the_operator_says_that_the_ledger_is_empty) {
    begin();
    EXPECT_EQ(run(services_->accept_empty_ledger(manifest().id())).error().kind(),
              base::ErrorKind::NotFound);
    node_.counted = true;
    register_service();
    ASSERT_TRUE(run(services_->accept_empty_ledger(manifest().id())).has_value());
    EXPECT_EQ(state(), SignerState::On);
    EXPECT_THAT(began_, ElementsAre(signer()));
    EXPECT_EQ(health().state, ServiceHealth::State::Active);
    EXPECT_EQ(run(services_->accept_empty_ledger(manifest().id())).error().code().view(),
              "ledger_not_missing");
}

}  // namespace
}  // namespace wavs::dispatcher
