// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/base/result.hpp"

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wavs::types {

/// A cron expression with seconds: docs/protocol/01-values.md 3.3. Each set has bit n set when the
/// value n matches; years start at `kFirstYear`. A day must be in both `days_of_month` and
/// `days_of_week`. Times are UTC.
struct CronSchedule {
    static constexpr std::size_t kFirstYear = 1970;
    static constexpr std::size_t kLastYear = 2100;

    std::bitset<60> seconds;
    std::bitset<60> minutes;
    std::bitset<24> hours;
    /// 1 to 31.
    std::bitset<32> days_of_month;
    /// 1 to 12.
    std::bitset<13> months;
    /// 1 is Sunday, 7 is Saturday.
    std::bitset<8> days_of_week;
    std::bitset<kLastYear - kFirstYear + 1> years;

    friend bool operator==(const CronSchedule&, const CronSchedule&) = default;

    /// Code `cron`; the message is one sentence that names the field, the text and its position.
    static base::Result<CronSchedule> parse(std::string_view text);

    /// The first whole second strictly after `moment` that matches; none when there is none up to
    /// the end of `kLastYear`. At most as many steps as there are days up to then, however rarely
    /// the schedule matches.
    std::optional<base::WallTime> next_after(base::WallTime moment) const;
    /// How many seconds match that are later than `after` and not later than `until`. Takes a step
    /// per day that matches.
    std::uint64_t count(base::WallTime after, base::WallTime until) const;
};

}  // namespace wavs::types
