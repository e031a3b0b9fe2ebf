// SPDX-License-Identifier: Apache-2.0
#include "results.hpp"

#include "environment.hpp"
#include "support.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

namespace wavs::engine {
namespace {

using ::testing::HasSubstr;

types::WasmResponse response(std::string_view payload, std::optional<std::string_view> salt) {
    types::WasmResponse out{.payload = base::to_bytes(payload)};
    if (salt) {
        out.event_id_salt = base::to_bytes(*salt);
    }
    return out;
}

TEST(check_responses, none_and_one_need_no_salt) {
    EXPECT_TRUE(check_responses({}, {}, Submits::Yes).value().responses.empty());
    const auto one = check_responses({response("a", std::nullopt)}, {}, Submits::Yes);
    EXPECT_EQ(one.value().responses.size(), 1U);
}

TEST(check_responses, several_need_a_salt_each) {
    const auto failed =
        check_responses({response("a", "1"), response("b", std::nullopt)}, {}, Submits::Yes);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("missing_event_id_salt"));
    EXPECT_EQ(failed.error().kind(), base::ErrorKind::Guest);
    EXPECT_THAT(failed.error().message(), HasSubstr("response 1 of 2"));
    EXPECT_TRUE(
        check_responses({response("a", "1"), response("b", "")}, {}, Submits::Yes).has_value());
}

TEST(check_responses, of_equal_salts_the_first_stays) {
    const auto checked = check_responses(
        {response("a", "s"), response("b", "t"), response("a", "s"), response("c", "s")}, {},
        Submits::Yes);
    ASSERT_TRUE(checked.has_value());
    ASSERT_EQ(checked.value().responses.size(), 2U);
    EXPECT_EQ(checked.value().responses[0].payload, base::to_bytes("a"));
    EXPECT_EQ(checked.value().responses[1].payload, base::to_bytes("b"));
    // The equal one is no loss; the other is.
    EXPECT_EQ(checked.value().dropped, 1U);
}

TEST(check_selection, sorts_what_was_chosen) {
    EXPECT_EQ(check_selection({2, 0}, 3).value(), (Selection{0, 2}));
    EXPECT_TRUE(check_selection({}, 3).value().empty());
    EXPECT_TRUE(check_selection({}, 0).value().empty());
}

TEST(check_selection, names_the_index_that_cannot_be) {
    const auto beyond = check_selection({0, 3}, 3);
    EXPECT_EQ(beyond.error().code(), base::ErrorCode("select_indices"));
    EXPECT_EQ(beyond.error().kind(), base::ErrorKind::Guest);
    EXPECT_EQ(beyond.error().message(), "select chose index 3 out of 3 entries");
    const auto twice = check_selection({1, 0, 1}, 3);
    EXPECT_EQ(twice.error().code(), base::ErrorCode("select_indices"));
    EXPECT_EQ(twice.error().message(), "select chose index 1 twice");
    EXPECT_EQ(check_selection({0}, 0).error().code(), base::ErrorCode("select_indices"));
}

TEST(check_responses, their_number_has_a_limit) {
    const Limits limits{.responses = 1};
    EXPECT_TRUE(check_responses({response("a", "1")}, limits, Submits::No).has_value());
    const auto failed =
        check_responses({response("a", "1"), response("b", "2")}, limits, Submits::No);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("too_many_responses"));
    EXPECT_EQ(failed.error().kind(), base::ErrorKind::Guest);
    EXPECT_THAT(failed.error().message(), HasSubstr("gave 2 responses, the limit is 1"));
}

TEST(check_actions, their_number_has_a_limit) {
    const Limits limits{.actions = 1};
    EXPECT_TRUE(check_actions({types::TimerAction{.delay_secs = 1}}, limits).has_value());
    const auto failed = check_actions(
        {types::TimerAction{.delay_secs = 1}, types::TimerAction{.delay_secs = 2}}, limits);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("too_many_actions"));
    EXPECT_EQ(failed.error().kind(), base::ErrorKind::Guest);
    EXPECT_THAT(failed.error().message(), HasSubstr("gave 2 actions, the limit is 1"));
}

TEST(check_responses, payloads_have_a_limit_by_destination) {
    const Limits limits{.payload_bytes = 10, .submitted_payload_bytes = 5};
    const std::string six(6, 'x');
    EXPECT_TRUE(check_responses({response(six, {})}, limits, Submits::No).has_value());
    const auto failed = check_responses({response(six, {})}, limits, Submits::Yes);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("payload_too_large"));
    EXPECT_THAT(failed.error().message(), HasSubstr("has 6 bytes, the limit is 5"));
    EXPECT_FALSE(
        check_responses({response(std::string(11, 'x'), {})}, limits, Submits::No).has_value());
}

class EnvironmentTest : public ::testing::Test {
protected:
    // "NAME=value;..." of what a component with these keys gets.
    std::string get(Environment& environment, std::uint8_t service, std::set<std::string> keys) {
        auto component = component_of_digest({});
        component.env_keys = std::move(keys);
        std::string out;
        const auto pairs = environment.for_component(id_of<types::ServiceId>(service), component);
        for (const auto& pair : *pairs) {
            out += pair.key + "=" + pair.value + ";";
        }
        return out;
    }
};

TEST_F(EnvironmentTest, only_listed_names_with_the_prefix_are_seen) {
    Environment environment(
        {{"WAVS_ENV_A", "1"}, {"WAVS_ENVB", "2"}, {"HOME", "/"}, {"WAVS_ENV_C", "3"}}, {});
    EXPECT_EQ(get(environment, 1, {"WAVS_ENV_A", "WAVS_ENVB", "HOME", "WAVS_ENV_X"}),
              "WAVS_ENVB=2;WAVS_ENV_A=1;");
}

TEST_F(EnvironmentTest, a_bound_name_is_for_its_services_alone) {
    Environment environment({{"WAVS_ENV_A", "1"}, {"WAVS_ENV_B", "2"}},
                            {{"WAVS_ENV_A", {id_of<types::ServiceId>(1)}}});
    EXPECT_EQ(get(environment, 1, {"WAVS_ENV_A", "WAVS_ENV_B"}), "WAVS_ENV_A=1;WAVS_ENV_B=2;");
    EXPECT_EQ(get(environment, 2, {"WAVS_ENV_A", "WAVS_ENV_B"}), "WAVS_ENV_B=2;");
}

TEST_F(EnvironmentTest, a_second_reader_of_an_unbound_name_is_reported_once) {
    const telemetry::testing::CapturedLog log;
    Environment environment({{"WAVS_ENV_A", "1"}}, {});
    (void)get(environment, 1, {"WAVS_ENV_A"});
    (void)get(environment, 1, {"WAVS_ENV_A"});
    EXPECT_EQ(log.count("several services read"), 0U);
    (void)get(environment, 2, {"WAVS_ENV_A"});
    (void)get(environment, 2, {"WAVS_ENV_A"});
    EXPECT_EQ(log.count("several services read"), 1U);
}

TEST_F(EnvironmentTest, what_is_not_utf8_is_left_out) {
    Environment environment({{"WAVS_ENV_A", "\xff"},
                             {"WAVS_ENV_B", "gr\xc3\xbc\xc3\x9f"},
                             {"WAVS_ENV_C", "\xc3"},
                             {"WAVS_ENV_D", "\xed\xa0\x80"},
                             {"WAVS_ENV_E", "\xf4\x90\x80\x80"},
                             {"WAVS_ENV_F", "\xf0\x9f\x98\x80"},
                             {"WAVS_ENV_G", "\xc0\xaf"}},
                            {});
    EXPECT_EQ(get(environment, 1,
                  {"WAVS_ENV_A", "WAVS_ENV_B", "WAVS_ENV_C", "WAVS_ENV_D", "WAVS_ENV_E",
                   "WAVS_ENV_F", "WAVS_ENV_G"}),
              "WAVS_ENV_B=gr\xc3\xbc\xc3\x9f;WAVS_ENV_F=\xf0\x9f\x98\x80;");
}

TEST(ungranted_permissions, come_from_the_imports) {
    ComponentInfo info;
    info.imports = {"wasi:http/outgoing-handler@0.2.9", "wasi:sockets/tcp@0.2.0",
                    "wasi:sockets/ip-name-lookup@0.2.0"};
    EXPECT_THAT(ungranted_permissions(info, {}),
                ::testing::ElementsAre("allowed_http_hosts", "raw_sockets", "dns_resolution"));
    EXPECT_THAT(ungranted_permissions(info, {.allowed_http_hosts = types::AllHosts{},
                                             .raw_sockets = true,
                                             .dns_resolution = true}),
                ::testing::IsEmpty());
}

}  // namespace
}  // namespace wavs::engine
