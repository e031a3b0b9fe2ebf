// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/evm_watch.hpp"
#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/selectors.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <utility>

namespace wavs::triggers {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using types::ChainPosition;

const types::ChainKey kChain = types::ChainKey::parse("evm:1").value();
const types::ChainKey kOther = types::ChainKey::parse("evm:2").value();

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

/// A chain of logs in the reader's hands: what a node would deliver, without the node.
class EvmWatchTest : public ::testing::Test {
protected:
    /// A revision of the service of manager `manager`, with one workflow per trigger contract.
    static types::RegisteredServicePtr revision(std::uint8_t manager,
                                                std::map<std::string, std::uint8_t> workflows,
                                                std::optional<ChainPosition> from,
                                                types::ServiceStatus status = {},
                                                const types::ChainKey& home = kChain) {
        auto out = std::make_shared<types::RegisteredService>();
        out->service.manager = types::EvmManager{home, address(manager)};
        out->service.status = status;
        for (const auto& [name, contract] : workflows) {
            out->service.workflows[types::WorkflowId::parse(name).value()].trigger =
                types::EvmEventTrigger{address(contract), kChain, topic(9)};
        }
        out->id = out->service.id();
        out->in_force_from = from;
        static std::uint8_t next = 1;
        out->digest.array().fill(next++);
        return out;
    }

    void set(std::vector<types::RegisteredServicePtr> services,
             std::optional<std::uint64_t> head = std::nullopt) {
        watch_.set_index(std::make_shared<TriggerIndex>(TriggerIndex::build(services)), head);
    }

    static chain_evm::EvmLog log(std::uint8_t contract, std::uint64_t block, std::uint64_t index) {
        chain_evm::EvmLog out;
        out.address = address(contract);
        out.topics = {topic(9)};
        out.block_number = block;
        out.block_hash = topic(static_cast<std::uint8_t>(block));
        out.tx_hash = topic(1);
        out.tx_index = 0;
        out.log_index = index;
        return out;
    }
    static chain_evm::EvmLog announcement(std::uint8_t manager, std::uint64_t block,
                                          std::uint64_t index, std::string_view uri) {
        auto out = log(manager, block, index);
        out.topics = {chain_evm::service_uri_updated_topic()};
        out.data = chain_evm::encode_arguments({chain_evm::AbiValue::string(uri)});
        return out;
    }

    /// Reads everything that is missing up to `head`, as the source does.
    std::vector<types::SeenEvent> read_to(std::uint64_t head) {
        const auto filter = filter_of(watch_.wanted().pairs);
        watch_.begin_reading();
        std::vector<types::SeenEvent> events;
        const auto missing = watch_.first_missing(filter, head);
        for (const auto& one : chain_) {
            if (missing && *one.block_number >= *missing && *one.block_number <= head) {
                auto seen = watch_.see(one);
                std::move(seen.events.begin(), seen.events.end(), std::back_inserter(events));
                if (seen.change) {
                    changes_.push_back(*seen.change);
                }
            }
        }
        if (meanwhile_) {
            std::exchange(meanwhile_, nullptr)();
        }
        if (missing) {
            watch_.read(filter, {*missing, head});
        }
        watch_.live(filter);
        return events;
    }
    static std::vector<std::uint64_t> blocks(const std::vector<types::SeenEvent>& events) {
        std::vector<std::uint64_t> out;
        for (const auto& event : events) {
            out.push_back(std::get<types::EvmEventData>(event.action.data).block_number);
        }
        return out;
    }

    EvmWatch watch_{kChain};
    std::vector<chain_evm::EvmLog> chain_;
    std::vector<types::ServiceUriChange> changes_;
    /// Happens while what was read is being handed over.
    std::function<void()> meanwhile_;
};

TEST_F(EvmWatchTest, an_announcement_that_is_read_again_is_followed_once) {
    chain_ = {announcement(7, 5, 0, "a"), announcement(7, 12, 0, "b")};
    set({revision(7, {}, ChainPosition::end_of(10))});
    read_to(12);
    ASSERT_EQ(changes_.size(), 1U) << "what came before the registration is known";
    EXPECT_EQ(changes_[0].uri, "b");
    set({revision(7, {}, changes_[0].at)});
    EXPECT_TRUE(watch_.stale());
    read_to(14);
    EXPECT_FALSE(watch_.see(chain_[0]).change);
    EXPECT_FALSE(watch_.see(chain_[1]).change);
    EXPECT_EQ(changes_.size(), 1U);
}

TEST_F(EvmWatchTest, events_take_the_manifest_in_force_at_their_place) {
    chain_ = {log(1, 11, 0), log(1, 12, 0), announcement(7, 12, 1, "b"),
              log(1, 12, 2), log(2, 12, 3), log(1, 13, 0),
              log(2, 13, 1)};
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10));
    set({first});
    const auto before = read_to(13);
    EXPECT_THAT(blocks(before), ElementsAre(11, 12));
    for (const auto& event : before) {
        EXPECT_EQ(event.service, first);
    }
    ASSERT_EQ(changes_.size(), 1U);
    EXPECT_EQ(watch_.coverage().gap_blocks(13), 2U) << "a crash now reads both blocks again";

    const auto second = revision(7, {{"one", 1}, {"two", 2}}, changes_[0].at);
    set({second});
    const auto after = read_to(13);
    // Block 12's first event comes again and is dropped by its id.
    EXPECT_THAT(blocks(after), ElementsAre(12, 12, 12, 13, 13));
    for (const auto& event : after) {
        EXPECT_EQ(event.service, second);
    }
    EXPECT_EQ(watch_.coverage().gap_blocks(13), 0U);
    EXPECT_THAT(read_to(13), IsEmpty());
}

TEST_F(EvmWatchTest, a_manifest_that_comes_while_its_block_is_being_read_loses_none) {
    chain_ = {log(1, 11, 0), announcement(7, 12, 1, "b"), log(1, 12, 2), log(1, 13, 0)};
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    meanwhile_ = [this] { set({revision(7, {{"one", 1}}, changes_.at(0).at)}); };
    EXPECT_THAT(blocks(read_to(14)), ElementsAre(11));
    EXPECT_TRUE(watch_.stale());
    EXPECT_EQ(watch_.coverage().gap_blocks(14), 3U);
    EXPECT_THAT(blocks(read_to(14)), ElementsAre(12, 13));
    EXPECT_EQ(watch_.coverage().gap_blocks(14), 0U);
}

TEST_F(EvmWatchTest, live_events_wait_too_and_none_is_lost) {
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10));
    set({first});
    read_to(10);
    chain_ = {announcement(7, 12, 0, "b"), log(1, 13, 0)};
    EXPECT_TRUE(watch_.see(chain_[0]).change);
    EXPECT_THAT(watch_.see(chain_[1]).events, IsEmpty());
    watch_.on_head(40);
    set({revision(7, {{"one", 1}}, ChainPosition{12, 0})});
    EXPECT_THAT(blocks(read_to(42)), ElementsAre(13));
}

TEST_F(EvmWatchTest, announcements_are_followed_one_after_the_other) {
    chain_ = {announcement(7, 11, 0, "b"), log(1, 12, 0), announcement(7, 13, 0, "c"),
              log(1, 14, 0)};
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    EXPECT_THAT(read_to(14), IsEmpty());
    ASSERT_EQ(changes_.size(), 2U) << "the second one is told, and waits";
    const auto second = revision(7, {{"one", 1}}, changes_[0].at);
    set({second});
    EXPECT_THAT(blocks(read_to(14)), ElementsAre(12));
    ASSERT_EQ(changes_.size(), 3U);
    EXPECT_EQ(changes_[2].uri, "c");
    set({revision(7, {{"one", 1}}, changes_[2].at)});
    EXPECT_THAT(blocks(read_to(14)), ElementsAre(14));
}

TEST_F(EvmWatchTest, a_manifest_that_does_not_come_lets_the_events_go_on) {
    chain_ = {announcement(7, 11, 0, "b"), log(1, 12, 0)};
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10));
    set({first});
    EXPECT_THAT(read_to(12), IsEmpty());
    watch_.resume(first->id, changes_.at(0).at);
    EXPECT_TRUE(watch_.stale());
    EXPECT_THAT(blocks(read_to(12)), ElementsAre(12));
    EXPECT_EQ(changes_.size(), 1U) << "it is not announced a second time";
    // It comes after all: what ran is not run again, what is new in it is caught up with.
    chain_.push_back(log(2, 12, 1));
    set({revision(7, {{"one", 1}, {"two", 2}}, changes_[0].at)});
    EXPECT_THAT(blocks(read_to(12)), ElementsAre(12, 12));
}

TEST_F(EvmWatchTest, what_happens_during_a_pause_is_not_made_up_for) {
    chain_ = {announcement(7, 11, 0, "paused"), log(1, 12, 0), log(1, 13, 0),
              announcement(7, 13, 1, "active"), log(1, 13, 2)};
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    read_to(13);
    set({revision(7, {{"one", 1}}, changes_.at(0).at, types::ServiceStatus::Paused)});
    EXPECT_THAT(read_to(13), IsEmpty());
    ASSERT_EQ(changes_.back().uri, "active");
    set({revision(7, {{"one", 1}}, changes_.back().at)});
    const auto events = read_to(13);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(std::get<types::EvmEventData>(events[0].action.data).log_index, 2U);
}

TEST_F(EvmWatchTest, another_service_goes_on_meanwhile) {
    chain_ = {announcement(7, 11, 0, "b"), log(1, 12, 0)};
    const auto waiting = revision(7, {{"one", 1}}, ChainPosition::end_of(10));
    const auto other = revision(8, {{"one", 1}}, ChainPosition::end_of(10));
    set({waiting, other});
    const auto events = read_to(12);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].service, other);
}

TEST_F(EvmWatchTest, a_restart_keeps_what_was_read_for_every_service) {
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10));
    const auto second = revision(8, {{"one", 2}}, ChainPosition::end_of(10), {}, kOther);
    set({first, second}, 10);
    read_to(20);
    chain_ = {log(1, 21, 0), log(2, 22, 0)};
    const auto stored = watch_.coverage().encode();

    EvmWatch restarted(kChain);
    restarted.restore(Coverage::decode(stored).value());
    std::swap(watch_, restarted);
    set({first, second});
    EXPECT_FALSE(watch_.needs_head(TriggerIndex::build(std::vector{first, second})));
    EXPECT_THAT(blocks(read_to(30)), ElementsAre(21, 22));
}

TEST_F(EvmWatchTest, a_new_trigger_counts_as_read_only_once_its_filter_is_live) {
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10), {}, kOther);
    set({first}, 10);
    read_to(10);
    set({first, revision(8, {{"one", 2}}, std::nullopt, {}, kOther)}, 20);
    watch_.on_head(30);  // the link still has the older filter
    chain_ = {log(2, 25, 0)};
    EXPECT_THAT(blocks(read_to(32)), ElementsAre(25));
}

TEST_F(EvmWatchTest, a_new_workflow_on_a_watched_contract_has_its_blocks_read_again) {
    const auto first = revision(7, {{"one", 1}}, ChainPosition::end_of(10), {}, kOther);
    set({first}, 10);
    read_to(10);
    // Between the head that was asked for and the new index a live log of block 21 went by.
    const auto second = revision(8, {{"one", 1}}, std::nullopt, {}, kOther);
    set({first, second}, 20);
    watch_.on_head(30);
    chain_ = {log(1, 21, 0)};
    const auto events = read_to(32);
    EXPECT_THAT(blocks(events), ElementsAre(21, 21));
}

TEST_F(EvmWatchTest, without_a_head_a_trigger_starts_at_the_first_connection) {
    const auto service = revision(7, {{"one", 1}}, std::nullopt, {}, kOther);
    EXPECT_TRUE(watch_.needs_head(TriggerIndex::build(std::vector{service})));
    set({service});
    EXPECT_THAT(watch_.see(log(1, 5, 0)).events, IsEmpty());
    watch_.start_pending(10);
    EXPECT_THAT(watch_.see(log(1, 10, 0)).events, IsEmpty());
    EXPECT_EQ(watch_.see(log(1, 11, 0)).events.size(), 1U);
}

TEST_F(EvmWatchTest, a_uri_that_cannot_be_read_changes_nothing) {
    auto bad = announcement(7, 11, 0, "b");
    bad.data.resize(40);
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    EXPECT_FALSE(watch_.see(bad).change);
    EXPECT_EQ(watch_.see(log(1, 12, 0)).events.size(), 1U);
}

TEST_F(EvmWatchTest, what_was_announced_in_a_replaced_block_was_not_announced) {
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    chain_ = {announcement(7, 12, 0, "b"), log(1, 13, 0)};
    EXPECT_THAT(read_to(14), IsEmpty());
    ASSERT_EQ(changes_.size(), 1U);
    watch_.reorganised(12);
    EXPECT_TRUE(watch_.stale());
    EXPECT_EQ(watch_.coverage().gap_blocks(14), 3U);
    chain_ = {log(1, 13, 0), announcement(7, 14, 0, "b"), log(1, 15, 0)};
    EXPECT_THAT(blocks(read_to(15)), ElementsAre(13)) << "held back no longer";
    ASSERT_EQ(changes_.size(), 2U) << "announced again, at another place";
    EXPECT_EQ(changes_[1].at, (ChainPosition{14, 0}));
}

TEST_F(EvmWatchTest, blocks_below_a_replaced_one_stay_read) {
    set({revision(7, {{"one", 1}}, ChainPosition::end_of(10))});
    chain_ = {log(1, 11, 0), log(1, 12, 0)};
    read_to(14);
    watch_.reorganised(12);
    EXPECT_EQ(watch_.coverage().gap_blocks(14), 3U);
    EXPECT_THAT(blocks(read_to(14)), ElementsAre(12));
}

}  // namespace
}  // namespace wavs::triggers
