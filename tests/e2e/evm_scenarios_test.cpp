// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;

class EvmScenario : public Scenario {};

TEST_F(EvmScenario, scenario_01_evm_echo_data) {
    start();
    const auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    EXPECT_EQ(fire_and_wait(contracts_, "The times"), "The times");
    must(devnet_->wait_kv(echo.id(), "submit-result", "completed", "true"));
    must(devnet_->wait_kv(echo.id(), "submit-result", "success", "true"));
    EXPECT_EQ(handled_count(contracts_.handler), 1U);
}

TEST_F(EvmScenario, scenario_04_evm_square) {
    start();
    opt_in(service({{"default", workflow("square", contracts_)}}));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":3})"), R"({"y":9})");
}

TEST_F(EvmScenario, scenario_07_evm_kv_store) {
    start();
    auto second = must(devnet_->deploy_contracts());
    second.manager = contracts_.manager;
    auto reader = workflow("kv", {contracts_.manager, contracts_.handler, second.trigger});
    opt_in(service(
        {{"counter_first", workflow("kv", contracts_)}, {"counter_second", std::move(reader)}}));
    EXPECT_EQ(
        fire_and_wait(
            contracts_,
            R"({"write":{"bucket":"test_bucket","key":"hello","value":[119,111,114,108,100]}})"),
        R"("write")");
    // The second contract counts its own trigger ids, so its result replaces the first one's.
    EXPECT_EQ(fire_and_wait({contracts_.manager, contracts_.handler, second.trigger},
                            R"({"read":{"bucket":"test_bucket","key":"hello"}})"),
              R"({"read":{"value":[119,111,114,108,100]}})");
}

TEST_F(EvmScenario, scenario_09_evm_multi_workflow) {
    start();
    auto other = must(devnet_->deploy_contracts());
    // Both results go through handlers of the one manager.
    const cli::Contracts second{contracts_.manager, contracts_.handler, other.trigger};
    opt_in(
        service({{"square", workflow("square", contracts_)}, {"echo", workflow("echo", second)}}));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":5})"), R"({"y":25})");
    EXPECT_EQ(fire_and_wait(second, "hello workflows"), "hello workflows");
}

TEST_F(EvmScenario, scenario_10_evm_change_workflow) {
    start();
    opt_in(service({{"default", workflow("square", contracts_)}}));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":10})"), R"({"y":100})");
    update(service({{"default", workflow("echo", contracts_)}}));
    EXPECT_EQ(fire_and_wait(contracts_, R"({"x":10})"), R"({"x":10})");
}

TEST_F(EvmScenario, scenario_11_evm_multi_trigger) {
    start();
    opt_in(service(
        {{"first", workflow("echo", contracts_)}, {"second", workflow("echo", contracts_)}}));
    const auto event = must(devnet_->fire(contracts_.trigger, base::to_bytes("both")));
    wait_until("both workflows have posted",
               [&] { return handled_count(contracts_.handler) == 2; });
    for (const auto& handled : must(devnet_->handled(contracts_.handler))) {
        EXPECT_EQ(handled.trigger_id, event.trigger_id);
        EXPECT_EQ(base::as_text(handled.data), "both");
    }
}

TEST_F(EvmScenario, scenario_16_evm_empty_to_echo_data) {
    start();
    opt_in(service({}));
    update(service({{"default", workflow("echo", contracts_)}}));
    EXPECT_EQ(fire_and_wait(contracts_, "The times"), "The times");
}

TEST_F(EvmScenario, scenario_17_evm_simple_aggregator) {
    start();
    const auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    const auto signer = must(client().signer(echo.manager));
    EXPECT_EQ(signer.hd_index, 1U);
    EXPECT_EQ(fire_and_wait(contracts_, "test packet"), "test packet");
    wait_until("the posted result is counted",
               [&] { return metric("wavs_results_posted_total") == 1; });
}

TEST_F(EvmScenario, scenario_41_event_id_salts) {
    start();
    auto salted = workflow("echo", contracts_);
    salted.component.config = {
        {"event-id-salt", "abc"}, {"event-id-salt-1", "one"}, {"event-id-salt-2", "two"}};
    const auto echo = service({{"default", std::move(salted)}});
    opt_in(echo);
    EXPECT_EQ(trigger_by_hand(echo, "custom-event-id"), "");
    EXPECT_EQ(metric("wavs_submissions_signed_total"), 1);
    EXPECT_EQ(trigger_by_hand(echo, "multi-response"), "");
    EXPECT_EQ(metric("wavs_submissions_signed_total"), 3)
        << "two salts, two event ids, two submissions";
    EXPECT_THAT(trigger_by_hand(echo, "multi-response-bad"), HasSubstr("salt"));
    EXPECT_EQ(metric("wavs_submissions_signed_total"), 3)
        << "nothing is signed of a run that broke the rule";
}

TEST_F(EvmScenario, scenario_54_pause_and_resume) {
    start();
    auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    EXPECT_EQ(fire_and_wait(contracts_, "before"), "before");
    echo.status = types::ServiceStatus::Paused;
    update(echo);
    must(devnet_->fire(contracts_.trigger, base::to_bytes("while paused")));
    EXPECT_THAT(trigger_by_hand(echo, "by hand"), HasSubstr("service is paused"));
    EXPECT_EQ(must(client().signer(echo.manager)).hd_index, 1U) << "the key is known while paused";
    echo.status = types::ServiceStatus::Active;
    update(echo);
    EXPECT_EQ(fire_and_wait(contracts_, "after"), "after");
    EXPECT_EQ(handled_count(contracts_.handler), 2U)
        << "what happened during the pause is not made up for";
}

TEST_F(EvmScenario, scenario_55_invalid_update) {
    start();
    const auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    const auto announce = [&](std::string_view uri) {
        must(devnet_->anvil().send_and_wait(devnet_->owner(), contracts_.manager,
                                            cli::set_service_uri_call(uri)));
    };
    const auto state = [&] { return must(client().expect_success({.target = "/node/services"})); };
    announce("not a uri");
    wait_until("the bad URI shows", [&] { return state().find("not a uri") != std::string::npos; });
    announce("http://127.0.0.1:9/unreachable");
    wait_until("the unreachable manifest shows",
               [&] { return state().find("127.0.0.1:9") != std::string::npos; });
    announce(devnet_->node().url() + "/info");
    wait_until("what is no manifest shows",
               [&] { return state().find("/info") != std::string::npos; });
    EXPECT_EQ(fire_and_wait(contracts_, "still here"), "still here");
    // The way back: a good manifest.
    auto next = echo;
    next.name = "healed";
    update(next);
    wait_until("no error is left", [&] { return state().find("degraded") == std::string::npos; });
}

TEST_F(EvmScenario, a_restart_keeps_services_keys_and_values) {
    start();
    const auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    EXPECT_EQ(fire_and_wait(contracts_, "one"), "one");
    must(devnet_->wait_kv(echo.id(), "submit-result", "completed", "true"));
    must(devnet_->kill_node());
    // Fired while the node is down: it is read afterwards.
    const auto missed = must(devnet_->fire(contracts_.trigger, base::to_bytes("two")));
    must(devnet_->restart_node());
    EXPECT_EQ(must(client().signer(echo.manager)).hd_index, 1U);
    EXPECT_EQ(must(devnet_->kv_read(echo.id(), "submit-result", "completed")),
              base::to_bytes("true"));
    must(devnet_->wait_handled(contracts_.handler, missed));
    EXPECT_EQ(fire_and_wait(contracts_, "three"), "three");
    EXPECT_EQ(handled_count(contracts_.handler), 3U) << "each event has exactly one result";
}

}  // namespace
}  // namespace wavs::e2e
