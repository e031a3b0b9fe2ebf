// SPDX-License-Identifier: Apache-2.0
// Several operators while not all is well: some are down, cut off, restarted, or not counted any
// more. The handler takes everything where that is said, so that a second transaction would not be
// stopped by it.
#include "operators.hpp"

#include <cstdlib>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr cli::QuorumRule kAllOfThree{.threshold_weight = 1, .numerator = 3, .denominator = 3};

class OperatorFaults : public Operators {
protected:
    void wait_below_quorum(unsigned node) {
        wait_until("the quorum is not reached",
                   [&] { return refused_for(node, "InsufficientQuorum"); });
    }
    void wait_all_settled(unsigned nodes, std::size_t events) {
        for (unsigned i = 0; i < nodes; ++i) {
            wait_settled(i, events);
        }
    }
};

TEST_F(OperatorFaults, seven_of_ten_operators_are_enough) {
    begin({.nodes = 7,
           .weights = std::vector<std::uint64_t>(10, 10),
           .quorum = {.threshold_weight = 1, .numerator = 7, .denominator = 10}});
    for (const auto* text : {"first", "second"}) {
        must(devnet_->wait_handled(contracts_.handler, fire(text)));
    }
    wait_all_settled(7, 2);
    for (const auto& one : expect_one_transaction_each(2)) {
        EXPECT_THAT(one.signers, SizeIs(7));
    }
}

TEST_F(OperatorFaults, weights_count_and_one_that_was_deregistered_does_not) {
    begin({.weights = {70, 20, 10},
           .quorum = {.threshold_weight = 1, .numerator = 67, .denominator = 100}});
    kill(0);
    const auto first = fire("30 of 100");
    wait_below_quorum(1);
    wait_below_quorum(2);
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
    restart(0, 2);
    must(devnet_->wait_handled(contracts_.handler, first));
    wait_all_settled(3, 1);
    deregister(2);
    must(devnet_->wait_handled(contracts_.handler, fire("without the third")));
    const auto sent = expect_one_transaction_each(2);
    EXPECT_FALSE(signs(sent.at(1), signers_.at(2).address));
}

TEST_F(OperatorFaults, one_that_lies_keeps_no_honest_result_back) {
    begin({.first_lies = true});
    const auto event = fire(fmt::format("envvar:{}", kAnswer));
    must(devnet_->wait_handled(contracts_.handler, event));
    EXPECT_EQ(base::as_text(must(devnet_->read_result(contracts_.handler, event.trigger_id))),
              "the truth");
    wait_all_settled(3, 1);
    const auto sent = expect_one_transaction_each(1);
    EXPECT_THAT(sent.at(0).signers, SizeIs(2));
    EXPECT_FALSE(signs(sent.at(0), signers_.at(0).address));
    for (unsigned i = 0; i < 3; ++i) {
        const auto shown = must(devnet_->node(i).client().divergences());
        for (const auto& signer : signers_) {
            EXPECT_THAT(shown, HasSubstr(types::to_checksum_string(signer.address))) << i;
        }
    }
}

TEST_F(OperatorFaults, killed_between_the_last_two_signatures_it_has_the_ones_before) {
    take_careless_handler();
    begin({.quorum = kAllOfThree});
    kill(2);
    fire("two of three");
    wait_until("node 0 has the signature of node 1", [&] { return taken_from_peers(0) >= 1; });
    wait_below_quorum(0);
    kill(0);
    // Who could tell it again is gone.
    kill(1);
    must(devnet_->restart_node(0));
    restart(2, 1);
    wait_settled(0, 1);
    wait_settled(2, 1);
    EXPECT_THAT(expect_one_transaction_each(1).at(0).signers, SizeIs(3));
}

TEST_F(OperatorFaults, all_restart_in_the_middle_of_a_quorum) {
    take_careless_handler();
    begin({.quorum = kAllOfThree});
    kill(2);
    for (const auto* text : {"first", "second", "third"}) {
        fire(text);
    }
    wait_until("two signatures are everywhere",
               [&] { return taken_from_peers(0) >= 3 && taken_from_peers(1) >= 3; });
    kill(0);
    kill(1);
    for (unsigned i = 0; i < 3; ++i) {
        must(devnet_->restart_node(i));
    }
    wait_all_settled(3, 3);
    expect_one_transaction_each(3);
}

TEST_F(OperatorFaults, a_partition_heals) {
    if (std::getenv("WAVS_OWN_NETWORK") == nullptr) {
        GTEST_SKIP() << "it cuts connections, and runs in a network of its own (own_network.sh)";
    }
    take_careless_handler();
    begin({.nodes = 4,
           .weights = {10, 10, 10, 10},
           .quorum = {.threshold_weight = 1, .numerator = 3, .denominator = 4}});
    cut({0, 1}, {2, 3});
    for (const auto* text : {"first", "second", "third"}) {
        fire(text);
    }
    for (unsigned i = 0; i < 4; ++i) {
        wait_until("two signatures are on each side", [&] { return taken_from_peers(i) >= 3; });
        wait_below_quorum(i);
        EXPECT_EQ(taken_from_peers(i), 3) << "and not more";
    }
    EXPECT_THAT(must(devnet_->result_transactions(contracts_.handler)), SizeIs(0));
    heal();
    wait_all_settled(4, 3);
    for (const auto& one : expect_one_transaction_each(3)) {
        EXPECT_GE(one.signers.size(), 3U);
    }
}

class OperatorSelection : public OperatorFaults {};

TEST_F(OperatorSelection, the_component_leaves_one_signature_out) {
    begin({.selection = "drop_first"});
    must(devnet_->wait_handled(contracts_.handler, fire("without the first")));
    wait_all_settled(3, 1);
    const auto sent = expect_one_transaction_each(1);
    EXPECT_THAT(sent.at(0).signers, SizeIs(2));
    const auto first =
        std::min_element(signers_.begin(), signers_.end(),
                         [](const auto& a, const auto& b) { return a.address < b.address; });
    EXPECT_FALSE(signs(sent.at(0), first->address));
}

TEST_F(OperatorSelection, the_component_waits_for_all) {
    begin({.selection = "wait_for:3"});
    kill(2);
    const auto event = fire("all three");
    for (unsigned i = 0; i < 2; ++i) {
        wait_until("the component waits",
                   [&] { return logged(i, "Selection: the component waits for more signatures"); });
    }
    EXPECT_EQ(handled_count(contracts_.handler), 0U) << "although two are a quorum";
    restart(2, 2);
    must(devnet_->wait_handled(contracts_.handler, event));
    wait_all_settled(3, 1);
    EXPECT_THAT(expect_one_transaction_each(1).at(0).signers, SizeIs(3));
}

TEST_F(OperatorSelection, a_choice_that_cannot_be_holds_the_result) {
    begin({.selection = "bad_index"});
    fire("nobody has that index");
    for (unsigned i = 0; i < 3; ++i) {
        wait_until("the choice is refused",
                   [&] { return logged(i, "not posted yet: Selection: "); });
    }
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
}

}  // namespace
}  // namespace wavs::e2e
