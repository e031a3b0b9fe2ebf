// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;

class EngineScenario : public Scenario {
protected:
    /// Registers without asking the chain.
    void hand_over(const types::Service& service) {
        must(client().register_saved(must(client().save_manifest(service))));
    }
};

TEST_F(EngineScenario, scenario_40_no_chain_submit_none) {
    start();
    const auto manual = service({{"default", manual_workflow("echo")}});
    hand_over(manual);
    EXPECT_EQ(trigger_by_hand(manual, "hello"), "");
    EXPECT_EQ(metric("wavs_events_done_total"), 1);
    EXPECT_EQ(metric("wavs_submissions_signed_total"), 0) << "submit: none signs nothing";
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
}

TEST_F(EngineScenario, scenario_42_environment_and_config) {
    start({.node_env = {{"WAVS_ENV_X", "seen"}, {"WAVS_ENV_HIDDEN", "not listed"}}});
    auto asked = manual_workflow("echo");
    asked.component.env_keys = {"WAVS_ENV_X"};
    asked.component.config = {{"K", "v"}};
    const auto manual = service({{"default", std::move(asked)}});
    hand_over(manual);
    EXPECT_EQ(trigger_by_hand(manual, "envvar:WAVS_ENV_X"), "");
    EXPECT_EQ(trigger_by_hand(manual, "configvar:K"), "");
    EXPECT_THAT(trigger_by_hand(manual, "envvar:WAVS_ENV_HIDDEN"),
                HasSubstr("env var WAVS_ENV_HIDDEN not found"));
    EXPECT_THAT(trigger_by_hand(manual, "configvar:none"), HasSubstr("config var none not found"));
    EXPECT_EQ(metric("wavs_events_failed_total"), 2);
    EXPECT_EQ(trigger_by_hand(manual, "goes on"), "");
}

TEST_F(EngineScenario, scenario_44_out_of_fuel) {
    start();
    auto starved = manual_workflow("echo");
    starved.component.fuel_limit = 1;
    const auto manual =
        service({{"starved", std::move(starved)}, {"fed", manual_workflow("echo")}});
    hand_over(manual);
    EXPECT_THAT(trigger_by_hand(manual, "x", "starved"), HasSubstr("fuel"));
    EXPECT_EQ(metric("wavs_events_failed_total"), 1);
    EXPECT_EQ(trigger_by_hand(manual, "x", "fed"), "") << "the node and the other workflow go on";
}

}  // namespace
}  // namespace wavs::e2e
