// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/types/event_id.hpp"

namespace wavs::e2e {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// The chain replaces blocks under the node.
class Reorg : public Scenario {
protected:
    /// Without a registered operator a result is signed and waits for a quorum.
    void begin(std::vector<std::pair<std::string, std::string>> env = {}) {
        start({.node_env = std::move(env)});
        opt_in_without_operator(workflow("echo", contracts_));
    }
    void opt_in_without_operator(types::Workflow one) {
        service_ = service({{"default", std::move(one)}});
        must(devnet_->publish(service_));
        must(devnet_->register_service(service_));
        must(devnet_->wait_subscribed(contracts_.trigger));
    }
    void register_operator() { must(devnet_->register_operator(contracts_.manager)); }

    /// The last `depth` blocks are replaced; `tx` is in the block `at` after the last one kept,
    /// when it is given.
    void reorg(std::uint64_t depth, std::optional<types::Bytes32> tx = {}, std::uint64_t at = 0) {
        auto rpc = devnet_->anvil().rpc();
        std::string moved;
        if (tx) {
            const auto raw = must(rpc.raw("eth_getRawTransactionByHash",
                                          fmt::format(R"(["{}"])", types::to_string(*tx))));
            moved = fmt::format("[{},{}]", raw, at);
        }
        must(rpc.raw("anvil_reorg", fmt::format("[{},[{}]]", depth, moved)));
    }
    /// The id of the event that `tx` made, in the block it is in now.
    types::EventId event_id(const types::Bytes32& tx) {
        auto rpc = devnet_->anvil().rpc();
        const auto receipt = must(rpc.receipt(tx));
        for (const auto& log : receipt.value().logs) {
            if (log.address == contracts_.trigger && log.topics.at(0) == cli::new_trigger_topic()) {
                types::TriggerAction action;
                action.config = {service_.id(), id("default"),
                                 service_.workflows.at(id("default")).trigger};
                action.data = chain_evm::to_trigger_data(log, cli::Devnet::chain()).value();
                return types::default_event_id(action);
            }
        }
        throw std::runtime_error("the transaction made no event");
    }
    double signed_results() { return metric("wavs_submissions_signed_total"); }
    void expect_only_result(const types::EventId& event) {
        wait_until("the event has a result", [&] { return handled_count(contracts_.handler) > 0; });
        std::vector<types::EventId> handled;
        for (const auto& one : must(devnet_->handled(contracts_.handler))) {
            handled.push_back(one.event_id);
        }
        EXPECT_THAT(handled, ElementsAre(event));
    }
    std::string events() { return must(client().expect_success({.target = "/node/events"})); }

    types::Service service_;
};

TEST_F(Reorg, scenario_19_timer_aggregator_reorg) {
    start();
    auto delayed = workflow("echo", contracts_);
    auto& submit = std::get<types::SubmitAggregator>(delayed.submit).component;
    submit.source = types::DigestSource{upload("delayed_aggregator")};
    submit.config.insert_or_assign("delay-secs", "3");
    opt_in_without_operator(std::move(delayed));
    auto rpc = devnet_->anvil().rpc();
    const auto snapshot = must(rpc.raw("evm_snapshot", "[]"));
    must(devnet_->fire(contracts_.trigger, base::to_bytes("reverted")));
    must(devnet_->wait_kv(service_.id(), "calls", "input", "1"));
    must(rpc.raw("evm_revert", "[" + snapshot + "]"));
    must(devnet_->anvil().mine(1));
    wait_until("it is retracted", [&] { return metric("wavs_events_retracted_total") == 1; });
    register_operator();
    // Its timer starts after that of the first, so both are over when it has its result.
    const auto next = must(devnet_->fire(contracts_.trigger, base::to_bytes("stays")));
    expect_only_result(event_id(next.tx_hash));
}

TEST_F(Reorg, scenario_50_reorg_with_reinclusion) {
    begin();
    const auto fired = must(devnet_->fire(contracts_.trigger, base::to_bytes("moved")));
    wait_until("the event is signed", [&] { return signed_results() == 1; });
    const auto before = event_id(fired.tx_hash);
    reorg(1, fired.tx_hash);
    const auto after = event_id(fired.tx_hash);
    ASSERT_NE(before, after);
    wait_until("the event in its new block is signed", [&] { return signed_results() == 2; });
    EXPECT_EQ(metric("wavs_events_retracted_total"), 1);
    EXPECT_EQ(metric("wavs_chain_reorgs_total"), 1);
    EXPECT_THAT(events(), HasSubstr("retracted"));
    register_operator();
    expect_only_result(after);
    // The node learns of it from the receipt, after it can be seen on chain.
    wait_until("it is counted", [&] { return metric("wavs_results_posted_total") >= 1; });
    EXPECT_EQ(metric("wavs_results_posted_total"), 1);
}

TEST_F(Reorg, a_reorganisation_while_the_node_is_down_is_found_at_start) {
    begin();
    const auto fired = must(devnet_->fire(contracts_.trigger, base::to_bytes("while down")));
    wait_until("the event is signed", [&] { return signed_results() == 1; });
    must(devnet_->kill_node());
    reorg(1, fired.tx_hash);
    must(devnet_->anvil().mine(5));
    must(devnet_->restart_node());
    wait_until("the event in its new block is signed", [&] { return signed_results() == 1; });
    EXPECT_EQ(metric("wavs_events_retracted_total"), 1);
    register_operator();
    expect_only_result(event_id(fired.tx_hash));
}

TEST_F(Reorg, with_confirmations_a_replaced_event_is_never_seen) {
    begin({{"WAVS_CHAINS__EVM__31337__CONFIRMATIONS", "2"}});
    const auto fired = must(devnet_->fire(contracts_.trigger, base::to_bytes("deep enough")));
    reorg(1, fired.tx_hash);
    wait_until("the reorganisation is seen",
               [&] { return metric("wavs_chain_reorgs_total") == 1; });
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 0);
    must(devnet_->anvil().mine(2));
    wait_until("the event is signed", [&] { return signed_results() == 1; });
    EXPECT_EQ(metric("wavs_triggers_fired_total"), 1);
    EXPECT_EQ(metric("wavs_events_retracted_total"), 0);
    EXPECT_THAT(events(), Not(HasSubstr("retracted")));
    register_operator();
    expect_only_result(event_id(fired.tx_hash));
}

TEST_F(Reorg, an_event_that_vanishes_has_no_result) {
    begin();
    must(devnet_->fire(contracts_.trigger, base::to_bytes("gone")));
    wait_until("the event is signed", [&] { return signed_results() == 1; });
    reorg(1);
    wait_until("it is retracted", [&] { return metric("wavs_events_retracted_total") == 1; });
    register_operator();
    const auto next = must(devnet_->fire(contracts_.trigger, base::to_bytes("stays")));
    expect_only_result(event_id(next.tx_hash));
}

}  // namespace
}  // namespace wavs::e2e
