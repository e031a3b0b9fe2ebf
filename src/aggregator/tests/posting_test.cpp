// SPDX-License-Identifier: Apache-2.0
#include "aggregator_fixture.hpp"

namespace wavs::aggregator {
namespace {

using testing::AggregatorTest;
using testing::chain;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::other_chain;

TEST_F(AggregatorTest, a_transaction_sent_before_a_restart_is_looked_for_first) {
    target_->outcomes.push_back(
        base::Error(base::ErrorKind::Unavailable, "gone", "EVM client: gone"));
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Submitting);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->posts, 1) << "it is still on its way";
    EXPECT_EQ(stored().state, types::ResultState::Submitting);
    build();
    target_->in_block = true;
    submit(stored());
    EXPECT_EQ(target_->posts, 1) << "it was mined after all";
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_TRUE(store_.get(storage::Keyspace::Meta, base::as_bytes("settled")).value())
        << "stored together with the outcome";
}

TEST_F(AggregatorTest, a_transaction_that_never_was_is_made_anew) {
    target_->outcomes.push_back(
        base::Error(base::ErrorKind::Unavailable, "gone", "EVM client: gone"));
    submit(result());
    target_->on_its_way.clear();
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->resumes, 1);
    EXPECT_EQ(target_->posts, 2);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_waits_while_its_component_is_quarantined) {
    components_.process_faults.push_back(
        base::Error(base::ErrorKind::Guest, "quarantined", "refused"));
    submit(result());
    EXPECT_FALSE(types::is_final(stored().state)) << types::to_string(stored().state);
    EXPECT_EQ(target_->posts, 0);
    pass(std::chrono::seconds(5));
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, a_result_has_ended_when_all_its_destinations_have) {
    const types::EvmSubmitAction far{other_chain(), {}, {}};
    components_.actions = {types::SubmitAction{far},
                           types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}}};
    gone_ = {other_chain()};
    submit(result());
    EXPECT_EQ(target_->posts, 1) << "a chain that is gone holds up no other";
    EXPECT_FALSE(types::is_final(stored().state)) << types::to_string(stored().state);
    // The same after a restart: the one that is left goes on, the other is not posted twice.
    build();
    submit(stored());
    EXPECT_FALSE(types::is_final(stored().state)) << types::to_string(stored().state);
    gone_.clear();
    pass(std::chrono::seconds(5));
    EXPECT_EQ(target_->posts, 2);
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    EXPECT_TRUE(stored().tx_hash.has_value());
}

TEST_F(AggregatorTest, of_several_ends_the_worst_one_shows) {
    components_.actions = {types::SubmitAction{types::EvmSubmitAction{other_chain(), {}, {}}},
                           types::SubmitAction{types::EvmSubmitAction{chain(), {}, {}}}};
    target_->checks = {{QuorumCheck::State::Refused, "Service manager validate(): x"},
                       {QuorumCheck::State::Reached, {}}};
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Failed);
    EXPECT_THAT(stored().reason, HasSubstr("validate(): x"));
    EXPECT_TRUE(stored().tx_hash.has_value()) << "the other one is on chain";
}

TEST_F(AggregatorTest, what_costs_more_than_the_manifest_allows_is_refused_with_all_names) {
    auto older = std::make_shared<types::RegisteredService>(*service_);
    older->service.name = "older";
    older->service.workflows[types::WorkflowId()].submit = types::SubmitAggregator{
        types::embedded_aggregator({{chain(), {}, 50'000}}), types::kEvmSignatureKind};
    service_ = older;
    target_->refusal =
        base::Error(base::ErrorKind::Denied, "tx_max_gas",
                    "EVM client: estimated gas 60000 for 0x0 is above max_gas 50000");
    submit(result());
    EXPECT_EQ(target_->max_gas, 50'000U);
    EXPECT_EQ(stored().state, types::ResultState::Failed);
    const auto text = "EVM client: estimated gas 60000 for 0x0 is above max_gas 50000 of service " +
                      types::to_string(service_->id) + " (older), workflow default";
    EXPECT_EQ(stored().reason, text);
    EXPECT_THAT(components_.callbacks, ElementsAre(text));
    pass(std::chrono::seconds(600));
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, a_service_that_is_held_up_holds_up_no_other) {
    options_.followed_per_service = 2;
    build();
    gone_ = {chain()};
    for (std::uint8_t i = 1; i <= 5; ++i) {
        submit(result(i));
    }
    EXPECT_EQ(stored(2).state, types::ResultState::Collecting);
    EXPECT_EQ(stored(3).state, types::ResultState::Signed) << "it waits on disk";
    components_.actions = {types::SubmitAction{types::EvmSubmitAction{other_chain(), {}, {}}}};
    submit(result_of(second_, 9));
    EXPECT_EQ(stored(9).state, types::ResultState::Burned);
    gone_.clear();
    pass(std::chrono::seconds(5));
    for (std::uint8_t i = 1; i <= 5; ++i) {
        EXPECT_EQ(stored(i).state, types::ResultState::Burned) << int{i};
    }
    EXPECT_EQ(target_->posts, 6);
}

TEST_F(AggregatorTest, a_fault_of_the_host_after_a_timer_is_tried_again) {
    components_.actions = {types::TimerAction{1}};
    components_.timer_faults = {{base::ErrorKind::Overloaded, "queue_full", "full"}};
    submit(result());
    pass(std::chrono::seconds(1));
    EXPECT_FALSE(types::is_final(stored().state));
    pass(std::chrono::seconds(5));
    EXPECT_EQ(components_.timers, 2);
    EXPECT_EQ(target_->posts, 1);
}

TEST_F(AggregatorTest, a_handler_that_refuses_three_times_ends_it) {
    const Posted refused{Posted::State::HandlerRefused, std::nullopt,
                         "EVM client: No Transaction Receipt: x"};
    target_->outcomes = {refused, refused, refused};
    submit(result());
    pass(std::chrono::seconds(5));
    pass(std::chrono::seconds(10));
    EXPECT_EQ(stored().state, types::ResultState::Superseded);
    EXPECT_THAT(components_.callbacks, ElementsAre(HasSubstr("No Transaction Receipt")));
    pass(std::chrono::seconds(600));
    EXPECT_EQ(target_->posts, 3);
}

TEST_F(AggregatorTest, what_reverts_in_blocks_is_not_paid_for_more_than_three_times) {
    const base::Error reverted(base::ErrorKind::Invalid, "tx_reverted",
                               "EVM client: Transaction Receipt: status 0");
    target_->outcomes = {reverted, reverted, reverted, reverted};
    submit(result());
    for (int i = 0; i < 10; ++i) {
        target_->on_its_way.clear();
        pass(std::chrono::seconds(600));
    }
    EXPECT_EQ(target_->posts, 3);
    EXPECT_EQ(stored().state, types::ResultState::Superseded);
    EXPECT_THAT(components_.callbacks, ElementsAre(HasSubstr("Transaction Receipt")));
}

TEST_F(AggregatorTest, a_budget_that_is_used_up_is_told_once_and_the_result_waits) {
    target_->refusal =
        base::Error(base::ErrorKind::Denied, "tx_over_budget", "EVM client: daily budget: 5 spent");
    submit(result());
    target_->refusal =
        base::Error(base::ErrorKind::Denied, "tx_over_budget", "EVM client: daily budget: 6 spent");
    pass(std::chrono::seconds(5));
    pass(std::chrono::seconds(10));
    EXPECT_EQ(target_->posts, 3);
    EXPECT_EQ(target_->payer, service_->id);
    EXPECT_THAT(components_.callbacks, ElementsAre("EVM client: daily budget: 5 spent"));
    EXPECT_EQ(log_.count("posting failed"), 1U);
    target_->refusal.reset();
    pass(std::chrono::seconds(20));
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

TEST_F(AggregatorTest, what_the_chain_says_to_the_signatures_is_counted_by_name) {
    target_->checks = {
        {QuorumCheck::State::Waiting, "Insufficient Quorum: x", 0, "InsufficientQuorum"},
        {QuorumCheck::State::Waiting, "Service manager validate(): 0x01", 0, ""}};
    submit(result());
    pass(std::chrono::seconds(5));
    pass(std::chrono::seconds(10));
    EXPECT_EQ(stored().state, types::ResultState::Burned);
    const auto page = metrics_.render();
    EXPECT_THAT(page, HasSubstr(R"(wavs_quorum_refusals_total{reason="InsufficientQuorum"} 1)"));
    EXPECT_THAT(page, HasSubstr(R"(wavs_quorum_refusals_total{reason="unknown"} 1)"));
}

TEST_F(AggregatorTest, a_refused_set_is_given_up_with_the_reason) {
    target_->checks = {
        {QuorumCheck::State::Refused, "Service manager validate(): InvalidSignatureOrder"}};
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Failed);
    EXPECT_THAT(stored().reason, HasSubstr("InvalidSignatureOrder"));
}

TEST_F(AggregatorTest, without_a_chain_the_signature_is_kept_and_the_component_told) {
    auto later = target_;
    target_.reset();
    submit(result());
    EXPECT_EQ(stored().state, types::ResultState::Collecting);
    EXPECT_THAT(components_.callbacks, ElementsAre("Chain Config: no chain"));
    target_ = later;
    pass(std::chrono::seconds(5));
    EXPECT_EQ(stored().state, types::ResultState::Burned);
}

}  // namespace
}  // namespace wavs::aggregator
