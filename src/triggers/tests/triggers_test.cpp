// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/triggers/coverage.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <gtest/gtest.h>

namespace wavs::triggers {
namespace {

types::EvmAddress address(std::uint8_t fill) {
    types::EvmAddress out;
    out.array().fill(fill);
    return out;
}
types::Bytes32 topic(std::uint8_t fill) {
    types::Bytes32 out;
    out.array().fill(fill);
    return out;
}
types::ChainKey chain(std::string_view text) { return types::ChainKey::parse(text).value(); }

types::RegisteredServicePtr service(
    std::string_view on, std::uint8_t manager,
    const std::vector<std::pair<std::string, types::EvmEventTrigger>>& triggers) {
    auto out = std::make_shared<types::RegisteredService>();
    out->service.manager = types::EvmManager{chain(on), address(manager)};
    for (const auto& [name, trigger] : triggers) {
        out->service.workflows[types::WorkflowId::parse(name).value()].trigger = trigger;
    }
    out->id = out->service.id();
    return out;
}

TEST(TriggerIndex, one_event_concerns_every_workflow_that_names_it_in_order) {
    const types::EvmEventTrigger trigger{address(1), chain("evm:1"), topic(9)};
    const std::vector<types::RegisteredServicePtr> services = {
        service("evm:1", 7, {{"second", trigger}, {"first", trigger}}),
        service("evm:1", 8, {{"only", trigger}})};
    const auto index = TriggerIndex::build(services);
    const auto& targets = index.match(chain("evm:1"), address(1), topic(9));
    ASSERT_EQ(targets.size(), 3U);
    EXPECT_TRUE(std::is_sorted(targets.begin(), targets.end(), [](const auto& a, const auto& b) {
        return std::pair(a.service, a.workflow) < std::pair(b.service, b.workflow);
    }));
    EXPECT_TRUE(index.match(chain("evm:2"), address(1), topic(9)).empty());
    EXPECT_TRUE(index.match(chain("evm:1"), address(2), topic(9)).empty());
    EXPECT_TRUE(index.match(chain("evm:1"), address(1), topic(8)).empty());
}

TEST(TriggerIndex, managers_with_one_address_on_two_chains_are_two) {
    const std::vector<types::RegisteredServicePtr> services = {service("evm:1", 7, {}),
                                                               service("evm:2", 7, {})};
    const auto index = TriggerIndex::build(services);
    EXPECT_EQ(index.managed_by(chain("evm:1"), address(7)), services[0]->id);
    EXPECT_EQ(index.managed_by(chain("evm:2"), address(7)), services[1]->id);
    EXPECT_FALSE(index.managed_by(chain("evm:3"), address(7)).has_value());
    const auto filter = filter_of(index.pairs(chain("evm:1")));
    EXPECT_EQ(filter.topics, std::vector{chain_evm::service_uri_updated_topic()});
}

const TriggerIndex::Pair kA{address(1), topic(1)};
const TriggerIndex::Pair kB{address(2), topic(2)};

TEST(Coverage, ranges_meet_and_gaps_show) {
    Coverage coverage;
    coverage.watch(kA, 10);
    EXPECT_EQ(coverage.first_missing(9), std::nullopt);
    EXPECT_EQ(coverage.first_missing(12), 10U);
    coverage.add({5, 12});
    coverage.add({16, 20});
    EXPECT_EQ(coverage.first_missing(20), 13U);
    EXPECT_EQ(coverage.gap_blocks(20), 3U);
    coverage.add({13, 15});
    EXPECT_EQ(coverage.first_missing(20), std::nullopt);
    EXPECT_EQ(coverage.ranges().at(kA), (std::vector<BlockRange>{{10, 20}}));
    EXPECT_EQ(coverage.gap_blocks(25), 5U);
}

TEST(Coverage, a_new_pair_has_its_own_start_and_gap) {
    Coverage coverage;
    coverage.watch(kA, 1);
    coverage.add({1, 100});
    coverage.watch(kB, 50);
    EXPECT_EQ(coverage.first_missing(100), 50U);
    coverage.watch(kB, 90);
    EXPECT_EQ(coverage.first_block(kB), 50U) << "watched already, so the start stays";
    coverage.forget(kB);
    EXPECT_EQ(coverage.first_missing(100), std::nullopt);
}

TEST(Coverage, stored_form_round_trips_and_survives_any_bytes) {
    Coverage coverage;
    coverage.watch(kA, 3);
    coverage.watch(kB, 7);
    coverage.add({3, 9});
    coverage.add({20, 30});
    const auto bytes = coverage.encode();
    EXPECT_EQ(Coverage::decode(bytes).value(), coverage);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(Coverage::decode(base::ByteView(bytes).first(size)).has_value());
    }
}

TEST(Coverage, the_last_block_of_all_does_not_overflow) {
    Coverage coverage;
    coverage.watch(kA, 0);
    coverage.add({5, UINT64_MAX});
    coverage.add({0, 4});
    EXPECT_EQ(coverage.ranges().at(kA), (std::vector<BlockRange>{{0, UINT64_MAX}}));
}

}  // namespace
}  // namespace wavs::triggers
