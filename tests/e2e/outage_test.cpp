// SPDX-License-Identifier: Apache-2.0
// The chain goes on while the node's way to it is down.
#include "scenario.hpp"
#include "wavs/chain_evm/testing/fault_proxy.hpp"

#include <algorithm>
#include <set>

namespace wavs::e2e {
namespace {

using chain_evm::testing::FaultProxy;

// Long enough for several attempts to connect and for a subscription to be given up; what counts is
// which blocks were missed, not for how long.
constexpr auto kOutage = std::chrono::seconds(6);

class Outage : public Scenario {
protected:
    /// The node knows the chain by this many endpoints of ours alone.
    void begin(std::size_t endpoints) {
        start();
        must(devnet_->kill_node());
        // In place of the ones in the file, which lead straight to the chain.
        std::vector<std::pair<std::string, std::string>> env;
        std::string ws;
        for (std::size_t i = 0; i < endpoints; ++i) {
            const auto& one = endpoints_.emplace_back(std::make_unique<FaultProxy>(
                FaultProxy::Options{.target_port = devnet_->anvil().port(), .seed = i}));
            env.emplace_back(i == 0 ? "WAVS_CHAINS__EVM__31337__HTTP_ENDPOINT"
                                    : "WAVS_CHAINS__EVM__31337__HTTP_ENDPOINTS",
                             one->http_url());
            ws += (i == 0 ? "" : ",") + one->ws_url();
        }
        env.emplace_back("WAVS_CHAINS__EVM__31337__WS_ENDPOINTS", ws);
        devnet_->set_node_env(std::move(env));
        must(devnet_->restart_node());
        opt_in(service({{"default", workflow("echo", contracts_)}}));
    }
    static void cut(FaultProxy& endpoint) {
        endpoint.set({.refuse = true});
        endpoint.drop_connections();
    }
    /// Which of ours the node follows now.
    FaultProxy* in_use() {
        const auto url =
            must(client().trigger_streams()).at(cli::Devnet::chain()).endpoint.value_or("");
        const auto found = std::find_if(endpoints_.begin(), endpoints_.end(),
                                        [&](const auto& one) { return one->ws_url() == url; });
        return found == endpoints_.end() ? nullptr : found->get();
    }
    /// Events in blocks of their own, with empty ones between.
    void fire_some(std::string_view what) {
        for (int i = 0; i < 5; ++i) {
            must(devnet_->fire(contracts_.trigger, base::to_bytes(fmt::format("{} {}", what, i))));
            must(devnet_->anvil().mine(7));
            ++fired_;
        }
    }
    void expect_one_result_each() {
        wait_until("every event has a result",
                   [&] { return handled_count(contracts_.handler) >= fired_; });
        std::set<std::uint64_t> triggers;
        for (const auto& one : must(devnet_->handled(contracts_.handler))) {
            EXPECT_TRUE(triggers.insert(one.trigger_id).second)
                << "two results for trigger " << one.trigger_id;
        }
        EXPECT_EQ(triggers.size(), fired_);
        EXPECT_EQ(metric("wavs_events_done_total"), fired_) << "each event runs once";
    }

    std::vector<std::unique_ptr<FaultProxy>> endpoints_;
    std::size_t fired_ = 0;
};

TEST_F(Outage, scenario_49_rpc_outage) {
    begin(1);
    auto& endpoint = *endpoints_[0];
    fire_some("before");
    expect_one_result_each();
    cut(endpoint);
    fire_some("meanwhile");
    must(timers_.sleep_for(kOutage));
    fire_some("at its end");
    EXPECT_EQ(handled_count(contracts_.handler), 5U);
    EXPECT_GT(endpoint.counts().refused, 0U) << "the node has no other way to the chain";
    endpoint.clear();
    fire_some("after");
    expect_one_result_each();
}

TEST_F(Outage, scenario_49_rpc_outage_fails_over) {
    begin(2);
    auto& first = *endpoints_[0];
    auto& second = *endpoints_[1];
    fire_some("before");
    expect_one_result_each();
    cut(first);
    fire_some("over the second");
    expect_one_result_each();
    EXPECT_EQ(in_use(), &second);
    // And back: now the other one is gone.
    first.clear();
    cut(second);
    fire_some("over the first again");
    expect_one_result_each();
    EXPECT_EQ(in_use(), &first);
}

}  // namespace
}  // namespace wavs::e2e
