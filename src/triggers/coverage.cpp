// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/coverage.hpp"

#include "wavs/types/codec.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

constexpr std::uint8_t kVersion = 1;

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

template <typename Fixed>
Fixed read_fixed(types::Decoder& in) {
    Fixed out;
    const auto bytes = in.fixed(Fixed::size());
    if (bytes.size() == Fixed::size()) {
        std::copy(bytes.begin(), bytes.end(), out.array().begin());
    }
    return out;
}

}  // namespace

void Coverage::watch(const TriggerIndex::Pair& pair, std::uint64_t first) {
    pairs_.try_emplace(pair, first);
}

void Coverage::forget(const TriggerIndex::Pair& pair) {
    pairs_.erase(pair);
    ranges_.erase(pair);
}

std::optional<std::uint64_t> Coverage::first_block(const TriggerIndex::Pair& pair) const {
    const auto found = pairs_.find(pair);
    return found == pairs_.end() ? std::nullopt : std::optional(found->second);
}

void Coverage::add(BlockRange range) {
    for (const auto& [pair, first] : pairs_) {
        if (range.to >= first) {
            insert(ranges_[pair], {std::max(range.from, first), range.to});
        }
    }
}

std::optional<std::uint64_t> Coverage::missing_of(const TriggerIndex::Pair& pair,
                                                  std::uint64_t first, std::uint64_t head) const {
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

std::optional<std::uint64_t> Coverage::first_missing(std::uint64_t head) const {
    std::optional<std::uint64_t> lowest;
    for (const auto& [pair, first] : pairs_) {
        const auto missing = missing_of(pair, first, head);
        if (missing && (!lowest || *missing < *lowest)) {
            lowest = missing;
        }
    }
    return lowest;
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
    return std::move(out).take();
}

base::Result<Coverage> Coverage::decode(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    Coverage coverage;
    const auto pairs = in.number();
    for (std::uint64_t i = 0; i < pairs && !in.failed(); ++i) {
        const auto address = read_fixed<types::EvmAddress>(in);
        const TriggerIndex::Pair pair(address, read_fixed<types::Bytes32>(in));
        coverage.pairs_[pair] = in.number();
        const auto ranges = in.number();
        for (std::uint64_t k = 0; k < ranges && !in.failed(); ++k) {
            const auto from = in.number();
            coverage.ranges_[pair].push_back({from, in.number()});
        }
    }
    if (version != kVersion || !in.at_end()) {
        return base::Error(
            base::ErrorKind::Unsupported, "coverage_record",
            fmt::format("the stored coverage of a chain has form {}, or is damaged; this build "
                        "knows form {}",
                        version, kVersion),
            "use the build that wrote it, or restore the data directory");
    }
    return coverage;
}

}  // namespace wavs::triggers
