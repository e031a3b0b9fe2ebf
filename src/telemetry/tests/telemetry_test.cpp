// SPDX-License-Identifier: Apache-2.0
#include "wavs/telemetry/log.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

namespace wavs::telemetry {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Log, directives_choose_levels_by_target) {
    const testing::CapturedLog captured({"warn", "engine=debug"});
    log_info("http", "not shown");
    log_debug("engine", "shown");
    log_error("http", "shown too", {{"chain", "evm:1"}, {"n", 3}});
    EXPECT_EQ(captured.lines(),
              (std::vector<std::string>{"T debug engine: shown",
                                        "T error http: shown too chain=evm:1 n=3"}));
}

TEST(Log, bad_directive_is_named) {
    EXPECT_EQ(check_log_directive("loud").error().message(), "cannot read log directive \"loud\"");
    EXPECT_FALSE(check_log_directive("=info").has_value());
    EXPECT_TRUE(check_log_directive("p2p=trace").has_value());
}

TEST(Log, foreign_text_cannot_forge_a_line_or_break_json) {
    const Field field("k", "a\n2026 error forged");
    const Record record{Level::Info, "engine", "x\"\n\x1b[31m", {&field, 1}};
    const auto text = format_record(record, LogFormat::Text, "T");
    EXPECT_THAT(text, Not(HasSubstr("\n")));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_EQ(format_record(record, LogFormat::Json, "T"),
              "{\"time\":\"T\",\"level\":\"info\",\"target\":\"engine\","
              "\"message\":\"x\\\"\\u000a\\u001b[31m\",\"k\":\"a\\u000a2026 error forged\"}");
}

TEST(Log, failure_carries_code_and_remedy) {
    const testing::CapturedLog captured;
    log_failure(
        Level::Warn, "http", "cannot start",
        base::Error(base::ErrorKind::Conflict, "port_taken", "port 8000 is taken", "use another"));
    EXPECT_EQ(captured.lines().at(0),
              "T warn  http: cannot start: port 8000 is taken (use another) code=port_taken");
}

TEST(Metrics, same_name_same_series_and_render) {
    Metrics metrics;
    metrics.counter("wavs_runs_total", "Runs", {{"service", "a"}}).add();
    metrics.counter("wavs_runs_total", "Runs", {{"service", "a"}}).add(2);
    const auto depth = metrics.gauge("wavs_queue_depth", "Depth");
    metrics.on_render([depth] { depth.set(7); });
    metrics.histogram("wavs_seconds", "S", {0.1, 1}).observe(0.5);
    const auto page = metrics.render();
    EXPECT_THAT(page, HasSubstr("wavs_runs_total{service=\"a\"} 3"));
    EXPECT_THAT(page, HasSubstr("wavs_queue_depth 7"));
    EXPECT_THAT(page, HasSubstr("wavs_seconds_count 1"));
}

}  // namespace
}  // namespace wavs::telemetry
