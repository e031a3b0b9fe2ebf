// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/block_hashes.hpp"

#include <gtest/gtest.h>

namespace wavs::triggers {
namespace {

using Fit = BlockHashes::Fit;

types::Bytes32 hash(std::uint8_t fill) {
    types::Bytes32 out;
    out.array().fill(fill);
    return out;
}
chain_evm::BlockHeader header(std::uint64_t number, std::uint8_t own, std::uint8_t parent) {
    chain_evm::BlockHeader out;
    out.number = number;
    out.hash = hash(own);
    out.parent_hash = hash(parent);
    return out;
}
BlockHashes three() {
    BlockHashes out;
    out.add(10, hash(10));
    out.add(11, hash(11));
    out.add(12, hash(12));
    return out;
}

TEST(BlockHashes, a_head_follows_is_known_differs_or_says_nothing) {
    EXPECT_EQ(BlockHashes().fit(header(7, 7, 6)), Fit::Follows) << "nothing to compare with";
    const auto hashes = three();
    EXPECT_EQ(hashes.fit(header(13, 13, 12)), Fit::Follows);
    EXPECT_EQ(hashes.fit(header(13, 13, 99)), Fit::Differs) << "another parent";
    EXPECT_EQ(hashes.fit(header(12, 12, 11)), Fit::Known);
    EXPECT_EQ(hashes.fit(header(12, 99, 11)), Fit::Differs) << "another of the same number";
    EXPECT_EQ(hashes.fit(header(14, 14, 13)), Fit::Unlinked) << "one was skipped";
    EXPECT_EQ(hashes.fit(header(8, 8, 7)), Fit::Older);
    auto bare = header(13, 13, 12);
    bare.parent_hash.reset();
    EXPECT_EQ(hashes.fit(bare), Fit::Follows) << "a chain that does not say";
}

TEST(BlockHashes, what_a_log_named_is_compared_with_the_head) {
    auto hashes = three();
    EXPECT_EQ(hashes.fit(13, hash(13)), Fit::Unlinked);
    hashes.note(13, hash(13));
    EXPECT_EQ(hashes.fit(13, hash(13)), Fit::Known);
    EXPECT_EQ(hashes.fit(13, hash(99)), Fit::Differs);
    EXPECT_EQ(hashes.fit(header(13, 13, 12)), Fit::Follows);
    EXPECT_EQ(hashes.fit(header(13, 99, 12)), Fit::Differs);
    EXPECT_EQ(hashes.highest(), 13U);
    EXPECT_EQ(hashes.newest(), 12U);
    hashes.add(13, hash(13));
    EXPECT_TRUE(hashes.noted().empty());
    EXPECT_EQ(hashes.fit(9, hash(9)), Fit::Older);
}

TEST(BlockHashes, noted_blocks_become_known_when_the_chain_has_them) {
    auto hashes = three();
    hashes.note(14, hash(14));
    hashes.note(20, hash(20));
    hashes.confirm_noted(15);
    EXPECT_EQ(hashes.at(14), hash(14));
    EXPECT_EQ(hashes.noted().size(), 1U);
}

TEST(BlockHashes, dropping_takes_both_kinds) {
    auto hashes = three();
    hashes.note(14, hash(14));
    hashes.drop(12);
    EXPECT_EQ(hashes.highest(), 11U);
    EXPECT_EQ(hashes.fit(header(12, 99, 11)), Fit::Follows);
}

TEST(BlockHashes, the_newest_256_stay) {
    BlockHashes hashes;
    for (std::uint64_t number = 1; number <= 300; ++number) {
        hashes.add(number, hash(static_cast<std::uint8_t>(number)));
        hashes.note(1'000 + number, hash(1));
    }
    EXPECT_EQ(hashes.known().size(), BlockHashes::kMost);
    EXPECT_EQ(hashes.known().begin()->first, 45U);
    EXPECT_EQ(hashes.noted().size(), BlockHashes::kMost);
}

TEST(BlockHashes, stored_form_round_trips_and_survives_any_bytes) {
    auto hashes = three();
    hashes.note(14, hash(14));
    const auto bytes = hashes.encode();
    EXPECT_EQ(BlockHashes::decode(bytes).value(), hashes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(BlockHashes::decode(base::ByteView(bytes).first(size)).has_value());
    }
    auto newer = bytes;
    newer[0] = 2;
    EXPECT_EQ(BlockHashes::decode(newer).error().code(), base::ErrorCode("block_hashes_record"));
}

}  // namespace
}  // namespace wavs::triggers
