// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/posting_order.hpp"

#include "wavs/base/bytes.hpp"
#include "wavs/hash/hash.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

constexpr std::uint64_t kActiveNanos = 60'000'000'000ULL;
constexpr std::uint64_t kSettledNanos = 2'000'000'000ULL;
constexpr std::size_t kEventsThatCount = 3;
// More than those that count: several events are under way at the same time.
constexpr std::size_t kEventsKept = 32;
constexpr std::size_t kMostSigners = 1'000;
constexpr std::uint64_t kFullBlocks = 8;

auto order_of(const types::EventId& event, const types::EvmAddress& signer) {
    base::Bytes text = base::to_bytes(event.view());
    base::append(text, signer.view());
    return hash::keccak256(text);
}

}  // namespace

std::size_t posting_rank(const types::EventId& event, const types::EvmAddress& own,
                         const Signers& signed_by, const Signers& expected) {
    Signers all = signed_by;
    all.insert(expected.begin(), expected.end());
    all.erase(own);
    if (!signed_by.contains(own)) {
        return all.size();
    }
    const auto ours = order_of(event, own);
    return static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [&](const auto& one) { return order_of(event, one) < ours; }));
}

std::uint64_t blocks_that_count(std::uint64_t with_room, std::uint64_t full) {
    return with_room + full / kFullBlocks;
}

void ActiveSigners::saw(const types::ServiceId& service, const types::EventId& event,
                        const types::EvmAddress& signer, types::Timestamp now) {
    const std::lock_guard lock(mutex_);
    const auto [found, is_new] = services_.try_emplace(service);
    auto& seen = found->second;
    if (is_new) {
        seen.first = event;
        seen.since = now;
    }
    if (seen.last.size() >= kMostSigners && !seen.last.contains(signer)) {
        seen.last.erase(
            std::min_element(seen.last.begin(), seen.last.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; }));
    }
    seen.last[signer] = now;
    auto at = std::find_if(seen.events.begin(), seen.events.end(),
                           [&](const auto& one) { return one.event == event; });
    if (at == seen.events.end()) {
        seen.events.push_back({event, {}});
        at = std::prev(seen.events.end());
    }
    at->signers.insert(signer);
    if (seen.events.size() > kEventsKept) {
        seen.events.pop_front();
    }
}

Signers ActiveSigners::expected(const types::ServiceId& service, const types::EventId& event,
                                types::Timestamp now) const {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    Signers out;
    if (found == services_.end()) {
        return out;
    }
    for (const auto& [signer, last] : found->second.last) {
        if (last.nanos + kActiveNanos > now.nanos) {
            out.insert(signer);
        }
    }
    std::size_t left = kEventsThatCount;
    const auto& events = found->second.events;
    for (auto one = events.rbegin(); one != events.rend() && left > 0; ++one) {
        if (one->event != event) {
            out.insert(one->signers.begin(), one->signers.end());
            --left;
        }
    }
    return out;
}

bool ActiveSigners::knows_habits(const types::ServiceId& service, const types::EventId& event,
                                 types::Timestamp now) const {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    return found != services_.end() && found->second.first != event &&
           found->second.since.nanos + kSettledNanos < now.nanos;
}

void ActiveSigners::forget(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    services_.erase(service);
}

}  // namespace wavs::aggregator
