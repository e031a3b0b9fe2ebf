// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace wavs::triggers {

/// A closed range of blocks.
struct BlockRange {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

/// Which blocks have been read for each watched pair of address and topic, and from which block on
/// a pair is watched at all. What lies between is a gap that has to be read. The stored form is in
/// docs/protocol/02-records.md.
class Coverage {
public:
    /// Starts watching `pair` at `first`; a pair that is watched already stays as it is.
    void watch(const TriggerIndex::Pair& pair, std::uint64_t first);
    void forget(const TriggerIndex::Pair& pair);
    bool watched(const TriggerIndex::Pair& pair) const { return pairs_.contains(pair); }
    std::optional<std::uint64_t> first_block(const TriggerIndex::Pair& pair) const;

    /// [from, to] has been read for every watched pair.
    void add(BlockRange range);

    /// The lowest block up to `head` that is missing for some pair; none when nothing is.
    std::optional<std::uint64_t> first_missing(std::uint64_t head) const;
    /// Blocks up to `head` that are missing, of the pair that misses most.
    std::uint64_t gap_blocks(std::uint64_t head) const;
    /// Highest block that has been read for some pair; 0 when none has.
    std::uint64_t highest() const;
    const std::map<TriggerIndex::Pair, std::vector<BlockRange>>& ranges() const { return ranges_; }

    base::Bytes encode() const;
    static base::Result<Coverage> decode(base::ByteView data);
    friend bool operator==(const Coverage&, const Coverage&) = default;

private:
    std::optional<std::uint64_t> missing_of(const TriggerIndex::Pair& pair, std::uint64_t first,
                                            std::uint64_t head) const;

    std::map<TriggerIndex::Pair, std::uint64_t> pairs_;
    std::map<TriggerIndex::Pair, std::vector<BlockRange>> ranges_;
};

}  // namespace wavs::triggers
