// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/clock.hpp"

namespace wavs::base {

WallTime SystemClock::wall_now() const {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
    return WallTime{static_cast<std::uint64_t>(nanos)};
}

SteadyTime SystemClock::steady_now() const { return std::chrono::steady_clock::now(); }

}  // namespace wavs::base
