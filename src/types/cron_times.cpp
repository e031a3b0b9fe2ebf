// SPDX-License-Identifier: Apache-2.0
// When a cron schedule matches.
#include "wavs/types/cron.hpp"

#include <algorithm>
#include <chrono>

namespace wavs::types {
namespace {

using base::WallTime;

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
constexpr std::uint32_t kSecondsPerDay = 86'400;

/// A second as day since 1970 and second of that day.
struct Second {
    std::uint32_t day;
    std::uint32_t second;

    static Second of(std::uint64_t seconds) {
        return {static_cast<std::uint32_t>(seconds / kSecondsPerDay),
                static_cast<std::uint32_t>(seconds % kSecondsPerDay)};
    }
    WallTime time() const {
        return {(std::uint64_t{day} * kSecondsPerDay + second) * kNanosPerSecond};
    }
};

/// The first member of `set` from `from` on.
template <std::size_t N>
std::optional<std::size_t> first_from(const std::bitset<N>& set, std::size_t from) {
    for (std::size_t value = from; value < N; ++value) {
        if (set.test(value)) {
            return value;
        }
    }
    return std::nullopt;
}

template <std::size_t N>
std::uint64_t count_below(const std::bitset<N>& set, std::size_t end) {
    std::uint64_t count = 0;
    for (std::size_t value = 0; value < end; ++value) {
        count += set.test(value) ? 1 : 0;
    }
    return count;
}

/// The first matching second of a day that is not before `from`.
std::optional<std::uint32_t> first_time(const CronSchedule& schedule, std::uint32_t from) {
    const std::size_t hour = from / 3600;
    const std::size_t minute = from / 60 % 60;
    for (auto h = first_from(schedule.hours, hour); h; h = first_from(schedule.hours, *h + 1)) {
        const bool same_hour = *h == hour;
        for (auto m = first_from(schedule.minutes, same_hour ? minute : 0); m;
             m = first_from(schedule.minutes, *m + 1)) {
            const bool same_minute = same_hour && *m == minute;
            if (const auto s = first_from(schedule.seconds, same_minute ? from % 60 : 0)) {
                return static_cast<std::uint32_t>(*h * 3600 + *m * 60 + *s);
            }
        }
    }
    return std::nullopt;
}

/// How many seconds of a day match that are before `end`.
std::uint64_t times_before(const CronSchedule& schedule, std::uint32_t end) {
    const auto seconds = schedule.seconds.count();
    const auto minutes = schedule.minutes.count();
    if (end == kSecondsPerDay) {
        return schedule.hours.count() * minutes * seconds;
    }
    const std::size_t hour = end / 3600;
    const std::size_t minute = end / 60 % 60;
    auto count = count_below(schedule.hours, hour) * minutes * seconds;
    if (schedule.hours.test(hour)) {
        count += count_below(schedule.minutes, minute) * seconds;
        if (schedule.minutes.test(minute)) {
            count += count_below(schedule.seconds, end % 60);
        }
    }
    return count;
}

/// The first matching day that is not before `from`: year by year, month by month, day by day.
std::optional<std::uint32_t> first_day(const CronSchedule& schedule, std::uint32_t from) {
    using namespace std::chrono;
    const year_month_day start{sys_days{days{from}}};
    const auto start_year = static_cast<std::size_t>(static_cast<int>(start.year()));
    const auto years_from = start_year - CronSchedule::kFirstYear;
    for (auto y = first_from(schedule.years, years_from); y;
         y = first_from(schedule.years, *y + 1)) {
        const year in_year(static_cast<int>(*y + CronSchedule::kFirstYear));
        const bool same_year = in_year == start.year();
        const std::size_t first_month = same_year ? static_cast<unsigned>(start.month()) : 1;
        for (auto m = first_from(schedule.months, first_month); m;
             m = first_from(schedule.months, *m + 1)) {
            const year_month month_of = in_year / month(static_cast<unsigned>(*m));
            const bool same_month = same_year && month_of.month() == start.month();
            const std::size_t last = static_cast<unsigned>((month_of / std::chrono::last).day());
            for (auto d = first_from(schedule.days_of_month,
                                     same_month ? static_cast<unsigned>(start.day()) : 1);
                 d && *d <= last; d = first_from(schedule.days_of_month, *d + 1)) {
                const sys_days one(month_of / day(static_cast<unsigned>(*d)));
                // Sunday is 0 there and 1 here.
                if (schedule.days_of_week.test(weekday(one).c_encoding() + 1)) {
                    return static_cast<std::uint32_t>(one.time_since_epoch().count());
                }
            }
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<WallTime> CronSchedule::next_after(WallTime moment) const {
    const auto from = Second::of(moment.seconds() + 1);
    auto day = first_day(*this, from.day);
    auto second = first_time(*this, day == from.day ? from.second : 0);
    if (day == from.day && !second) {
        day = first_day(*this, from.day + 1);
        second = first_time(*this, 0);
    }
    if (!day || !second) {
        return std::nullopt;
    }
    return Second{*day, *second}.time();
}

std::uint64_t CronSchedule::count(WallTime after, WallTime until) const {
    if (until <= after) {
        return 0;
    }
    const auto from = Second::of(after.seconds());
    const auto to = Second::of(until.seconds());
    std::uint64_t total = 0;
    for (auto day = first_day(*this, from.day); day && *day <= to.day;
         day = first_day(*this, *day + 1)) {
        total += times_before(*this, *day == to.day ? to.second + 1 : kSecondsPerDay);
        total -= *day == from.day ? times_before(*this, from.second + 1) : 0;
    }
    return total;
}

}  // namespace wavs::types
