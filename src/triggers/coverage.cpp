// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/coverage.hpp"

#include "wavs/types/codec.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

constexpr std::uint8_t kVersion = 2;
// Without the moments the workflows were started at.
constexpr std::uint8_t kPairsOnly = 1;

// Keeps `ranges` ascending and apart: touching ones become one.
void insert(std::vector<BlockRange>& ranges, BlockRange range) {
    std::vector<BlockRange> out;
    for (const auto& one : ranges) {
        const bool before = one.to + 1 < range.from && one.to != UINT64_MAX;
        const bool after = range.to != UINT64_MAX && one.from > range.to + 1;
        if (before || after) {
            out.push_back(one);
        } else {
            range = {std::min(one.from, range.from), std::max(one.to, range.to)};
        }
    }
    out.push_back(range);
    std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.from < b.from; });
    ranges = std::move(out);
}

Coverage::Pair read_pair(types::Decoder& in) {
    const auto address = types::read_fixed<types::EvmAddress>(in);
    return {address, types::read_fixed<types::Bytes32>(in)};
}

bool in_filter(const chain_evm::LogFilter& filter, const Coverage::Pair& pair) {
    return std::binary_search(filter.addresses.begin(), filter.addresses.end(), pair.first) &&
           std::binary_search(filter.topics.begin(), filter.topics.end(), pair.second);
}

}  // namespace

void Coverage::watch(const Pair& pair, std::uint64_t first) {
    const auto [slot, fresh] = pairs_.try_emplace(pair, first);
    if (!fresh) {
        slot->second = std::min(slot->second, first);
    }
}

void Coverage::keep_pairs(const std::set<Pair>& wanted) {
    const auto gone = [&wanted](const auto& entry) { return !wanted.contains(entry.first); };
    std::erase_if(pairs_, gone);
    std::erase_if(ranges_, gone);
}

std::optional<std::uint64_t> Coverage::first_block(const Pair& pair) const {
    const auto found = pairs_.find(pair);
    return found == pairs_.end() ? std::nullopt : std::optional(found->second);
}

void Coverage::start(const Workflow& workflow, const Pair& pair, types::ChainPosition after) {
    watch(pair, after.next_block());
    unread(pair, after.next_block());
    workflows_[workflow] = {pair, after};
}

void Coverage::adopt(const Workflow& workflow, const Pair& pair) {
    const auto first = pairs_.at(pair);
    workflows_[workflow] = {
        pair, first == 0 ? types::ChainPosition() : types::ChainPosition::end_of(first - 1)};
}

std::optional<types::ChainPosition> Coverage::started(const Workflow& workflow,
                                                      const Pair& pair) const {
    const auto found = workflows_.find(workflow);
    if (found == workflows_.end() || found->second.pair != pair) {
        return std::nullopt;
    }
    return found->second.after;
}

void Coverage::keep_workflows(const std::function<bool(const Workflow&, const Pair&)>& wanted) {
    std::erase_if(workflows_,
                  [&](const auto& entry) { return !wanted(entry.first, entry.second.pair); });
}

void Coverage::unread(const Pair& pair, std::uint64_t from) {
    const auto found = ranges_.find(pair);
    if (found == ranges_.end()) {
        return;
    }
    std::erase_if(found->second, [from](const BlockRange& range) { return range.from >= from; });
    if (!found->second.empty() && found->second.back().to >= from) {
        found->second.back().to = from - 1;
    }
}

void Coverage::add(const chain_evm::LogFilter& filter, BlockRange range) {
    for (const auto& [pair, first] : pairs_) {
        const auto hold = holds_.find(pair);
        const auto end = hold == holds_.end()
                             ? range.to
                             : std::min(range.to, std::max<std::uint64_t>(hold->second, 1) - 1);
        const auto from = std::max(range.from, first);
        if (from <= end && in_filter(filter, pair)) {
            insert(ranges_[pair], {from, end});
        }
    }
}

std::optional<std::uint64_t> Coverage::missing_of(const Pair& pair, std::uint64_t first,
                                                  std::uint64_t head) const {
    std::uint64_t next = first;
    const auto found = ranges_.find(pair);
    if (found != ranges_.end()) {
        for (const auto& range : found->second) {
            if (range.from > next) {
                break;
            }
            next = std::max(next, range.to + 1);
        }
    }
    return next > head ? std::nullopt : std::optional(next);
}

std::optional<std::uint64_t> Coverage::first_missing(const chain_evm::LogFilter& filter,
                                                     std::uint64_t head) const {
    std::optional<std::uint64_t> lowest;
    for (const auto& [pair, first] : pairs_) {
        if (!in_filter(filter, pair)) {
            continue;
        }
        const auto missing = missing_of(pair, first, head);
        if (missing && (!lowest || *missing < *lowest)) {
            lowest = missing;
        }
    }
    return lowest;
}

std::optional<std::uint64_t> Coverage::first_unread(const Pair& pair) const {
    const auto first = first_block(pair);
    return first ? missing_of(pair, *first, UINT64_MAX) : std::nullopt;
}

std::uint64_t Coverage::gap_blocks(std::uint64_t head) const {
    std::uint64_t most = 0;
    for (const auto& [pair, first] : pairs_) {
        if (first > head) {
            continue;
        }
        std::uint64_t missing = head - first + 1;
        const auto found = ranges_.find(pair);
        if (found != ranges_.end()) {
            for (const auto& range : found->second) {
                missing -= range.from > head ? 0 : std::min(range.to, head) - range.from + 1;
            }
        }
        most = std::max(most, missing);
    }
    return most;
}

std::uint64_t Coverage::highest() const {
    std::uint64_t most = 0;
    for (const auto& [pair, ranges] : ranges_) {
        most = ranges.empty() ? most : std::max(most, ranges.back().to);
    }
    return most;
}

base::Bytes Coverage::encode() const {
    types::Encoder out;
    out.byte(kVersion);
    out.number(pairs_.size());
    for (const auto& [pair, first] : pairs_) {
        out.fixed(pair.first.view());
        out.fixed(pair.second.view());
        out.number(first);
        const auto found = ranges_.find(pair);
        const std::size_t count = found == ranges_.end() ? 0 : found->second.size();
        out.number(count);
        for (std::size_t i = 0; i < count; ++i) {
            out.number(found->second[i].from);
            out.number(found->second[i].to);
        }
    }
    out.number(workflows_.size());
    for (const auto& [workflow, started] : workflows_) {
        out.fixed(workflow.first.view());
        out.text(workflow.second.str());
        out.fixed(started.pair.first.view());
        out.fixed(started.pair.second.view());
        out.number(started.after.block);
        out.number(started.after.log_index);
    }
    return std::move(out).take();
}

base::Result<Coverage> Coverage::decode(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    Coverage coverage;
    const auto pairs = in.number();
    for (std::uint64_t i = 0; i < pairs && !in.failed(); ++i) {
        const Pair pair = read_pair(in);
        coverage.pairs_[pair] = in.number();
        const auto ranges = in.number();
        for (std::uint64_t k = 0; k < ranges && !in.failed(); ++k) {
            const auto from = in.number();
            coverage.ranges_[pair].push_back({from, in.number()});
        }
    }
    coverage.lacks_workflows_ = version == kPairsOnly;
    const auto workflows = version == kPairsOnly ? 0 : in.number();
    for (std::uint64_t i = 0; i < workflows && !in.failed(); ++i) {
        const auto service = types::read_fixed<types::ServiceId>(in);
        auto workflow = types::WorkflowId::parse(in.text());
        const Pair pair = read_pair(in);
        const auto block = in.number();
        const types::ChainPosition after{block, in.number()};
        if (!workflow.has_value()) {
            in.fail();
            break;
        }
        coverage.workflows_[{service, std::move(workflow.value())}] = {pair, after};
    }
    if ((version != kVersion && version != kPairsOnly) || !in.at_end()) {
        return types::unreadable_record("coverage_record", "the coverage of a chain", version,
                                        kVersion);
    }
    return coverage;
}

}  // namespace wavs::triggers
