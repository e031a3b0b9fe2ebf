// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/quarantine.hpp"

#include "strikes.hpp"
#include "support.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <iterator>

namespace wavs::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class QuarantineTest : public ::testing::Test {
protected:
    using Opened = base::Result<std::unique_ptr<Quarantine>>;
    Opened open() { return Quarantine::open(file_, clock_, metrics_); }
    static StrikeLine line(std::uint8_t digest, std::uint8_t service = 1, std::uint8_t event = 1) {
        StrikeLine out;
        out.at = {1'000'000'000ULL * digest};
        out.signal = SIGSEGV;
        out.digest = id_of<types::ComponentDigest>(digest);
        out.service = id_of<types::ServiceId>(service);
        out.event = id_of<types::EventId>(event);
        return out;
    }
    // As the handler of signals does.
    void strike(std::uint8_t digest, std::uint8_t service = 1, std::uint8_t event = 1) {
        const auto text = encode(line(digest, service, event));
        append({text.data(), text.size()});
    }
    void append(std::string_view text) {
        std::ofstream(file_, std::ios::binary | std::ios::app) << text;
    }
    std::string content() {
        std::ifstream file(file_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    TempDir dir_;
    const std::filesystem::path file_ = dir_.path() / "strikes";
    base::testing::FakeClock clock_;
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
    const types::ComponentDigest first_ = id_of<types::ComponentDigest>(1);
    const types::ComponentDigest second_ = id_of<types::ComponentDigest>(2);
};

TEST_F(QuarantineTest, a_line_is_text_and_comes_back_as_it_was) {
    const auto one = line(1, 2, 3);
    const auto text = encode(one);
    const std::string_view view(text.data(), text.size());
    EXPECT_EQ(view.substr(0, 24), "S 000000003b9aca00 0b 01");
    EXPECT_EQ(view.find('\n'), view.size() - 1);
    EXPECT_THAT(parse_strikes(view, file_).value().lines, ElementsAre(one));
}

TEST_F(QuarantineTest, three_strikes_and_a_component_is_refused_with_a_remedy) {
    strike(1, 1);
    strike(2, 1);
    strike(1, 2);
    EXPECT_FALSE(open().value()->refusal(first_).has_value()) << "two strikes";
    strike(1, 2);
    const auto quarantine = open().value();
    const auto refusal = quarantine->refusal(first_);
    ASSERT_TRUE(refusal.has_value());
    EXPECT_EQ(refusal->kind(), base::ErrorKind::Guest);
    EXPECT_EQ(refusal->code().view(), "quarantined");
    EXPECT_TRUE(refusal->message().starts_with(quarantine_text(first_)));
    EXPECT_THAT(refusal->remedy(), HasSubstr("quarantine lift " + types::to_string(first_)));
    EXPECT_FALSE(quarantine->refusal(second_).has_value());
    const auto list = quarantine->list();
    EXPECT_EQ(list.at(first_).times.size(), 3U);
    EXPECT_EQ(list.at(first_).services.size(), 2U);
    EXPECT_TRUE(list.at(first_).quarantined);
    EXPECT_FALSE(list.at(second_).quarantined);
    EXPECT_THAT(metrics_.render(), HasSubstr("engine_quarantined_components 1"));
    EXPECT_EQ(log_.count("a component is quarantined"), 1U);
}

TEST_F(QuarantineTest, a_lift_holds_at_once_and_after_a_restart_and_three_more_strikes_end_it) {
    for (int i = 0; i < 3; ++i) {
        strike(1);
    }
    {
        const auto quarantine = open().value();
        EXPECT_EQ(quarantine->lift(second_).error().code().view(), "no_strikes");
        ASSERT_TRUE(quarantine->lift(first_).has_value());
        EXPECT_FALSE(quarantine->refusal(first_).has_value());
        EXPECT_THAT(quarantine->list(), IsEmpty());
        EXPECT_THAT(metrics_.render(), HasSubstr("engine_quarantined_components 0"));
    }
    EXPECT_FALSE(open().value()->refusal(first_).has_value());
    strike(1);
    strike(1);
    EXPECT_FALSE(open().value()->refusal(first_).has_value());
    strike(1);
    EXPECT_TRUE(open().value()->refusal(first_).has_value());
}

TEST_F(QuarantineTest, events_are_told_in_the_order_of_their_crashes_also_those_before_a_lift) {
    strike(1, 1, 7);
    ASSERT_TRUE(open().value()->lift(first_).has_value());
    strike(2, 1, 8);
    strike(2, 1, 7);
    EXPECT_THAT(
        open().value()->crashed_events(),
        ElementsAre(id_of<types::EventId>(7), id_of<types::EventId>(8), id_of<types::EventId>(7)));
}

TEST_F(QuarantineTest, a_torn_last_line_is_left_out_and_the_next_one_stands_whole) {
    strike(1);
    const auto whole = content();
    const auto next = encode(line(2));
    for (std::size_t size = 1; size < next.size(); ++size) {
        std::filesystem::remove(file_);
        append(whole);
        append({next.data(), size});
        EXPECT_EQ(open().value()->list().size(), 1U) << size;
        EXPECT_EQ(content(), whole) << size;
    }
    EXPECT_GT(log_.count("the last line of the file of strikes is torn and left out"), 0U);
    append(std::string(3 * kStrikeLineSize, '\0'));
    EXPECT_EQ(open().value()->list().size(), 1U) << "space that was never written";
    strike(2);
    EXPECT_EQ(open().value()->list().size(), 2U);
}

TEST_F(QuarantineTest, a_damaged_file_names_the_line_and_the_remedy) {
    strike(1);
    strike(2);
    strike(1);
    auto text = content();
    text.at(kStrikeLineSize + 40) ^= 1;
    std::ofstream(file_, std::ios::binary) << text;
    const auto opened = open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code().view(), "strikes_damaged");
    EXPECT_THAT(opened.error().message(), HasSubstr("line 2 of " + file_.string()));
    EXPECT_THAT(opened.error().remedy(), HasSubstr("delete that line"));
    EXPECT_EQ(content(), text) << "nothing is changed";
}

TEST_F(QuarantineTest, a_file_that_cannot_be_used_is_named) {
    std::filesystem::create_directory(file_);
    const auto opened = open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().code().view(), "strikes_file");
    EXPECT_THAT(opened.error().message(), HasSubstr(file_.string()));
}

TEST_F(QuarantineTest, nobody_else_reads_the_file) {
    const auto quarantine = open().value();
    struct stat about{};
    ASSERT_EQ(::stat(file_.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace wavs::engine
