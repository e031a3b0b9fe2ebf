// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <cstdint>
#include <functional>
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

/// Which blocks have been read for each watched pair of address and topic, from which block on a
/// pair is watched at all, and from which moment on each workflow wants its pair. What lies between
/// is a gap that has to be read. The stored form is in docs/protocol/02-records.md.
class Coverage {
public:
    using Pair = TriggerIndex::Pair;
    using Workflow = std::pair<types::ServiceId, types::WorkflowId>;

    /// Starts watching `pair` at `first`. A pair that is watched already is watched from the lower
    /// of the two blocks.
    void watch(const Pair& pair, std::uint64_t first);
    void keep_pairs(const std::set<Pair>& wanted);
    bool watched(const Pair& pair) const { return pairs_.contains(pair); }
    std::optional<std::uint64_t> first_block(const Pair& pair) const;

    /// The workflow wants what happens after `after`; blocks from there on count as unread.
    void start(const Workflow& workflow, const Pair& pair, types::ChainPosition after);
    /// None when the workflow has not been started for this pair.
    std::optional<types::ChainPosition> started(const Workflow& workflow, const Pair& pair) const;
    /// As `start()` at the first block of a watched pair, without unreading anything.
    void adopt(const Workflow& workflow, const Pair& pair);
    void keep_workflows(const std::function<bool(const Workflow&, const Pair&)>& wanted);

    /// Blocks from `from` on have to be read (again).
    void unread(const Pair& pair, std::uint64_t from);
    /// No block from there on counts as read, until the next call.
    void set_holds(std::map<Pair, std::uint64_t> holds) { holds_ = std::move(holds); }
    /// [from, to] has been read for every pair of the filter.
    void add(const chain_evm::LogFilter& filter, BlockRange range);

    /// The lowest block up to `head` that is missing for some pair of the filter.
    std::optional<std::uint64_t> first_missing(const chain_evm::LogFilter& filter,
                                               std::uint64_t head) const;
    /// The lowest block that has not been read for this pair; none when it is not watched.
    std::optional<std::uint64_t> first_unread(const Pair& pair) const;
    /// Blocks up to `head` that are missing, of the pair that misses most.
    std::uint64_t gap_blocks(std::uint64_t head) const;
    /// Highest block that has been read for some pair; 0 when none has.
    std::uint64_t highest() const;
    const std::map<Pair, std::vector<BlockRange>>& ranges() const { return ranges_; }
    /// Read from the first stored form, which had no workflows: every workflow of a watched pair
    /// had been started.
    bool lacks_workflows() const { return lacks_workflows_; }
    void complete_workflows() { lacks_workflows_ = false; }

    base::Bytes encode() const;
    static base::Result<Coverage> decode(base::ByteView data);
    friend bool operator==(const Coverage&, const Coverage&) = default;

private:
    std::optional<std::uint64_t> missing_of(const Pair& pair, std::uint64_t first,
                                            std::uint64_t head) const;

    struct Started {
        Pair pair;
        types::ChainPosition after;
        friend bool operator==(const Started&, const Started&) = default;
    };
    std::map<Pair, std::uint64_t> pairs_;
    std::map<Pair, std::vector<BlockRange>> ranges_;
    std::map<Workflow, Started> workflows_;
    std::map<Pair, std::uint64_t> holds_;
    bool lacks_workflows_ = false;
};

}  // namespace wavs::triggers
