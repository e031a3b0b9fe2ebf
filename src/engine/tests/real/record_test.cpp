// SPDX-License-Identifier: Apache-2.0
// Recorded runs: what is kept of them, and that they give the same bytes without the world.
#include "loopback.hpp"
#include "real_node.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace wavs::engine {
namespace {

using ::testing::HasSubstr;

base::Result<rt::RecordInfo> info_of(const base::Bytes& record) {
    return rt::record_info(rt::native_library(), record);
}

class RecordTest : public RealEngineTest {
protected:
    // After a restart, which waits for what is written in the background; oldest first.
    std::vector<base::Bytes> records() {
        restart();
        std::vector<std::filesystem::path> files;
        const auto folder = dir_.path() / "runs" / types::to_string(service().id);
        if (std::filesystem::exists(folder)) {
            for (const auto& entry : std::filesystem::directory_iterator(folder)) {
                files.push_back(entry.path());
            }
        }
        std::sort(files.begin(), files.end());
        std::vector<base::Bytes> out;
        for (const auto& file : files) {
            std::ifstream in(file, std::ios::binary);
            out.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
        }
        return out;
    }
    rt::RunOutcome replay(const base::Bytes& record) {
        const TempDir files;
        auto outcome = node().wait(node().engine().replay(record, files.path()));
        EXPECT_TRUE(outcome.has_value()) << outcome.error().full_text();
        return std::move(outcome.value());
    }
};

TEST_F(RecordTest, only_the_services_that_were_named_are_recorded) {
    ASSERT_TRUE(use("echo"));
    EXPECT_EQ(text("hello"), "hello");
    EXPECT_EQ(records().size(), 0U);
    options_.records.services = {service().id};
    restart();
    EXPECT_EQ(text("hello"), "hello");
    EXPECT_EQ(records().size(), 1U);
}

TEST_F(RecordTest, a_request_is_answered_from_the_record) {
    options_.records.all = true;
    ASSERT_TRUE(use("net"));
    component_.permissions.allowed_http_hosts = types::AllHosts{};
    {
        const auto server = loopback::http_server(
            [](const auto& request) { return loopback::response(203, request.body + " came"); });
        ASSERT_TRUE(node().engine().set_network({.allow = {"127.0.0.1"}}).has_value());
        const auto url = fmt::format("http://127.0.0.1:{}/", server->port());
        EXPECT_EQ(text("http POST " + url + " it"), "203 it came");
        EXPECT_EQ(text("http GET http://127.0.0.2/"), "exec_result: HTTP-request-denied");
    }
    // The server is gone, and nothing is allowed any more.
    const auto kept = records();
    ASSERT_EQ(kept.size(), 2U);
    const auto info = info_of(kept[0]).value();
    EXPECT_TRUE(info.succeeded);
    EXPECT_EQ(types::ServiceId(info.service_id), service().id);
    EXPECT_EQ(replay(kept[0]).output.value(), info.output);
    EXPECT_EQ(replay(kept[1]).output.error().message(), "HTTP-request-denied");
    EXPECT_THAT(rt::records_difference(rt::native_library(), kept[0], kept[1]).value(),
                HasSubstr("host call 1 differs: `http POST"));
}

TEST_F(RecordTest, values_are_answered_from_the_record_and_nothing_is_stored) {
    options_.records.all = true;
    ASSERT_TRUE(use("kv"));
    const auto add = R"({"atomic_increment":{"bucket":"b","key":"n","delta":3}})";
    EXPECT_THAT(text(add), HasSubstr("\"value\":3"));
    const auto first = records().at(0);
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(replay(first).output.value(), info_of(first).value().output);
    }
    EXPECT_THAT(text(add), HasSubstr("\"value\":6"));
}

TEST_F(RecordTest, the_newest_records_are_kept) {
    options_.records.all = true;
    options_.records.kept = 2;
    ASSERT_TRUE(use("echo"));
    for (const auto* word : {"one", "two", "three"}) {
        EXPECT_EQ(text(word), word);
    }
    const auto kept = records();
    ASSERT_EQ(kept.size(), 2U);
    EXPECT_THAT(base::as_text(kept[1]), HasSubstr("three"));
    EXPECT_EQ(text("four"), "four");
    EXPECT_THAT(base::as_text(records().back()), HasSubstr("four"));
    ASSERT_TRUE(node().wait(node().engine().remove_files(service().id)).has_value());
    EXPECT_EQ(records().size(), 0U);
}

TEST_F(RecordTest, only_this_user_can_read_them) {
    options_.records.all = true;
    ASSERT_TRUE(use("echo"));
    EXPECT_EQ(text("hello"), "hello");
    EXPECT_EQ(records().size(), 1U);
    EXPECT_EQ(std::filesystem::status(dir_.path() / "runs").permissions(),
              std::filesystem::perms::owner_all);
}

TEST_F(RecordTest, what_is_too_long_says_so) {
    options_.records.all = true;
    options_.records.bytes = 20;
    ASSERT_TRUE(use("kv"));
    EXPECT_THAT(text(R"({"write":{"bucket":"b","key":"k","value":[1]}})"), HasSubstr("write"));
    const auto kept = records();
    ASSERT_EQ(kept.size(), 1U);
    EXPECT_THAT(info_of(kept[0]).value().incomplete,
                ::testing::Optional(HasSubstr("longer than 20 bytes")));
    EXPECT_THAT(replay(kept[0]).output.error().message(), HasSubstr("not complete"));
    const auto junk = info_of(base::to_bytes("junk"));
    ASSERT_FALSE(junk.has_value());
    EXPECT_EQ(junk.error().code(), base::ErrorCode("not_a_record"));
}

}  // namespace
}  // namespace wavs::engine
