// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/cron.hpp"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace wavs::types
