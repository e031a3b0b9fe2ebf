// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/cron.hpp"

#include "wavs/base/random.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace wavs::types {
namespace {

TEST(Cron, accepts_and_refuses_what_other_nodes_do) {
    const std::string text = vector_file("cron_expressions.json");
    const auto document = must(json::Document::parse(text));
    std::size_t count = 0;
    for (const json::Value one : document.root().find("accepted")->items()) {
        const auto schedule = CronSchedule::parse(one.text());
        EXPECT_TRUE(schedule.has_value())
            << one.text() << ": " << (schedule.has_value() ? "" : schedule.error().message());
        ++count;
    }
    for (const json::Value one : document.root().find("rejected")->items()) {
        EXPECT_FALSE(CronSchedule::parse(text_at(one, "schedule")).has_value())
            << text_at(one, "schedule");
        ++count;
    }
    EXPECT_EQ(count, 104U);
}

TEST(Cron, sets_hold_the_values) {
    const auto schedule =
        must(CronSchedule::parse("5/15 10-20/2 0 ? Jan-MAR,12 mon-FRI/2 2024,2026"));
    EXPECT_EQ(schedule.seconds.count(), 4U);
    EXPECT_TRUE(schedule.seconds.test(50));
    EXPECT_EQ(schedule.minutes.count(), 6U);
    EXPECT_EQ(schedule.hours.count(), 1U);
    EXPECT_EQ(schedule.days_of_month.count(), 31U);
    EXPECT_FALSE(schedule.days_of_month.test(0));
    EXPECT_EQ(schedule.months.count(), 4U);
    EXPECT_TRUE(schedule.days_of_week.test(2));
    EXPECT_TRUE(schedule.days_of_week.test(6));
    EXPECT_EQ(schedule.days_of_week.count(), 3U);
    EXPECT_EQ(schedule.years.count(), 2U);
    EXPECT_TRUE(schedule.years.test(2026 - CronSchedule::kFirstYear));
}

TEST(Cron, six_fields_mean_every_year) {
    EXPECT_TRUE(must(CronSchedule::parse("* * * * * *")).years.all());
    EXPECT_EQ(must(CronSchedule::parse("******")), must(CronSchedule::parse("* * * * * *")));
}

TEST(Cron, shorthands) {
    EXPECT_EQ(must(CronSchedule::parse(" @weekly ")), must(CronSchedule::parse("0 0 0 * * sun")));
    EXPECT_EQ(must(CronSchedule::parse("@yearly")), must(CronSchedule::parse("0 0 0 1 jan *")));
    EXPECT_EQ(must(CronSchedule::parse("@hourly")), must(CronSchedule::parse("0 0 * * * *")));
}

TEST(Cron, errors_name_field_text_and_column) {
    const auto message = [](std::string_view text) {
        return CronSchedule::parse(text).error().message();
    };
    EXPECT_EQ(message("60 * * * * *"), "seconds: 60 is not between 0 and 59 at column 1");
    EXPECT_EQ(message("* * * * BEAR *"), "months: 'BEAR' is not a name of one at column 9");
    EXPECT_EQ(message("* * * * *"),
              "6 or 7 fields are expected, days of week are missing at column 10");
    EXPECT_EQ(message("* * * * * * * *"), "nothing may follow the years at column 15");
    EXPECT_EQ(message("50-10 * * * * *"),
              "seconds: the range 50-10 ends before it starts at column 1");
    EXPECT_EQ(message("99999999999999999999999 * * * * *"),
              "seconds: 99999999999999999999999 is not between 0 and 59 at column 1");
}

/// The moment a text such as "2024-02-29 12:00:00" names, by the C library.
base::WallTime moment(std::string_view text) {
    std::tm parts{};
    const auto* end = strptime(std::string(text).c_str(), "%Y-%m-%d %H:%M:%S", &parts);
    EXPECT_NE(end, nullptr) << text;
    return {static_cast<std::uint64_t>(timegm(&parts)) * 1'000'000'000};
}
std::string text_of(std::optional<base::WallTime> when) {
    if (!when) {
        return "never";
    }
    EXPECT_EQ(when->nanos % 1'000'000'000, 0U) << "a whole second";
    const auto seconds = static_cast<std::time_t>(when->seconds());
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    std::array<char, 32> out{};
    return {out.data(), std::strftime(out.data(), out.size(), "%Y-%m-%d %H:%M:%S", &parts)};
}
std::string next(std::string_view schedule, std::string_view after) {
    return text_of(must(CronSchedule::parse(schedule)).next_after(moment(after)));
}

TEST(CronTimes, the_next_second_is_strictly_later) {
    const auto each = must(CronSchedule::parse("* * * * * *"));
    const auto noon = moment("2026-01-15 12:00:00");
    EXPECT_EQ(text_of(each.next_after(noon)), "2026-01-15 12:00:01");
    EXPECT_EQ(text_of(each.next_after({noon.nanos - 1})), "2026-01-15 12:00:00");
    EXPECT_EQ(text_of(each.next_after({noon.nanos + 999'999'999})), "2026-01-15 12:00:01")
        << "parts of a second do not count";
}

TEST(CronTimes, vectors) {
    EXPECT_EQ(next("0 */5 * * * *", "2026-01-15 12:00:00"), "2026-01-15 12:05:00");
    EXPECT_EQ(next("0 0 12 * * *", "2026-01-15 12:00:00"), "2026-01-16 12:00:00");
    EXPECT_EQ(next("0 0 0 * * 7", "2026-01-15 12:00:00"), "2026-01-17 00:00:00") << "Saturday";
    EXPECT_EQ(next("@weekly", "2026-01-15 12:00:00"), "2026-01-18 00:00:00") << "Sunday";
    EXPECT_EQ(next("@monthly", "2026-01-31 23:59:59"), "2026-02-01 00:00:00");
    EXPECT_EQ(next("@yearly", "2026-01-01 00:00:00"), "2027-01-01 00:00:00");
    EXPECT_EQ(next("@hourly", "2026-12-31 23:00:00"), "2027-01-01 00:00:00");
    EXPECT_EQ(next("0 0 12 * * MON-FRI", "2026-01-16 12:00:00"), "2026-01-19 12:00:00");
    EXPECT_EQ(next("0,20,40 * * * * *", "2026-01-15 12:59:40"), "2026-01-15 13:00:00");
    EXPECT_EQ(next("0-5,58 * * * * *", "2026-01-15 23:59:58"), "2026-01-16 00:00:00");
    EXPECT_EQ(next("10-20/2 * * ? * ?", "2026-01-15 12:00:12"), "2026-01-15 12:00:14");
    EXPECT_EQ(next("30 59 23 * * *", "2026-01-15 23:59:30"), "2026-01-16 23:59:30");
}

TEST(CronTimes, month_ends_and_leap_years) {
    EXPECT_EQ(next("0 0 0 31 * *", "2026-01-31 00:00:00"), "2026-03-31 00:00:00");
    EXPECT_EQ(next("0 0 0 30 * *", "2026-01-30 00:00:00"), "2026-03-30 00:00:00");
    EXPECT_EQ(next("0 0 0 29 2 *", "2024-02-29 00:00:00"), "2028-02-29 00:00:00");
    EXPECT_EQ(next("0 0 0 29 2 *", "2096-02-29 00:00:00"), "never") << "2100 has none";
    EXPECT_EQ(next("59 59 23 28 2 *", "2024-02-28 23:59:59"), "2025-02-28 23:59:59");
    EXPECT_EQ(next("0 0 0 * 3 *", "2024-02-29 12:00:00"), "2024-03-01 00:00:00");
}

TEST(CronTimes, a_day_is_in_both_day_fields) {
    EXPECT_EQ(next("0 0 0 13 * FRI", "2026-01-01 00:00:00"), "2026-02-13 00:00:00");
    EXPECT_EQ(next("0 0 0 29 2 MON", "2024-03-01 00:00:00"), "2044-02-29 00:00:00");
}

TEST(CronTimes, years) {
    EXPECT_EQ(next("0 0 0 * * * 2030-2040", "2026-01-15 12:00:00"), "2030-01-01 00:00:00");
    EXPECT_EQ(next("0 0 0 * * * 2030", "2030-12-31 00:00:00"), "never");
    EXPECT_EQ(next("0 0 0 1 1 * 1970", "2026-01-15 12:00:00"), "never");
    EXPECT_EQ(next("* * * * * *", "2100-12-31 23:59:58"), "2100-12-31 23:59:59");
    EXPECT_EQ(next("* * * * * *", "2100-12-31 23:59:59"), "never");
    EXPECT_EQ(text_of(must(CronSchedule::parse("* * * * * *")).next_after({UINT64_MAX})), "never");
    EXPECT_EQ(text_of(CronSchedule().next_after({})), "never") << "empty sets";
}

TEST(CronTimes, what_never_matches_is_told_quickly) {
    const auto never = must(CronSchedule::parse("* * * 30 2 *"));
    const auto start = std::clock();
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_EQ(never.next_after({}), std::nullopt);
    }
    EXPECT_LT(std::clock() - start, 5 * CLOCKS_PER_SEC) << "second by second takes hours";
}

/// Some members of first..last, as a cron field.
std::string random_field(base::SeededRandom& random, unsigned first, unsigned last) {
    const auto below = [&random](unsigned end) {
        return static_cast<unsigned>(random.next() % end);
    };
    const auto from = first + below(last - first + 1);
    switch (below(4)) {
        case 0:
            return "*";
        case 1:
            return fmt::format("{}", from);
        case 2:
            return fmt::format("{}/{}", from, 1 + below(last));
        default:
            return fmt::format("{},{}-{}", first + below(last - first + 1), from,
                               from + below(last - from + 1));
    }
}

bool matches(const CronSchedule& schedule, std::uint64_t second) {
    const auto seconds = static_cast<std::time_t>(second);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const auto at = [](int value) { return static_cast<std::size_t>(value); };
    const auto year = at(parts.tm_year + 1900);
    return schedule.seconds.test(at(parts.tm_sec)) && schedule.minutes.test(at(parts.tm_min)) &&
           schedule.hours.test(at(parts.tm_hour)) &&
           schedule.days_of_month.test(at(parts.tm_mday)) &&
           schedule.months.test(at(parts.tm_mon + 1)) &&
           schedule.days_of_week.test(at(parts.tm_wday + 1)) && year <= CronSchedule::kLastYear &&
           schedule.years.test(year - CronSchedule::kFirstYear);
}

TEST(CronTimes, agree_with_a_search_second_by_second) {
    const auto seed = base::SeededRandom::entropy_seed();
    SCOPED_TRACE(fmt::format("seed {}", seed));
    base::SeededRandom random(seed);
    constexpr std::uint64_t kFirst = 1'700'000'000;
    constexpr std::uint64_t kSpan = 40'000;
    for (int round = 0; round < 60; ++round) {
        const auto text = fmt::format(
            "{} {} {} {} {} {} {}", random_field(random, 0, 59), random_field(random, 0, 59),
            random_field(random, 0, 23), round % 2 == 0 ? "*" : random_field(random, 1, 31),
            round % 2 == 0 ? "*" : random_field(random, 1, 12), random_field(random, 1, 7),
            round % 3 == 0 ? "1970-2060" : "*");
        const auto schedule = must(CronSchedule::parse(text));
        const auto start = kFirst + random.next() % 2'000'000'000;
        const auto at = [](std::uint64_t second) { return base::WallTime{second * 1'000'000'000}; };
        auto expected = schedule.next_after(at(start));
        std::uint64_t found = 0;
        for (auto second = start + 1; second <= start + kSpan; ++second) {
            if (!matches(schedule, second)) {
                continue;
            }
            ++found;
            ASSERT_EQ(text_of(expected), text_of(at(second))) << text << " after " << start;
            expected = schedule.next_after(at(second));
        }
        EXPECT_TRUE(!expected || expected->seconds() > start + kSpan) << text << " after " << start;
        EXPECT_EQ(schedule.count(at(start), at(start + kSpan)), found)
            << text << " after " << start;
    }
}

TEST(CronTimes, counting_agrees_with_going_from_one_to_the_next) {
    const auto schedule = must(CronSchedule::parse("7 */20 3-5 29,31 * *"));
    const auto from = moment("2023-12-31 03:40:07");
    const auto until = moment("2028-03-31 05:00:07");
    std::uint64_t steps = 0;
    for (auto one = schedule.next_after(from); one && *one <= until;
         one = schedule.next_after(*one)) {
        ++steps;
    }
    EXPECT_GT(steps, 500U);
    EXPECT_EQ(schedule.count(from, until), steps);
    EXPECT_EQ(schedule.count(until, from), 0U);
    EXPECT_EQ(schedule.count(until, until), 0U);
}

}  // namespace
}  // namespace wavs::types
