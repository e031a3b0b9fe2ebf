// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/block_watch.hpp"

#include "block_services.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

namespace wavs::triggers {
namespace {

using testing::block_service;
using testing::blocks;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::kOtherChain;
using ::testing::SizeIs;
using types::ChainPosition;

const types::ChainKey kChain = types::ChainKey::parse("evm:1").value();

/// The heights a chain reaches, and what is stored with them.
class BlockWatchTest : public ::testing::Test {
protected:
    void set(const std::vector<types::RegisteredServicePtr>& services,
             std::optional<std::uint64_t> head = std::nullopt) {
        watch_->set_targets(TriggerIndex::build(services).of(kChain).blocks, head);
    }
    bool needs_head(const std::vector<types::RegisteredServicePtr>& services) {
        return watch_->needs_head(TriggerIndex::build(services).of(kChain).blocks);
    }
    /// A start of the node: what is stored is what the pieces brought.
    void restart(BlockOptions options = {}) {
        watch_.emplace(kChain, options);
        for (const auto& position : stored()) {
            ASSERT_TRUE(watch_->restore(position).has_value());
        }
    }

    std::vector<types::SeenEvent> piece(std::uint64_t height, std::size_t most = 256) {
        auto due = watch_->take(height, limit(), most);
        storage::Batch changes;
        for (const auto& position : due.positions) {
            if (position.value.empty()) {
                changes.erase(storage::Keyspace::Coverage, position.key);
            } else {
                changes.put(storage::Keyspace::Coverage, position.key, position.value);
            }
        }
        EXPECT_TRUE(store_.write_unsynced(changes).has_value());
        return std::move(due.events);
    }
    static std::vector<std::uint64_t> heights(const std::vector<types::SeenEvent>& events) {
        std::vector<std::uint64_t> out;
        for (const auto& event : events) {
            out.push_back(std::get<types::BlockIntervalData>(event.action.data).block_height);
        }
        return out;
    }
    /// What fires when the chain has reached a height, as "height service workflow".
    std::vector<std::string> fired(std::uint64_t height) {
        std::vector<std::string> out;
        for (auto events = piece(height); !events.empty(); events = piece(height)) {
            for (const auto& event : events) {
                const auto& config = event.action.config;
                const auto& data = std::get<types::BlockIntervalData>(event.action.data);
                EXPECT_EQ(data.chain, kChain);
                out.push_back(fmt::format("{} {} {}", data.block_height,
                                          config.service_id.array()[0],
                                          config.workflow_id.str().substr(3)));
            }
        }
        return out;
    }
    /// The heights at which one workflow fires, with a head for each block.
    std::vector<std::uint64_t> fires(const types::BlockIntervalTrigger& trigger, std::uint64_t head,
                                     std::uint64_t last) {
        watch_.emplace(kChain, BlockOptions());
        set({block_service(1, {{"a", trigger}})}, head);
        std::vector<std::uint64_t> out;
        for (auto height = head; height <= last; ++height) {
            for (const auto at : heights(piece(height))) {
                EXPECT_EQ(at, height);
                out.push_back(at);
            }
        }
        return out;
    }
    std::vector<storage::Entry> stored() {
        return store_.scan(storage::Keyspace::Coverage, {}).value();
    }
    BlockWatch::Limit limit() {
        return [this](const types::RegisteredService& service) {
            ++asked_;
            const auto found = limits_.find(service.id);
            return found == limits_.end() ? UINT64_MAX : found->second;
        };
    }

    telemetry::testing::CapturedLog log_;
    storage::MemoryStore store_;
    std::optional<BlockWatch> watch_{std::in_place, kChain, BlockOptions()};
    std::map<types::ServiceId, std::uint64_t> limits_;
    std::size_t asked_ = 0;
};

TEST_F(BlockWatchTest, the_grid_begins_at_the_start_block) {
    struct Case {
        std::uint64_t start, n, now, next;
    };
    for (const auto& one : {Case{2, 3, 4, 5}, Case{2, 3, 5, 5}, Case{2, 3, 6, 8},
                            Case{10, 3, 5, 10}, Case{5, 3, 5, 5}, Case{5, 10, 7, 15},
                            Case{50, 100, 75, 150}, Case{10, 5, 100, 100}, Case{10, 5, 101, 105}}) {
        watch_.emplace(kChain, BlockOptions());
        set({block_service(1, {{"a", blocks(static_cast<std::uint32_t>(one.n), one.start)}})},
            one.now - 1);
        EXPECT_EQ(watch_->next(), one.next) << one.start << " " << one.n << " " << one.now;
    }
}

TEST_F(BlockWatchTest, without_a_start_block_all_operators_have_one_grid) {
    EXPECT_THAT(fires(blocks(3), 4, 13), ElementsAre(6, 9, 12));
    EXPECT_THAT(fires(blocks(3), 8, 13), ElementsAre(9, 12));
    EXPECT_THAT(fires(blocks(1), 63, 66), ElementsAre(64, 65, 66));
}

TEST_F(BlockWatchTest, start_and_end_are_inclusive_and_nothing_fires_past_the_end) {
    EXPECT_THAT(fires(blocks(3, 69), 63, 79), ElementsAre(69, 72, 75, 78));
    EXPECT_THAT(fires(blocks(3, 69, 76), 63, 99), ElementsAre(69, 72, 75)) << "not on the grid";
    EXPECT_THAT(fires(blocks(3, 69, 75), 63, 99), ElementsAre(69, 72, 75)) << "on the grid";
    EXPECT_THAT(fires(blocks(3, 72, 72), 63, 99), ElementsAre(72));
    EXPECT_THAT(fires(blocks(4, 2), 63, 75), ElementsAre(66, 70, 74));
    EXPECT_THAT(fires(blocks(3, {}, 73), 63, 99), ElementsAre(66, 69, 72));
    EXPECT_EQ(log_.count("never fires"), 0U);
}

TEST_F(BlockWatchTest, a_range_that_is_past_never_fires_and_warns) {
    EXPECT_THAT(fires(blocks(5, 1, 60), 63, 99), IsEmpty());
    EXPECT_THAT(fires(blocks(3, 59, 59), 63, 99), IsEmpty());
    EXPECT_THAT(fires(blocks(10, {}, 9), 3, 99), IsEmpty()) << "no height of the grid in it";
    EXPECT_EQ(log_.count("a block interval trigger never fires from now on"), 3U);
    restart();
    set({block_service(1, {{"a", blocks(10, {}, 9)}})}, 99);
    EXPECT_EQ(log_.count("never fires"), 3U) << "told once";
}

TEST_F(BlockWatchTest, height_zero_never_fires_and_the_last_height_of_all_ends_it) {
    EXPECT_THAT(fires(blocks(1), 0, 2), ElementsAre(1, 2));
    watch_.emplace(kChain, BlockOptions());
    set({block_service(1, {{"a", blocks(4, UINT64_MAX - 5)}})}, 7);
    EXPECT_THAT(fired(UINT64_MAX), ElementsAre(fmt::format("{} 1 a", UINT64_MAX - 5),
                                               fmt::format("{} 1 a", UINT64_MAX - 1)));
    EXPECT_EQ(watch_->next(), std::nullopt);
}

TEST_F(BlockWatchTest, skipped_heights_fire_each_in_order) {
    set({block_service(2, {{"b", blocks(5)}, {"a", blocks(3)}}),
         block_service(1, {{"z", blocks(5)}})},
        10);
    EXPECT_THAT(fired(15), ElementsAre("12 2 a", "15 1 z", "15 2 a", "15 2 b"));
    EXPECT_THAT(fired(15), IsEmpty()) << "the same head again";
    EXPECT_THAT(fired(11), IsEmpty()) << "a lower one";
    EXPECT_THAT(fired(18), ElementsAre("18 2 a")) << "and back";
}

TEST_F(BlockWatchTest, more_than_the_cap_leaves_the_newest) {
    watch_.emplace(kChain, BlockOptions{.max_catchup = 3});
    set({block_service(1, {{"a", blocks(10)}}), block_service(2, {{"b", blocks(10, 500, 520)}}),
         block_service(3, {{"c", blocks(10, {}, 200)}})},
        0);
    const auto dropped = watch_->drop_old(1005, limit());
    EXPECT_EQ(dropped.heights, 97U + 17U);
    EXPECT_EQ(dropped.workflows, 2U);
    EXPECT_THAT(fired(1005), ElementsAre("180 3 c", "190 3 c", "200 3 c", "500 2 b", "510 2 b",
                                         "520 2 b", "980 1 a", "990 1 a", "1000 1 a"));
    EXPECT_EQ(watch_->drop_old(1030, limit()).heights, 0U) << "three are not too many";
    EXPECT_THAT(fired(1030), ElementsAre("1010 1 a", "1020 1 a", "1030 1 a"));
}

TEST_F(BlockWatchTest, what_was_dropped_stays_so_after_a_restart) {
    const std::vector services = {block_service(1, {{"a", blocks(10)}})};
    watch_.emplace(kChain, BlockOptions{.max_catchup = 1});
    set(services, 0);
    (void)watch_->drop_old(100, limit());
    (void)piece(100, 0);
    restart();
    set(services);
    EXPECT_THAT(fired(100), ElementsAre("100 1 a"));
}

TEST_F(BlockWatchTest, a_long_range_comes_in_pieces_with_their_positions) {
    const std::vector services = {block_service(1, {{"a", blocks(1)}, {"b", blocks(2)}})};
    set(services, 0);
    EXPECT_THAT(heights(piece(100, 4)), ElementsAre(1, 2, 2, 3));
    EXPECT_THAT(heights(piece(100, 4)), ElementsAre(4, 4, 5, 6));
    // The process ends here: "b" has not had its 6.
    restart();
    set(services);
    EXPECT_THAT(heights(piece(100, 3)), ElementsAre(6, 7, 8));
}

TEST_F(BlockWatchTest, a_workflow_that_never_fired_goes_on_from_its_registration) {
    const std::vector services = {block_service(1, {{"a", blocks(100)}})};
    set(services, 950);
    EXPECT_THAT(fired(955), IsEmpty());
    restart();
    EXPECT_FALSE(needs_head(services)) << "it is known where it began";
    set(services, 1205);
    EXPECT_THAT(fired(1205), ElementsAre("1000 1 a", "1100 1 a", "1200 1 a"));
    restart();
    set(services, 1300);
    EXPECT_THAT(fired(1205), IsEmpty());
}

TEST_F(BlockWatchTest, nothing_from_before_the_registration_fires) {
    set({block_service(1, {{"own", blocks(10)}}, ChainPosition{105, 3}),
         block_service(2, {{"whole", blocks(10)}}, ChainPosition::end_of(110)),
         block_service(3, {{"far", blocks(10)}}, ChainPosition::end_of(7), kOtherChain)},
        200);
    EXPECT_THAT(fired(210),
                ElementsAre("110 1 own", "120 1 own", "120 2 whole", "130 1 own", "130 2 whole",
                            "140 1 own", "140 2 whole", "150 1 own", "150 2 whole", "160 1 own",
                            "160 2 whole", "170 1 own", "170 2 whole", "180 1 own", "180 2 whole",
                            "190 1 own", "190 2 whole", "200 1 own", "200 2 whole", "210 1 own",
                            "210 2 whole", "210 3 far"));
}

TEST_F(BlockWatchTest, without_a_head_a_workflow_begins_at_the_first_one) {
    const std::vector services = {block_service(1, {{"a", blocks(10)}})};
    EXPECT_TRUE(needs_head(services));
    set(services);
    EXPECT_THAT(fired(500), IsEmpty());
    EXPECT_THAT(stored(), IsEmpty());
    EXPECT_TRUE(needs_head(services)) << "still";
    watch_->start_pending(500);
    EXPECT_FALSE(needs_head(services));
    watch_->start_pending(900);
    EXPECT_THAT(fired(510), ElementsAre("510 1 a"));
}

TEST_F(BlockWatchTest, an_update_lets_unchanged_triggers_go_on) {
    set({block_service(1, {{"a", blocks(10)}, {"b", blocks(10)}}, ChainPosition{100, 0})});
    EXPECT_THAT(fired(110), ElementsAre("110 1 a", "110 1 b"));
    const auto next = block_service(
        1, {{"a", blocks(10)}, {"b", blocks(5)}, {"c", blocks(10, 112)}}, ChainPosition{115, 2});
    set({next});
    EXPECT_THAT(fired(119), IsEmpty()) << "115 is the block of the announcement";
    const auto events = piece(120);
    EXPECT_THAT(heights(events), ElementsAre(120, 120));
    EXPECT_EQ(events[0].service, next) << "under the manifest in force";
    EXPECT_THAT(fired(125), ElementsAre("122 1 c", "125 1 b"));
}

TEST_F(BlockWatchTest, a_changed_trigger_does_not_go_on_from_what_is_stored) {
    set({block_service(1, {{"a", blocks(10)}})}, 100);
    EXPECT_THAT(fired(105), IsEmpty());
    restart();
    const std::vector changed = {block_service(1, {{"a", blocks(20)}})};
    EXPECT_TRUE(needs_head(changed));
    set(changed, 150);
    EXPECT_THAT(fired(170), ElementsAre("160 1 a"));
}

TEST_F(BlockWatchTest, a_pause_is_not_made_up_for) {
    const auto active = [](std::uint64_t block) {
        return block_service(1, {{"a", blocks(10)}}, ChainPosition{block, 0});
    };
    set({active(100)});
    EXPECT_THAT(fired(110), ElementsAre("110 1 a"));
    set({block_service(1, {{"a", blocks(10)}}, ChainPosition{115, 0}, kChain,
                       types::ServiceStatus::Paused)});
    EXPECT_THAT(fired(150), IsEmpty());
    EXPECT_THAT(stored(), IsEmpty());
    set({active(155)});
    EXPECT_THAT(fired(165), ElementsAre("160 1 a"));
}

TEST_F(BlockWatchTest, what_is_removed_is_forgotten) {
    set({block_service(1, {{"a", blocks(10)}}), block_service(2, {{"b", blocks(10)}})}, 0);
    (void)piece(1);
    EXPECT_THAT(stored(), SizeIs(2));
    set({block_service(2, {{"b", blocks(10)}})}, 5);
    EXPECT_THAT(fired(10), ElementsAre("10 2 b"));
    EXPECT_THAT(stored(), SizeIs(1));
    EXPECT_EQ(watch_->workflows(), 1U);
    restart();
    set({}, 5);
    (void)piece(10);
    EXPECT_THAT(stored(), IsEmpty()) << "also what went while the node was down";
}

TEST_F(BlockWatchTest, what_may_not_fire_yet_waits_and_the_others_go_on) {
    const auto waits = block_service(1, {{"a", blocks(10)}});
    set({waits, block_service(2, {{"b", blocks(10)}})}, 95);
    limits_[waits->id] = 100;
    EXPECT_THAT(fired(120), ElementsAre("100 1 a", "100 2 b", "110 2 b", "120 2 b"));
    limits_.clear();
    EXPECT_THAT(fired(120), ElementsAre("110 1 a", "120 1 a"));
}

TEST_F(BlockWatchTest, the_cap_counts_what_may_fire) {
    const auto waits = block_service(1, {{"a", blocks(1)}});
    watch_.emplace(kChain, BlockOptions{.max_catchup = 2});
    set({waits}, 100);
    limits_[waits->id] = 105;
    EXPECT_EQ(watch_->drop_old(200, limit()).heights, 3U);
    EXPECT_THAT(fired(200), ElementsAre("104 1 a", "105 1 a"));
    EXPECT_EQ(watch_->drop_old(200, limit()).heights, 0U);
}

TEST_F(BlockWatchTest, ten_thousand_idle_workflows_are_not_looked_at) {
    std::vector<types::RegisteredServicePtr> services;
    for (std::uint8_t i = 1; i <= 40; ++i) {
        std::vector<std::pair<std::string, types::BlockIntervalTrigger>> triggers;
        for (std::uint32_t k = 0; k < 250; ++k) {
            triggers.emplace_back(fmt::format("w{:03}", k), blocks(1'000'000, 1'000 + k));
        }
        services.push_back(block_service(i, triggers));
    }
    services.push_back(block_service(200, {{"busy", blocks(10)}}));
    set(services, 0);
    (void)piece(0);
    EXPECT_THAT(stored(), SizeIs(10'001));
    for (std::uint64_t height = 1; height < 1'000; ++height) {
        EXPECT_EQ(watch_->has_work(height), height % 10 == 0);
        if (watch_->has_work(height)) {
            (void)watch_->drop_old(height, limit());
            EXPECT_THAT(piece(height), SizeIs(1));
        }
    }
    EXPECT_EQ(asked_, 99U) << "one question for each event, none for what is idle";
    EXPECT_THAT(watch_->due_services(1'000), SizeIs(41));
}

TEST_F(BlockWatchTest, a_damaged_position_is_told) {
    auto key = base::to_bytes(BlockWatch::key_prefix(kChain));
    key.resize(key.size() + types::ServiceId::size() + 5, 'a');
    EXPECT_EQ(watch_->restore({key, {9, 9}}).error().code(), base::ErrorCode("schedule_record"));
}

}  // namespace
}  // namespace wavs::triggers
