// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A component whose run ends the process, again and again.
class Quarantine : public Scenario {
protected:
    static constexpr std::string_view kFault = "host_call:1:abort";
    static constexpr std::string_view kWrite = R"({"write":{"bucket":"b","key":"k","value":[1]}})";

    void start_again(std::string_view faults) {
        if (devnet_->node().running()) {
            must(devnet_->kill_node());
        }
        devnet_->set_node_env({{"WAVS_FAULT", std::string(faults)}});
        started_ = run(devnet_->restart_node());
    }
    /// Waits for the node's death and tells how it died.
    std::string death() {
        wait_until("the node has died", [&] { return !devnet_->node().running(); });
        // With unfinished work it may have died before it answered.
        return started_.has_value() ? must(devnet_->node().kill()).text()
                                    : started_.error().message();
    }
    std::vector<cli::StruckComponent> struck() {
        return cli::read_struck_components(must(client().quarantine())).value();
    }
    std::string get(std::string target) {
        return must(client().expect_success({.target = std::move(target)}));
    }

    base::Result<void> started_ = base::ok();
};

TEST_F(Quarantine, a_component_that_ends_the_node_three_times_is_kept_from_running) {
    start();
    const auto bad = contracts_;
    const auto bad_service = service({{"default", workflow("kv", bad)}});
    opt_in(bad_service);
    contracts_ = must(devnet_->deploy_contracts());
    const auto good = contracts_;
    opt_in(service({{"default", workflow("echo", good)}}));

    start_again(kFault);
    must(devnet_->send_trigger(bad.trigger, base::to_bytes(kWrite)));
    EXPECT_THAT(death(), HasSubstr("signal 6"));
    for (int i = 1; i < 3; ++i) {
        start_again(kFault);
        EXPECT_THAT(death(), HasSubstr("signal 6")) << "the event runs again after a start";
    }

    start_again("");
    ASSERT_TRUE(started_.has_value()) << started_.error().full_text();
    const auto found = struck();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].digest, uploaded_.find("kv")->second);
    EXPECT_TRUE(found[0].quarantined);
    EXPECT_EQ(found[0].strikes.size(), 3U);
    EXPECT_THAT(found[0].services, ::testing::ElementsAre(bad_service.id()));
    wait_until("the event is refused",
               [&] { return get("/node/events/failed").find("quarantined") != std::string::npos; });
    EXPECT_THAT(get("/node/services"),
                HasSubstr(R"("degraded","reason":"component )" + types::to_string(found[0].digest) +
                          " is quarantined"));
    must(devnet_->send_trigger(good.trigger, base::to_bytes("goes on")));
    wait_until("an event of another service is signed",
               [&] { return metric("wavs_submissions_signed_total") == 1; });
    wait_until("the other service has its result",
               [&] { return handled_count(good.handler) == 1; });
    EXPECT_EQ(handled_count(bad.handler), 0U);
    must(client().lift_quarantine(found[0].digest));
    wait_until("the event has its result", [&] { return handled_count(bad.handler) == 1; });
    EXPECT_THAT(get("/node/services"), Not(HasSubstr("quarantined")));

    start_again("");
    ASSERT_TRUE(started_.has_value()) << started_.error().full_text();
    EXPECT_THAT(struck(), IsEmpty()) << "a SIGKILL is nobody's fault, and a lift stays";
    contracts_ = bad;
    EXPECT_EQ(fire_and_wait(bad, kWrite), R"("write")");
    EXPECT_EQ(handled_count(bad.handler), 2U) << "the first event has one result";
    EXPECT_EQ(handled_count(good.handler), 1U);
}

}  // namespace
}  // namespace wavs::e2e
