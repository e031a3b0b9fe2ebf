// SPDX-License-Identifier: Apache-2.0
// Several operators: a quorum of signatures, and one transaction for each event, whoever is down.
#include "operators.hpp"

#include "wavs/net/child_process.hpp"

#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class SeveralOperators : public Operators {
protected:
    std::string peer_id(unsigned node) {
        return must(devnet_->node(node).client().peers()).peer_id.value();
    }
};

TEST_F(SeveralOperators, scenario_21_evm_multi_operator) {
    begin({});
    const auto event = fire("multi-operator test");
    must(devnet_->wait_handled(contracts_.handler, event));
    EXPECT_EQ(base::as_text(must(devnet_->read_result(contracts_.handler, event.trigger_id))),
              "multi-operator test");
    for (unsigned i = 0; i < 3; ++i) {
        EXPECT_GE(must(devnet_->node(i).client().peers()).peer_ids.size(), 2U);
        wait_settled(i, 1);
    }
    EXPECT_GE(expect_one_transaction_each(1).at(0).signers.size(), 2U);
}

TEST_F(SeveralOperators, twenty_events_of_three_operators_cost_twenty_transactions) {
    constexpr std::size_t kEvents = 20;
    begin({});
    for (std::size_t i = 0; i < kEvents; ++i) {
        must(devnet_->send_trigger(contracts_.trigger, base::to_bytes(std::to_string(i))));
    }
    for (unsigned i = 0; i < 3; ++i) {
        wait_settled(i, kEvents);
    }
    expect_one_transaction_each(kEvents);
    EXPECT_EQ(handled_count(contracts_.handler), kEvents);
}

// How many operators, events, and seconds between blocks; WAVS_FLEET="10 200 12" for others.
struct Fleet {
    unsigned operators = 5;
    std::size_t events = 20;
    int block_seconds = 1;
};

Fleet wanted_fleet() {
    Fleet out;
    if (const char* text = std::getenv("WAVS_FLEET")) {
        std::istringstream(text) >> out.operators >> out.events >> out.block_seconds;
    }
    return out;
}

TEST_F(SeveralOperators, each_event_of_a_fleet_costs_one_transaction) {
    const auto [operators, events, block_seconds] = wanted_fleet();
    constexpr std::size_t kPart = 20;
    begin({.nodes = operators,
           .weights = std::vector<std::uint64_t>(operators, 10),
           .quorum = {.threshold_weight = 1, .numerator = 2, .denominator = 3},
           .block_gas = 30'000'000});
    must(devnet_->anvil().mine_every(std::chrono::seconds(block_seconds)));
    for (std::size_t i = 0; i < events; ++i) {
        must(devnet_->send_trigger(contracts_.trigger, base::to_bytes(std::to_string(i))));
        // A steady stream.
        must(timers_.sleep_for(std::chrono::milliseconds(100)));
    }
    // Blocks fill up, and what they cost goes up: a trigger may wait until it goes down again.
    const auto patience = kPatience + std::chrono::seconds(10 * block_seconds);
    for (std::size_t settled = std::min(kPart, events); settled <= events; settled += kPart) {
        for (unsigned i = 0; i < operators; ++i) {
            wait_settled(i, settled, patience);
        }
    }
    const auto sent = expect_one_transaction_each(events);
    EXPECT_EQ(handled_count(contracts_.handler), events);
    std::set<std::uint64_t> blocks;
    for (const auto& one : sent) {
        blocks.insert(one.block_number);
    }
    std::cout << operators << " operators, " << events << " events, a block each " << block_seconds
              << " s: " << sent.size() << " transactions in " << blocks.size() << " blocks\n";
}

TEST_F(SeveralOperators, scenario_47_restart_before_quorum) {
    begin({});
    const auto id = peer_id(0);
    kill(1);
    kill(2);
    const auto event = fire("waits for its quorum");
    wait_until("the quorum is not reached", [&] { return refused_for(0, "InsufficientQuorum"); });
    kill(0);
    must(devnet_->restart_node(0));
    EXPECT_EQ(must(client().signer(service_.manager)).hd_index, signers_.at(0).hd_index);
    EXPECT_EQ(must(client().signer(service_.manager)).address, signers_.at(0).address);
    EXPECT_EQ(peer_id(0), id);
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
    restart(1, 1);
    must(devnet_->wait_handled(contracts_.handler, event));
    restart(2, 2);
    for (unsigned i = 0; i < 3; ++i) {
        wait_settled(i, 1);
    }
    expect_one_transaction_each(1);
}

TEST_F(SeveralOperators, scenario_48_all_restart_after_a_burn) {
    begin({});
    const auto event = fire("once");
    must(devnet_->wait_handled(contracts_.handler, event));
    for (unsigned i = 0; i < 3; ++i) {
        wait_settled(i, 1);
        kill(i);
    }
    for (unsigned i = 0; i < 3; ++i) {
        must(devnet_->restart_node(i));
    }
    auto rpc = devnet_->anvil().rpc();
    const auto logs = must(rpc.logs({{contracts_.trigger}, {cli::new_trigger_topic()}},
                                    event.block_number, event.block_number));
    ASSERT_THAT(logs, SizeIs(1));
    for (unsigned i = 0; i < 3; ++i) {
        must(devnet_->wait_peers(2, i, service_.id()));
        types::TriggerAction action;
        action.config = {service_.id(), Scenario::id("default"),
                         service_.workflows.at(Scenario::id("default")).trigger};
        action.data = chain_evm::to_trigger_data(logs.at(0), cli::Devnet::chain()).value();
        must(devnet_->node(i).client().simulate_trigger({.action = std::move(action)}));
        wait_until("the replay is settled", [&] { return logged(i, "settled before"); });
    }
    expect_one_transaction_each(1);
}

TEST_F(SeveralOperators, operators_that_disagree_see_who_signed_what) {
    begin({.component = "probe"});
    fire("noise:random");
    for (unsigned i = 0; i < 3; ++i) {
        auto& node = devnet_->node(i).client();
        wait_until("three results are known", [&] {
            const auto lines = must(node.divergences());
            return lines.find("\"other\":2") != std::string::npos;
        });
        const auto shown = must(node.divergences());
        for (const auto& signer : signers_) {
            EXPECT_THAT(shown, HasSubstr(types::to_checksum_string(signer.address)));
        }
        EXPECT_THAT(shown, HasSubstr("\"delivered_by\":\"self\""));
        EXPECT_TRUE(logged(i, "operators signed different results"));
    }
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
}

// The handler takes everything, so that a second transaction would not be stopped by it.
TEST_F(SeveralOperators, scenario_51_operator_isolated) {
    take_careless_handler();
    begin({});
    kill(2);
    fire("two of three");
    wait_settled(0, 1);
    wait_settled(1, 1);
    const auto sent = expect_one_transaction_each(1);
    EXPECT_THAT(sent.at(0).signers, SizeIs(2));
    EXPECT_FALSE(signs(sent.at(0), signers_.at(2).address));
    restart(2, 2);
    wait_settled(2, 1);
    EXPECT_EQ(metric("wavs_results_posted_total", 2), 0);
    expect_one_transaction_each(1);
}

TEST_F(SeveralOperators, scenario_52_a_signer_without_weight_is_left_out) {
    begin({});
    add_stranger(3);
    const auto stranger = must(devnet_->node(3).client().signer(service_.manager)).address;
    const auto event = fire("not of yours");
    must(devnet_->wait_handled(contracts_.handler, event));
    for (unsigned i = 0; i < 3; ++i) {
        wait_settled(i, 1);
    }
    EXPECT_FALSE(signs(expect_one_transaction_each(1).at(0), stranger));
    const auto page = must(client().expect_success({.target = "/metrics"}));
    EXPECT_THAT(page, HasSubstr(R"(wavs_peer_submissions_total{outcome="unregistered"})"));
}

TEST_F(SeveralOperators, scenario_56_below_quorum_then_quorum) {
    begin({.quorum = {.threshold_weight = 15'000, .numerator = 1, .denominator = 100}});
    kill(1);
    kill(2);
    const auto event = fire("one, then two");
    wait_until("the first signature is too little",
               [&] { return refused_for(0, "InsufficientSignedStake"); });
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
    restart(1, 1);
    must(devnet_->wait_handled(contracts_.handler, event));
    wait_settled(0, 1);
    wait_settled(1, 1);
    EXPECT_THAT(expect_one_transaction_each(1).at(0).signers, SizeIs(2));
}

TEST_F(SeveralOperators, three_of_five_operators_are_enough) {
    begin({.weights = {10, 10, 10, 10, 10},
           .quorum = {.threshold_weight = 1, .numerator = 3, .denominator = 5}});
    for (const auto* text : {"first", "second"}) {
        must(devnet_->wait_handled(contracts_.handler, fire(text)));
    }
    for (unsigned i = 0; i < 3; ++i) {
        wait_settled(i, 2);
    }
    for (const auto& one : expect_one_transaction_each(2)) {
        EXPECT_THAT(one.signers, SizeIs(3));
    }
}

TEST_F(SeveralOperators, a_first_node_introduces_the_others) {
    start({.peers = true});
    must(devnet_->start_node(1));
    must(devnet_->start_node(2));
    for (unsigned i = 0; i < 3; ++i) {
        must(devnet_->wait_peers(2, i));
    }
    const auto id = peer_id(1);
    must(devnet_->kill_node(1));
    must(devnet_->restart_node(1));
    EXPECT_EQ(peer_id(1), id);
    must(devnet_->wait_peers(2, 1));
}

class DevOperators : public Scenario {};

TEST_F(DevOperators, dev_with_three_operators_shows_who_signed_and_who_posted) {
    const char* program = std::getenv("WAVS_CLI_PROGRAM");
    net::ChildOptions options;
    options.program =
        program == nullptr ? std::string(WAVS_SOURCE_DIR) + "/build/check/bin/wavs-cli" : program;
    options.args = {"dev", "--operators", "3", "--once", "--wavs", node_program_};
    options.working_directory = WAVS_SOURCE_DIR;
    const auto ended = must(net::run_child(context_.get_executor(), timers_, std::move(options),
                                           std::chrono::seconds(120)));
    EXPECT_EQ(ended.status.code, 0) << ended.out << ended.err;
    EXPECT_THAT(ended.out, HasSubstr("signed by operators "));
    EXPECT_THAT(ended.out, HasSubstr(", posted by operator "));
    EXPECT_THAT(ended.out, HasSubstr(", 1 transaction\n"));
    EXPECT_THAT(ended.out + ended.err, HasSubstr("quorum: 2 of 3 operators"));
}

}  // namespace
}  // namespace wavs::e2e
