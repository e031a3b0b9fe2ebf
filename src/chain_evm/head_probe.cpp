// SPDX-License-Identifier: Apache-2.0
#include "head_probe.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kGaps = 32;
constexpr std::size_t kFewGaps = 3;

}  // namespace

base::Duration HeadProbe::block_time() const {
    if (gaps_.size() < kFewGaps) {
        return usual_;
    }
    auto gaps = gaps_;
    const auto middle = gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2);
    std::nth_element(gaps.begin(), middle, gaps.end());
    return *middle;
}

void HeadProbe::subscribed(base::SteadyTime now) {
    last_at_ = now;
    ask_at_ = now + std::max(tick_, block_time() * 3 / 2);
    missing_.reset();
}

void HeadProbe::on_head(std::uint64_t number, base::SteadyTime now) {
    if (newest_) {
        gaps_.push_back(now - last_at_);
        if (gaps_.size() > kGaps) {
            gaps_.pop_front();
        }
    }
    newest_ = std::max(newest_.value_or(0), number);
    subscribed(now);
    silent_ = 0;
}

bool HeadProbe::due(base::SteadyTime now) const { return now >= ask_at_; }

HeadProbe::Verdict HeadProbe::answered(std::uint64_t newest, base::SteadyTime now) {
    const bool first = !newest_;
    const auto known = newest_.value_or(newest);
    newest_ = known;
    if (newest <= known) {
        missing_.reset();
        ask_at_ = now + std::max(tick_, block_time() * 3 / 2);
        return first ? Verdict::Fine : Verdict::Quiet;
    }
    if (!missing_) {
        // It may be on its way.
        missing_ = newest;
        ask_at_ = now + tick_;
        return Verdict::Fine;
    }
    newest_ = newest;
    ++silent_;
    subscribed(now);
    return Verdict::Silent;
}

}  // namespace wavs::chain_evm
