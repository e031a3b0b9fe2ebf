// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"

#include <mutex>

namespace wavs::base::testing {

/// A clock that moves only when told to. Thread-safe.
class FakeClock final : public Clock {
public:
    explicit FakeClock(WallTime start = WallTime{1'700'000'000'000'000'000ULL}) : wall_(start) {}

    WallTime wall_now() const override {
        const std::lock_guard lock(mutex_);
        return wall_;
    }
    SteadyTime steady_now() const override {
        const std::lock_guard lock(mutex_);
        return steady_;
    }
    void advance(std::chrono::nanoseconds by) {
        const std::lock_guard lock(mutex_);
        wall_.nanos += static_cast<std::uint64_t>(by.count());
        steady_ += std::chrono::duration_cast<Duration>(by);
    }
    /// Moves the wall clock alone, as an operator or NTP does.
    void jump_wall(WallTime to) {
        const std::lock_guard lock(mutex_);
        wall_ = to;
    }

private:
    mutable std::mutex mutex_;
    WallTime wall_;
    SteadyTime steady_{std::chrono::hours(1)};
};

}  // namespace wavs::base::testing
