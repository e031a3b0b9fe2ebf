// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/triggers/coverage.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <gtest/gtest.h>

#include <set>

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
    const auto& targets = index.match(chain("evm:1"), {address(1), topic(9)});
    ASSERT_EQ(targets.size(), 3U);
    EXPECT_TRUE(std::is_sorted(targets.begin(), targets.end(), [](const auto& a, const auto& b) {
        return std::pair(a.service->id, a.workflow) < std::pair(b.service->id, b.workflow);
    }));
    EXPECT_TRUE(index.match(chain("evm:2"), {address(1), topic(9)}).empty());
    EXPECT_TRUE(index.match(chain("evm:1"), {address(2), topic(9)}).empty());
    EXPECT_TRUE(index.match(chain("evm:1"), {address(1), topic(8)}).empty());
}

TEST(TriggerIndex, managers_with_one_address_on_two_chains_are_two) {
    const std::vector<types::RegisteredServicePtr> services = {service("evm:1", 7, {}),
                                                               service("evm:2", 7, {})};
    const auto index = TriggerIndex::build(services);
    EXPECT_EQ(index.managed_by(chain("evm:1"), address(7)), services[0]);
    EXPECT_EQ(index.managed_by(chain("evm:2"), address(7)), services[1]);
    EXPECT_EQ(index.managed_by(chain("evm:3"), address(7)), nullptr);
    const auto filter = filter_of(index.of(chain("evm:1")).pairs);
    EXPECT_EQ(filter.topics, std::vector{chain_evm::service_uri_updated_topic()});
}

TEST(TriggerIndex, cron_workflows_of_active_services_in_order) {
    const auto with_cron = [](std::uint8_t manager, types::ServiceStatus status) {
        auto out = std::make_shared<types::RegisteredService>(*service("evm:1", manager, {}));
        out->service.status = status;
        for (const auto* name : {"second", "first"}) {
            out->service.workflows[types::WorkflowId::parse(name).value()].trigger =
                types::CronTrigger{"@daily", {}, {}};
        }
        return out;
    };
    const std::vector<types::RegisteredServicePtr> services = {
        with_cron(7, types::ServiceStatus::Active), with_cron(8, types::ServiceStatus::Paused),
        with_cron(9, types::ServiceStatus::Active)};
    const auto index = TriggerIndex::build(services);
    ASSERT_EQ(index.cron().size(), 4U);
    EXPECT_TRUE(
        std::is_sorted(index.cron().begin(), index.cron().end(), [](const auto& a, const auto& b) {
            return std::pair(a.service->id, a.workflow) < std::pair(b.service->id, b.workflow);
        }));
    EXPECT_NE(index.cron().front().service, services[1]);
    EXPECT_EQ(index.cron().front().workflow.str(), "first");
}

TEST(TriggerIndex, block_intervals_of_active_services_by_chain_in_order) {
    const auto with_blocks = [](std::uint8_t manager, types::ServiceStatus status) {
        auto out = std::make_shared<types::RegisteredService>(*service("evm:1", manager, {}));
        out->service.status = status;
        for (const auto* name : {"second", "first"}) {
            out->service.workflows[types::WorkflowId::parse(name).value()].trigger =
                types::BlockIntervalTrigger{chain("evm:2"), 1, {}, {}};
        }
        out->service.workflows[types::WorkflowId::parse("third").value()].trigger =
            types::BlockIntervalTrigger{chain("cosmos:x"), 1, {}, {}};
        return out;
    };
    const std::vector<types::RegisteredServicePtr> services = {
        with_blocks(7, types::ServiceStatus::Active), with_blocks(8, types::ServiceStatus::Paused)};
    const auto index = TriggerIndex::build(services);
    const auto& blocks = index.of(chain("evm:2")).blocks;
    ASSERT_EQ(blocks.size(), 2U);
    EXPECT_EQ(blocks[0].workflow.str(), "first");
    EXPECT_EQ(blocks[1].workflow.str(), "second");
    EXPECT_EQ(blocks[0].service, services[0]);
    EXPECT_EQ(chains_of(*services[0]), (std::set{chain("evm:1"), chain("evm:2")}));
    EXPECT_EQ(index.chains(), (std::vector{chain("evm:1"), chain("evm:2")}));
}

const TriggerIndex::Pair kA{address(1), topic(1)};
const TriggerIndex::Pair kB{address(2), topic(2)};
const chain_evm::LogFilter kFilterA = filter_of({kA});
const chain_evm::LogFilter kBoth = filter_of({kA, kB});

TEST(Coverage, ranges_meet_and_gaps_show) {
    Coverage coverage;
    coverage.watch(kA, 10);
    EXPECT_EQ(coverage.first_missing(kBoth, 9), std::nullopt);
    EXPECT_EQ(coverage.first_missing(kBoth, 12), 10U);
    coverage.add(kBoth, {5, 12});
    coverage.add(kBoth, {16, 20});
    EXPECT_EQ(coverage.first_missing(kBoth, 20), 13U);
    EXPECT_EQ(coverage.gap_blocks(20), 3U);
    coverage.add(kBoth, {13, 15});
    EXPECT_EQ(coverage.first_missing(kBoth, 20), std::nullopt);
    EXPECT_EQ(coverage.ranges().at(kA), (std::vector<BlockRange>{{10, 20}}));
    EXPECT_EQ(coverage.gap_blocks(25), 5U);
}

TEST(Coverage, only_what_the_filter_names_counts_as_read) {
    Coverage coverage;
    coverage.watch(kA, 1);
    coverage.watch(kB, 1);
    coverage.add(kFilterA, {1, 100});
    EXPECT_EQ(coverage.first_missing(kFilterA, 100), std::nullopt);
    EXPECT_EQ(coverage.first_missing(kBoth, 100), 1U);
}

TEST(Coverage, a_workflow_starts_at_its_own_moment_and_has_its_blocks_read_again) {
    Coverage coverage;
    coverage.watch(kA, 1);
    coverage.add(kFilterA, {1, 100});
    const Coverage::Workflow workflow{types::ServiceId(), types::WorkflowId()};
    coverage.start(workflow, kA, {90, 3});
    EXPECT_EQ(coverage.first_missing(kFilterA, 100), 90U);
    EXPECT_EQ(coverage.started(workflow, kA), (types::ChainPosition{90, 3}));
    EXPECT_EQ(coverage.started(workflow, kB), std::nullopt) << "started for another pair";
    coverage.keep_workflows([](const auto&, const auto&) { return false; });
    coverage.keep_pairs({});
    EXPECT_EQ(coverage.first_missing(kFilterA, 100), std::nullopt);
    EXPECT_EQ(coverage, Coverage());
}

TEST(Coverage, what_is_held_does_not_count_as_read) {
    Coverage coverage;
    coverage.watch(kA, 1);
    coverage.watch(kB, 1);
    coverage.set_holds({{kA, 50}});
    coverage.add(kBoth, {1, 100});
    EXPECT_EQ(coverage.ranges().at(kA), (std::vector<BlockRange>{{1, 49}}));
    EXPECT_EQ(coverage.ranges().at(kB), (std::vector<BlockRange>{{1, 100}}));
}

TEST(Coverage, stored_form_round_trips_and_survives_any_bytes) {
    Coverage coverage;
    coverage.watch(kA, 3);
    coverage.watch(kB, 7);
    coverage.add(kBoth, {3, 9});
    coverage.add(kBoth, {20, 30});
    coverage.start({types::ServiceId(), types::WorkflowId()}, kA, types::ChainPosition::end_of(20));
    const auto bytes = coverage.encode();
    EXPECT_EQ(Coverage::decode(bytes).value(), coverage);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(Coverage::decode(base::ByteView(bytes).first(size)).has_value());
    }
}

TEST(Coverage, the_first_stored_form_has_every_workflow_started) {
    Coverage coverage;
    coverage.watch(kA, 3);
    coverage.add(kFilterA, {3, 9});
    auto bytes = coverage.encode();
    bytes[0] = 1;      // the form without workflows
    bytes.pop_back();  // their number
    auto older = Coverage::decode(bytes);
    ASSERT_TRUE(older.has_value());
    EXPECT_TRUE(older.value().lacks_workflows());
    EXPECT_EQ(older.value().ranges(), coverage.ranges());
}

TEST(Coverage, the_last_block_of_all_does_not_overflow) {
    Coverage coverage;
    coverage.watch(kA, 0);
    coverage.add(kFilterA, {5, UINT64_MAX});
    coverage.add(kFilterA, {0, 4});
    EXPECT_EQ(coverage.ranges().at(kA), (std::vector<BlockRange>{{0, UINT64_MAX}}));
}

}  // namespace
}  // namespace wavs::triggers
