// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/live_check.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

// Without heads for two block times, or this long, the newest blocks are looked at, too.
constexpr auto kLeastQuiet = std::chrono::seconds(1);
// In one question.
constexpr std::uint64_t kMostBlocks = 2'000;

}  // namespace

void LiveCheck::start(const chain_evm::LogFilter& filter, std::uint64_t checked_to) {
    running_ = true;
    query_ = chain_evm::BloomQuery(filter);
    checked_to_ = asked_to_ = checked_to;
    may_match_.clear();
}

void LiveCheck::on_head(const chain_evm::BlockHeader& header, base::SteadyTime now) {
    if (header.number > head_) {
        // A rough mean will do.
        block_time_ = head_ == 0 ? block_time_ : (3 * block_time_ + (now - head_at_)) / 4;
        head_ = header.number;
        head_at_ = now;
    }
    if (running_ && header.number > checked_to_) {
        may_match_[header.number] = !header.logs_bloom || query_.may_match(*header.logs_bloom);
    }
}

void LiveCheck::on_log(std::uint64_t block) {
    const auto found = may_match_.find(block);
    blooms_lie_ = blooms_lie_ || (found != may_match_.end() && !found->second);
}

bool LiveCheck::excluded(std::uint64_t block) const {
    const auto found = may_match_.find(block);
    return found != may_match_.end() && !found->second && !blooms_lie_ &&
           block - asked_to_ <= kBelieve;
}

std::optional<BlockRange> LiveCheck::due(std::uint64_t settled, base::SteadyTime now) {
    if (!running_) {
        return std::nullopt;
    }
    while (checked_to_ < settled && excluded(checked_to_ + 1)) {
        may_match_.erase(++checked_to_);
    }
    if (asked_at_ && now - *asked_at_ < kPause) {
        return std::nullopt;
    }
    if (checked_to_ < settled) {
        // What the headers excluded since the last question is in it, too: it costs nothing more.
        const auto from = asked_to_ + 1;
        return BlockRange{from, std::min(settled, from + kMostBlocks - 1)};
    }
    const auto quiet = std::max<base::Duration>(kLeastQuiet, 2 * block_time_);
    if (looked_to_ < head_ && now - head_at_ >= quiet && !all_excluded()) {
        return BlockRange{checked_to_ + 1, head_};
    }
    return std::nullopt;
}

bool LiveCheck::all_excluded() const {
    for (auto block = checked_to_ + 1; block <= head_; ++block) {
        if (!excluded(block)) {
            return false;
        }
    }
    return true;
}

void LiveCheck::asked(BlockRange range, std::uint64_t settled, base::SteadyTime now) {
    tried(now);
    looked_to_ = std::max(looked_to_, range.to);
    const auto done = std::min(range.to, settled);
    if (done <= checked_to_) {
        return;
    }
    checked_to_ = asked_to_ = done;
    may_match_.erase(may_match_.begin(), may_match_.upper_bound(done));
}

}  // namespace wavs::triggers
