// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/handler_policy.hpp"

#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

namespace wavs::aggregator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

types::EvmAddress address(std::uint8_t last) {
    types::EvmAddress out;
    out.array()[19] = last;
    return out;
}
types::ChainKey chain(const char* text) { return types::ChainKey::parse(text).value(); }

class HandlerPolicyTest : public ::testing::Test {
protected:
    HandlerPolicyTest() {
        service_.service.name = "prices";
        service_.service.manager = types::EvmManager{chain("evm:1"), address(7)};
        service_.id = service_.service.id();
    }
    HandlerPolicy policy(const char* key, std::vector<types::EvmAddress> listed = {}) {
        return {chain(key), listed, &metrics_};
    }

    types::RegisteredService service_;
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
};

TEST_F(HandlerPolicyTest, a_handler_of_the_manifests_manager_is_allowed) {
    auto here = policy("evm:1");
    EXPECT_FALSE(here.refusal(service_, address(1), address(7)));
    EXPECT_THAT(here.warnings(), IsEmpty());
}

TEST_F(HandlerPolicyTest, any_other_is_refused_by_name_and_alerted_once) {
    auto here = policy("evm:1");
    const auto text = here.refusal(service_, address(1), address(8));
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, ::testing::StartsWith("Chain Config: handler 0x" + std::string(39, '0') +
                                             "1 on evm:1 is not allowed for service " +
                                             types::to_string(service_.id) + " (prices): "));
    EXPECT_THAT(*text, HasSubstr("allowed_handlers"));
    EXPECT_EQ(here.refusal(service_, address(1), address(8)), text);
    EXPECT_EQ(log_.count("error aggregator: a handler is refused"), 1U);
    EXPECT_THAT(here.warnings(), ElementsAre(*text));
    EXPECT_THAT(metrics_.render(), HasSubstr("wavs_handlers_refused_total{chain=\"evm:1\"} 2"));
    // Its owner has given it the right manager: nothing is left to be warned of.
    EXPECT_FALSE(here.refusal(service_, address(1), address(7)));
    EXPECT_THAT(here.warnings(), IsEmpty());
}

TEST_F(HandlerPolicyTest, the_same_address_on_another_chain_is_another_manager) {
    EXPECT_TRUE(policy("evm:10").refusal(service_, address(1), address(7)));
}

TEST_F(HandlerPolicyTest, what_the_operator_lists_is_allowed) {
    auto mirror = policy("evm:10", {address(1)});
    EXPECT_TRUE(mirror.is_listed(address(1)));
    EXPECT_FALSE(mirror.refusal(service_, address(1), address(7)));
    EXPECT_TRUE(mirror.refusal(service_, address(2), address(7)));
}

}  // namespace
}  // namespace wavs::aggregator
