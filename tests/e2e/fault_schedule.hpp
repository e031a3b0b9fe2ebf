// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::e2e {

/// What may go wrong between a node and its chain.
enum class Disturbance : std::uint8_t {
    Refuse,
    Drop,
    Silent,
    SilentThenDrop,
    Delay,
    SwallowHeads,
    SwallowLogs,
    Duplicate,
    Reorder,
    Truncate,
    RateLimit,
    WrongChain,
    RangeLimit,
    Lag,
    KillNode,
    RestartChain,
    Reorg,
    Revert,
};
std::string_view name_of(Disturbance what);

/// What happens to the events of replaced blocks. Results stay in any case, as in the pool of a
/// real chain.
enum class Reinclude : std::uint8_t { None, FirstHalf, All };

/// When blocks are replaced.
enum class Moment : std::uint8_t {
    Any,
    /// A replaced block has an event, a later one its result.
    AfterResults,
};

struct Step {
    enum class Kind : std::uint8_t {
        /// `amount` events, each in a transaction.
        Emit,
        /// `amount` events of one transaction.
        EmitTogether,
        /// `amount` blocks.
        Mine,
        Begin,
        /// Time passes for `pause`.
        Hold,
        /// What began is over: endpoints are well and the node runs.
        End,
    };
    Kind kind = Kind::Mine;
    std::uint64_t amount = 0;
    std::chrono::milliseconds pause{0};
    Disturbance what = Disturbance::Drop;
    /// Of those that the schedule has, where one is meant.
    std::size_t endpoint = 0;
    Reinclude reinclude = Reinclude::All;
    Moment moment = Moment::Any;
};
std::string to_string(const Step& step);

struct Schedule {
    std::uint64_t seed = 0;
    /// Proxies before the one chain.
    std::size_t endpoints = 1;
    std::vector<Step> steps;
};
/// The same for the same seed and list; as many seeds in a row as the list has items meet each.
Schedule make_schedule(std::uint64_t seed, const std::vector<Disturbance>& enabled);

}  // namespace wavs::e2e
