// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace wavs::base {

/// Nanoseconds since the Unix epoch, the protocol's unit for time stamps.
struct WallTime {
    std::uint64_t nanos = 0;

    std::uint64_t seconds() const { return nanos / 1'000'000'000; }
    std::uint64_t millis() const { return nanos / 1'000'000; }
    friend auto operator<=>(const WallTime&, const WallTime&) = default;
};

using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

/// The node's only source of time. Injected everywhere, so that tests and the simulator decide what
/// time it is. Thread-safe; owned by `app`.
class Clock {
public:
    virtual ~Clock() = default;
    virtual WallTime wall_now() const = 0;
    virtual SteadyTime steady_now() const = 0;
};

/// The machine's clocks.
class SystemClock final : public Clock {
public:
    WallTime wall_now() const override;
    SteadyTime steady_now() const override;
};

}  // namespace wavs::base
