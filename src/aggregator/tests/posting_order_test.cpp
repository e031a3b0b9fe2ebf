// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/posting_order.hpp"

#include <gtest/gtest.h>

namespace wavs::aggregator {
namespace {

types::EvmAddress signer(std::uint8_t number) {
    types::EvmAddress out;
    out.array()[19] = number;
    return out;
}

types::EventId event(std::uint8_t number) {
    types::EventId out;
    out.array()[0] = number;
    return out;
}

constexpr types::Timestamp at(std::uint64_t second) { return {second * 1'000'000'000ULL}; }

TEST(PostingOrder, everyone_has_a_place_of_its_own_and_the_first_changes_with_the_event) {
    const Signers all = {signer(1), signer(2), signer(3)};
    std::set<std::uint8_t> firsts;
    for (std::uint8_t one = 0; one < 32; ++one) {
        std::set<std::size_t> places;
        for (std::uint8_t who = 1; who <= 3; ++who) {
            const auto rank = posting_rank(event(one), signer(who), all, {});
            places.insert(rank);
            if (rank == 0) {
                firsts.insert(who);
            }
        }
        EXPECT_EQ(places, (std::set<std::size_t>{0, 1, 2}));
    }
    EXPECT_EQ(firsts.size(), 3U);
}

TEST(PostingOrder, eight_full_blocks_count_as_one) {
    EXPECT_EQ(blocks_that_count(3, 7), 3U);
    EXPECT_EQ(blocks_that_count(3, 8), 4U);
    EXPECT_EQ(blocks_that_count(0, 17), 2U);
}

TEST(PostingOrder, who_is_known_to_sign_soon_has_its_place) {
    for (std::uint8_t one = 0; one < 32; ++one) {
        const Signers all = {signer(1), signer(2), signer(3)};
        EXPECT_EQ(posting_rank(event(one), signer(1), {signer(1), signer(2)}, all),
                  posting_rank(event(one), signer(1), all, {}));
    }
}

TEST(PostingOrder, who_has_not_signed_is_last) {
    EXPECT_EQ(posting_rank(event(1), signer(9), {signer(1), signer(2)}, {signer(9)}), 2U);
    EXPECT_EQ(posting_rank(event(1), signer(9), {}, {}), 0U);
}

TEST(ActiveSigners, last_minute_or_one_of_the_three_events_before) {
    const types::ServiceId service;
    ActiveSigners habits;
    habits.saw(service, event(1), signer(1), at(100));
    habits.saw(service, event(1), signer(2), at(100));
    EXPECT_EQ(habits.expected(service, event(2), at(159)), (Signers{signer(1), signer(2)}));
    EXPECT_EQ(habits.expected(service, event(2), at(1'000)), (Signers{signer(1), signer(2)}))
        << "the event before";
    for (std::uint8_t one = 2; one <= 4; ++one) {
        habits.saw(service, event(one), signer(1), at(200));
    }
    EXPECT_EQ(habits.expected(service, event(5), at(1'000)), (Signers{signer(1)}))
        << "silent for three events";
    habits.forget(service);
    EXPECT_TRUE(habits.expected(service, event(5), at(200)).empty());
}

TEST(ActiveSigners, habits_are_known_some_time_after_another_event) {
    const types::ServiceId service;
    ActiveSigners habits;
    EXPECT_FALSE(habits.knows_habits(service, event(1), at(100)));
    habits.saw(service, event(1), signer(1), at(100));
    EXPECT_FALSE(habits.knows_habits(service, event(1), at(110)));
    EXPECT_FALSE(habits.knows_habits(service, event(2), at(101)));
    EXPECT_TRUE(habits.knows_habits(service, event(2), at(103)));
    for (std::uint8_t one = 3; one < 200; ++one) {
        habits.saw(service, event(one), signer(1), at(103));
    }
    EXPECT_TRUE(habits.knows_habits(service, event(200), at(103)))
        << "however many come in a second";
}

TEST(ActiveSigners, memory_is_bounded) {
    const types::ServiceId service;
    ActiveSigners habits;
    for (std::uint32_t i = 0; i < 5'000; ++i) {
        types::EvmAddress one;
        one.array()[18] = static_cast<std::uint8_t>(i >> 8);
        one.array()[19] = static_cast<std::uint8_t>(i);
        habits.saw(service, event(static_cast<std::uint8_t>(i)), one, at(100 + i));
    }
    EXPECT_LE(habits.expected(service, event(0), at(100)).size(), 1'000U + 100U);
}

}  // namespace
}  // namespace wavs::aggregator
