// SPDX-License-Identifier: Apache-2.0
#include "quorum_fixture.hpp"

namespace wavs::aggregator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::QuorumTest;
using types::ResultState;

TEST_F(QuorumTest, below_quorum_waits_until_the_next_signature_comes) {
    found(3, 2);
    sign_event(*operators_[0], 0);
    pass(seconds(20));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_EQ(state_of(*operators_[0], 1), ResultState::Collecting);
    EXPECT_EQ(
        operators_[0]->components.callbacks,
        (std::vector<std::string>{"Insufficient Quorum: weight 1 < threshold 2 (total weight: 3)"}))
        << "the timer's retries are silent";
    sign_event(*operators_[1], 0);
    pass(seconds(20));
    expect_posted_once(1);
    EXPECT_EQ(operators_[0]->components.callbacks.back(), "ok");
    EXPECT_EQ(operators_[1]->components.callbacks.back(), "ok");
    EXPECT_EQ(operators_[2]->components.callbacks.back(), "ok") << "whoever sent it";
}

TEST_F(QuorumTest, an_operator_that_comes_late_gets_what_it_missed_and_posts_nothing_again) {
    chain_.refuses_repeats = false;
    found(3, 2);
    kill(*operators_[2]);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
        pass(seconds(3));
    }
    pass(seconds(20));
    expect_posted_once(5);
    restart(*operators_[2]);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[2], event);
    }
    pass(seconds(60));
    expect_posted_once(5);
    for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
        EXPECT_EQ(state_of(*operators_[2], sequence), ResultState::Burned);
    }
}

TEST_F(QuorumTest, two_that_signed_without_each_other_are_brought_together_by_a_third) {
    found(3, 2);
    hub_.connected = [](const auto& a, const auto& b) { return a == b; };
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(900));
    EXPECT_EQ(chain_.mined.size(), 0U);
    hub_.connected = [](const auto& a, const auto& b) { return a == "node2" || b == "node2"; };
    hub_.ask_all();
    pass(seconds(120));
    expect_posted_once(1);
}

TEST_F(QuorumTest, a_partition_heals) {
    found(5, 4);
    hub_.connected = [](const auto& a, const auto& b) { return (a < "node2") == (b < "node2"); };
    for (std::uint32_t event = 0; event < 10; ++event) {
        all_sign(event);
        pass(milliseconds(500));
    }
    pass(seconds(30));
    EXPECT_EQ(chain_.mined.size(), 0U) << "neither side has four";
    hub_.connected = [](const auto&, const auto&) { return true; };
    pass(seconds(240));
    expect_posted_once(10);
}

TEST_F(QuorumTest, all_restart_in_the_middle_and_every_event_is_posted_once) {
    found(3, 3);
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
    }
    pass(seconds(2));
    for (auto& one : operators_) {
        kill(*one);
    }
    for (auto& one : operators_) {
        restart(*one);
    }
    pass(seconds(2));
    for (std::uint32_t event = 0; event < 5; ++event) {
        sign_event(*operators_[2], event);
    }
    pass(seconds(60));
    expect_posted_once(5);
}

TEST_F(QuorumTest, killed_between_the_last_two_signatures_it_still_has_the_ones_before) {
    found(3, 3);
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(1));
    kill(*operators_[0]);
    // The others are gone for good: only what this node has stored can help.
    kill(*operators_[1]);
    restart(*operators_[0]);
    sign_event(*operators_[2], 0);
    pass(seconds(60));
    expect_posted_once(1);
}

TEST_F(QuorumTest, a_dishonest_result_that_comes_first_does_not_keep_the_honest_one_back) {
    found(3, 2);
    sign_event(*operators_[0], 0, {6, 6, 6});
    pass(seconds(1));
    sign_event(*operators_[1], 0);
    sign_event(*operators_[2], 0);
    pass(seconds(30));
    expect_posted_once(1);
    EXPECT_EQ(chain_.find(id_of(*operators_[0], 0))->digest,
              types::envelope_digest(signed_by(*operators_[1], 0).envelope));
    EXPECT_EQ(state_of(*operators_[0], 1), ResultState::Superseded) << "another one is on chain";
    EXPECT_EQ(state_of(*operators_[1], 1), ResultState::Burned);
    EXPECT_EQ(state_of(*operators_[2], 1), ResultState::Burned);
    EXPECT_EQ(log_.count("operators signed different results"), 3U) << "each operator sees it";
    EXPECT_EQ(operators_[0]->exchange->submissions().divergences().value().size(), 1U);
}

TEST_F(QuorumTest, weights_count_not_heads) {
    found(3, 0);
    chain_.weights[operators_[0]->signer] = 70;
    chain_.weights[operators_[1]->signer] = 20;
    chain_.weights[operators_[2]->signer] = 10;
    chain_.threshold = 67;
    sign_event(*operators_[1], 0);
    sign_event(*operators_[2], 0);
    pass(seconds(20));
    EXPECT_EQ(chain_.mined.size(), 0U) << "30 of 100";
    sign_event(*operators_[0], 1);
    pass(seconds(20));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], 1))) << "70 of 100";
    sign_event(*operators_[0], 0);
    pass(seconds(20));
    expect_posted_once(2);
}

TEST_F(QuorumTest, one_that_was_deregistered_spoils_nothing) {
    found(3, 2);
    all_sign(0);
    pass(seconds(10));
    chain_.weights.erase(operators_[2]->signer);
    for (std::uint32_t event = 1; event < 8; ++event) {
        all_sign(event);
        pass(seconds(1));
    }
    pass(seconds(90));
    expect_posted_once(8);
}

TEST_F(QuorumTest, signatures_count_together_whatever_the_gas_price) {
    found(3, 3);
    operators_[0]->components.gas_price = 7;
    operators_[1]->components.gas_price = 8;
    all_sign(0);
    pass(seconds(20));
    expect_posted_once(1);
}

TEST_F(QuorumTest, one_that_registers_while_others_sign_counts_from_then_on) {
    found(2, 2);
    chain_.weights.erase(operators_[1]->signer);
    sign_event(*operators_[0], 0);
    sign_event(*operators_[1], 0);
    pass(seconds(70));
    EXPECT_EQ(chain_.mined.size(), 0U);
    EXPECT_THAT(operators_[1]->exchange->warnings(),
                ::testing::ElementsAre(
                    ::testing::Pair(::testing::_, ::testing::HasSubstr("has no weight"))));
    chain_.weights[operators_[1]->signer] = 1;
    pass(seconds(60));
    expect_posted_once(1);
}

// What the manager said before is remembered for a while. Without its own signature each operator
// took itself for the last in turn, and all posted at the same moment.
TEST_F(QuorumTest, registered_a_moment_ago_they_take_turns_all_the_same) {
    found(3, 2);
    for (auto& one : operators_) {
        kill(*one);
    }
    const auto weights = std::exchange(chain_.weights, {});
    for (auto& one : operators_) {
        restart(*one);
    }
    pass(seconds(1));
    chain_.weights = weights;
    all_sign(0);
    pass(seconds(30));
    expect_posted_once(1);
}

TEST_F(QuorumTest, whoever_is_first_but_gone_is_waited_for_and_then_replaced) {
    found(3, 2);
    all_sign(0);
    pass(seconds(10));
    kill(*operators_[2]);
    for (std::uint32_t event = 1; event < 8; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
        pass(milliseconds(300));
    }
    pass(seconds(60));
    expect_posted_once(8);
}

// What waits in the pool of a busy chain is not missing.
TEST_F(QuorumTest, full_blocks_pass_no_turn) {
    constexpr std::uint32_t kEvents = 40;
    found(3, 2);
    chain_.most_per_block = 5;
    for (std::uint32_t event = 0; event < kEvents; ++event) {
        all_sign(event);
    }
    pass(seconds(120), seconds(3));
    expect_posted_once(kEvents);
}

TEST_F(QuorumTest, whoever_is_gone_is_replaced_though_all_blocks_are_full) {
    found(3, 2);
    all_sign(0);
    pass(seconds(10));
    chain_.always_full = true;
    kill(*operators_[2]);
    for (std::uint32_t event = 1; event < 8; ++event) {
        sign_event(*operators_[0], event);
        sign_event(*operators_[1], event);
    }
    pass(seconds(10));
    EXPECT_LT(chain_.mined.size(), 8U) << "this takes longer";
    pass(seconds(50));
    expect_posted_once(8);
}

// The handler would take a second one, so that only knowing keeps them from sending it.
TEST_F(QuorumTest, who_cannot_see_what_others_posted_posts_nothing) {
    chain_.refuses_repeats = false;
    found(3, 2);
    for (auto& one : operators_) {
        one->target->blind = true;
    }
    all_sign(0);
    pass(seconds(120));
    EXPECT_EQ(chain_.mined.size(), 0U);
    for (auto& one : operators_) {
        EXPECT_EQ(one->components.callbacks.back(), "EVM client: no block 7");
        one->target->blind = false;
    }
    pass(seconds(400));
    expect_posted_once(1);
}

TEST_F(QuorumTest, what_holds_a_result_up_is_told_once_whatever_else_fails) {
    found(3, 2);
    operators_[0]->target->blind = true;
    sign_event(*operators_[0], 0);
    pass(seconds(300));
    EXPECT_EQ(operators_[0]->components.callbacks,
              (std::vector<std::string>{
                  "Insufficient Quorum: weight 1 < threshold 2 (total weight: 3)"}));
    EXPECT_EQ(log_.count("not posted yet"), 3U) << "once by each of the three";
    EXPECT_EQ(log_.count("posting failed"), 0U);
}

TEST_F(QuorumTest, a_thousand_open_queues_are_looked_after) {
    found(2, 2);
    constexpr std::uint32_t kQueues = 1'000;
    for (std::uint32_t event = 0; event < kQueues; ++event) {
        sign_event(*operators_[0], event);
    }
    pass(seconds(10));
    EXPECT_EQ(operators_[0]->aggregator->open_queues(), kQueues);
    sign_event(*operators_[1], kQueues - 1);
    pass(seconds(5));
    EXPECT_TRUE(chain_.has(id_of(*operators_[0], kQueues - 1)));
}

}  // namespace
}  // namespace wavs::aggregator
