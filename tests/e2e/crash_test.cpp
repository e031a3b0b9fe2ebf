// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include <gmock/gmock.h>

#include <cstdlib>
#include <set>

namespace wavs::e2e {
namespace {

// The node dies, by a fault point or by SIGKILL at a random moment, and starts again: every event
// has exactly one result on chain, and services and keys are what they were.
class Crash : public Scenario {
protected:
    enum class Operator { Registered, Unregistered };
    void begin(Operator with = Operator::Registered) {
        start();
        service_ = service({{"default", workflow("echo", contracts_)}});
        if (with == Operator::Registered) {
            opt_in(service_);
        } else {
            must(devnet_->publish(service_));
            must(devnet_->register_service(service_));
            must(devnet_->wait_subscribed(contracts_.trigger));
        }
        signer_ = must(client().signer(service_.manager)).address;
    }

    void fire(std::string_view input) {
        must(devnet_->send_trigger(contracts_.trigger, base::to_bytes(input)));
        ++fired_;
    }

    void restart_with(const std::string& faults) {
        if (devnet_->node().running()) {
            must(devnet_->kill_node());
        }
        devnet_->set_node_env(faults.empty() ? NodeEnv{} : NodeEnv{{"WAVS_FAULT", faults}});
        const auto started = run(devnet_->restart_node());
        // With unfinished work it may die while it starts.
        if (faults.empty() && !started.has_value()) {
            throw std::runtime_error(started.error().full_text());
        }
    }

    void expect_one_result_each() {
        wait_until("every event has a result", [&] {
            // Of many at a time anvil forgets some until it mines again
            // (https://github.com/foundry-rs/foundry/issues/10122).
            must(devnet_->anvil().mine());
            return handled_count(contracts_.handler) >= fired_;
        });
        std::set<std::uint64_t> triggers;
        const auto handled = must(devnet_->handled(contracts_.handler));
        for (const auto& one : handled) {
            EXPECT_TRUE(triggers.insert(one.trigger_id).second)
                << "two results for trigger " << one.trigger_id;
        }
        EXPECT_EQ(handled.size(), fired_);
        const auto signer = must(client().signer(service_.manager));
        EXPECT_EQ(signer.address, signer_);
        EXPECT_EQ(signer.hd_index, 1U);
    }

    std::uint64_t head() {
        auto rpc = devnet_->anvil().rpc();
        return must(rpc.block_number());
    }

    using NodeEnv = std::vector<std::pair<std::string, std::string>>;
    types::Service service_;
    types::EvmAddress signer_;
    std::size_t fired_ = 0;
};

TEST_F(Crash, kill_at_every_fault_point_loses_and_repeats_nothing) {
    begin();
    for (const std::string point :
         {"after_accept:2", "after_run:2", "after_sign:2", "before_send:2", "after_send:2",
          "after_receipt:2", "commit:15", "worker:2", "batches:2", "follow:2"}) {
        SCOPED_TRACE(point);
        restart_with(point + ":kill");
        for (int i = 0; i < 10; ++i) {
            fire(point + std::to_string(i));
        }
        // Those may all have come in one piece, so more come until it is dead.
        wait_until("the node has died at " + point, [&] {
            if (devnet_->node().running()) {
                fire(point + " again");
            }
            return !devnet_->node().running();
        });
        restart_with("");
        expect_one_result_each();
    }
}

TEST_F(Crash, kill_at_random_moments_under_load_loses_and_repeats_nothing) {
    const char* wanted = std::getenv("WAVS_CRASHES");
    const int crashes = wanted == nullptr ? 8 : std::atoi(wanted);
    const auto seed = base::SeededRandom::entropy_seed();
    base::SeededRandom random(seed);
    std::printf("seed %llu, %d crashes\n", static_cast<unsigned long long>(seed), crashes);
    begin();
    for (int crash = 0; crash < crashes; ++crash) {
        SCOPED_TRACE(crash);
        const auto events = 1 + random.below(20);
        for (std::uint64_t i = 0; i < events; ++i) {
            fire(std::to_string(crash) + "/" + std::to_string(i));
        }
        must(timers_.sleep_for(std::chrono::milliseconds(random.below(120))));
        restart_with("");
    }
    expect_one_result_each();
}

TEST_F(Crash, killed_with_many_transactions_on_their_way) {
    constexpr int kEvents = 100;
    begin();
    for (const std::string point : {"before_send:1", "before_send:40", "after_send:1"}) {
        SCOPED_TRACE(point);
        must(devnet_->kill_node());
        for (int i = 0; i < kEvents; ++i) {
            fire(point + std::to_string(i));
        }
        restart_with(point + ":kill");
        wait_until("the node has died at " + point, [&] { return !devnet_->node().running(); });
        restart_with("");
        expect_one_result_each();
    }
}

TEST_F(Crash, a_killed_node_fires_its_timers_once_when_they_are_due) {
    constexpr auto kDelay = std::chrono::seconds(8);
    start();
    auto delayed = workflow("echo", contracts_);
    auto& submit = std::get<types::SubmitAggregator>(delayed.submit).component;
    submit.source = types::DigestSource{upload("delayed_aggregator")};
    submit.config.insert_or_assign("delay-secs", std::to_string(kDelay.count()));
    service_ = service({{"default", std::move(delayed)}});
    opt_in(service_);
    signer_ = must(client().signer(service_.manager)).address;
    const auto calls = [this](std::string_view function) {
        const auto count = must(devnet_->kv_read(service_.id(), "calls", std::string(function)));
        return count ? std::string(base::as_text(*count)) : "0";
    };
    const auto fire_and_kill = [&](std::string_view input, std::chrono::seconds down) {
        fire(input);
        must(devnet_->wait_kv(service_.id(), "calls", "input", std::to_string(fired_)));
        // What the component answered is stored behind its run.
        must(timers_.sleep_for(std::chrono::seconds(1)));
        must(devnet_->kill_node());
        must(timers_.sleep_for(down));
        restart_with("");
        expect_one_result_each();
        EXPECT_EQ(calls("input"), std::to_string(fired_)) << "nothing is asked again";
        EXPECT_EQ(calls("timer"), std::to_string(fired_));
    };
    const auto first = clock_.steady_now();
    fire_and_kill("in time", std::chrono::seconds(0));
    EXPECT_GE(clock_.steady_now() - first, kDelay);
    fire_and_kill("overdue", kDelay);
}

TEST_F(Crash, scenario_47_restart_mid_flow) {
    begin(Operator::Unregistered);
    fire("waits for its quorum");
    wait_until("the result is signed",
               [&] { return metric("wavs_submissions_signed_total") == 1; });
    restart_with("");
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
    must(devnet_->register_operator(contracts_.manager));
    expect_one_result_each();
    must(devnet_->wait_kv(service_.id(), "submit-result", "completed", "true"));
}

TEST_F(Crash, scenario_48_burned_quorum_survives_restart) {
    begin();
    fire("once");
    expect_one_result_each();
    must(devnet_->wait_kv(service_.id(), "submit-result", "completed", "true"));
    restart_with("");
    const auto before = head();
    // The same log once more, as from a source that lost its place.
    auto rpc = devnet_->anvil().rpc();
    const auto logs = must(
        rpc.logs({{contracts_.trigger}, {cli::new_trigger_topic()}}, std::uint64_t{0}, before));
    ASSERT_EQ(logs.size(), 1U);
    types::TriggerAction action;
    action.config = {service_.id(), id("default"), service_.workflows.at(id("default")).trigger};
    action.data = chain_evm::to_trigger_data(logs.at(0), cli::Devnet::chain()).value();
    must(client().simulate_trigger({.action = std::move(action)}));
    wait_until("the replay is settled",
               [&] { return node_log().find("settled before") != std::string::npos; });
    EXPECT_EQ(head(), before) << "no transaction was sent";
    EXPECT_EQ(handled_count(contracts_.handler), 1U);
}

}  // namespace
}  // namespace wavs::e2e
