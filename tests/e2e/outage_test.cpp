// SPDX-License-Identifier: Apache-2.0
// The chain goes on while the node's way to it is down.
#include "forwarder.hpp"
#include "scenario.hpp"

#include <set>

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;

// Long enough for several attempts to connect and for a subscription to be given up; what counts is
// which blocks were missed, not for how long.
constexpr auto kOutage = std::chrono::seconds(6);

class Outage : public Scenario {
protected:
    Forwarder& add_endpoint() {
        const auto chain = [this] { return devnet_->anvil().port(); };
        return *endpoints_.emplace_back(std::make_unique<Forwarder>(context_, chain));
    }
    /// The node knows the chain by those endpoints alone.
    void begin() {
        // In place of the ones in the file, which lead straight to the chain.
        std::vector<std::pair<std::string, std::string>> env;
        std::string ws;
        for (const auto& one : endpoints_) {
            const bool first = ws.empty();
            env.emplace_back(first ? "WAVS_CHAINS__EVM__31337__HTTP_ENDPOINT"
                                   : "WAVS_CHAINS__EVM__31337__HTTP_ENDPOINTS",
                             fmt::format("http://127.0.0.1:{}", one->port()));
            ws += fmt::format("{}ws://127.0.0.1:{}", first ? "" : ",", one->port());
        }
        env.emplace_back("WAVS_CHAINS__EVM__31337__WS_ENDPOINTS", ws);
        start({.node_env = std::move(env)});
        opt_in(service({{"default", workflow("echo", contracts_)}}));
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

    std::vector<std::unique_ptr<Forwarder>> endpoints_;
    std::size_t fired_ = 0;
};

TEST_F(Outage, scenario_49_rpc_outage) {
    auto& endpoint = add_endpoint();
    begin();
    fire_some("before");
    expect_one_result_each();
    endpoint.cut();
    fire_some("meanwhile");
    must(timers_.sleep_for(kOutage));
    fire_some("at its end");
    EXPECT_EQ(handled_count(contracts_.handler), 5U);
    EXPECT_GT(endpoint.refused(), 0U) << "the node has no other way to the chain";
    endpoint.restore();
    fire_some("after");
    expect_one_result_each();
}

TEST_F(Outage, scenario_49_rpc_outage_fails_over) {
    auto& first = add_endpoint();
    auto& second = add_endpoint();
    begin();
    fire_some("before");
    expect_one_result_each();
    first.cut();
    fire_some("over the second");
    expect_one_result_each();
    const auto streams = [this] { return must(client().trigger_streams()); };
    EXPECT_THAT(streams().at(cli::Devnet::chain()).endpoint.value_or(""),
                HasSubstr(std::to_string(second.port())));
    // And back: now the other one is gone.
    first.restore();
    second.cut();
    fire_some("over the first again");
    expect_one_result_each();
    EXPECT_THAT(streams().at(cli::Devnet::chain()).endpoint.value_or(""),
                HasSubstr(std::to_string(first.port())));
}

}  // namespace
}  // namespace wavs::e2e
