// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include "../cors.hpp"

namespace wavs::http {
namespace {

constexpr std::string_view kVary =
    "origin, access-control-request-method, access-control-request-headers";

class CorsTest : public ApiTest {
protected:
    CorsTest() {
        auto options = token_options();
        options.cors_allowed_origins = {"http://localhost:*", "https://?.b.example"};
        open(std::move(options));
    }
};

TEST(origin_pattern, matches_the_whole_origin) {
    EXPECT_TRUE(origin_matches("*", ""));
    EXPECT_TRUE(origin_matches("a*c*e", "abcde"));
    EXPECT_TRUE(origin_matches("a**", "a"));
    EXPECT_TRUE(origin_matches("*abc", "ababc"));
    EXPECT_TRUE(origin_matches("http://localhost:*", "http://localhost:"));
    EXPECT_FALSE(origin_matches("http://localhost:*", "http://localhost"));
    EXPECT_FALSE(origin_matches("http://localhost:*", "HTTP://localhost:1"));
    EXPECT_FALSE(origin_matches("a?c", "ac"));
    EXPECT_FALSE(origin_matches("a?", "abc"));
    EXPECT_FALSE(origin_matches("a*c", "acd"));
    EXPECT_FALSE(origin_matches("", "a"));
    EXPECT_TRUE(origin_matches("a.c", "a.c"));
    EXPECT_FALSE(origin_matches("a.c", "abc"));
}

TEST_F(CorsTest, preflight_comes_before_the_token) {
    const auto response =
        send(request("OPTIONS", "/services", {{"Origin", "http://localhost:5173"}}));
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(header(response, "vary"), kVary);
    EXPECT_EQ(header(response, "access-control-allow-methods"), "*");
    EXPECT_EQ(header(response, "access-control-allow-headers"), "authorization, content-type, *");
    EXPECT_EQ(header(response, "access-control-allow-origin"), "http://localhost:5173");
    EXPECT_EQ(header(response, "allow"), "GET,HEAD,POST,DELETE");
    EXPECT_FALSE(response.headers.find("access-control-allow-credentials").has_value());
    const auto unknown = send(request("OPTIONS", "/nope"));
    EXPECT_EQ(unknown.status, 200U);
    EXPECT_FALSE(unknown.headers.find("allow").has_value());
    EXPECT_FALSE(unknown.headers.find("access-control-allow-origin").has_value());
}

TEST_F(CorsTest, every_response_has_it) {
    const net::Headers origin{{"Origin", "http://localhost:5173"}};
    auto large = request("POST", "/dev/components", origin);
    large.head.headers.add("Authorization", "Bearer s3cret token");
    large.body_too_large = true;
    const std::vector<std::pair<unsigned, net::Response>> responses = {
        {200, get("/info", origin)},
        {404, get("/nope", origin)},
        {401, send(request("DELETE", "/services", origin))},
        {405, send(request("PUT", "/health", origin))},
        {400, get("/dev/services/zz", origin)},
        {413, send(large)},
    };
    for (const auto& [status, response] : responses) {
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(header(response, "access-control-allow-origin"), "http://localhost:5173");
        EXPECT_EQ(header(response, "vary"), kVary);
        EXPECT_FALSE(response.headers.find("access-control-allow-headers").has_value());
    }
}

TEST_F(CorsTest, another_origin_is_served_without_the_header) {
    for (const std::string_view origin :
         {"http://evil.example", "null", "http://localhost:\xc3\xa9", "https://xx.b.example"}) {
        const auto response = get("/info", {{"Origin", std::string(origin)}});
        EXPECT_EQ(response.status, 200U);
        EXPECT_FALSE(response.headers.find("access-control-allow-origin").has_value()) << origin;
        EXPECT_EQ(header(response, "vary"), kVary);
    }
}

TEST_F(CorsTest, nothing_of_it_without_origins) {
    open(dev_options());
    const auto response = send(request("OPTIONS", "/services", {{"Origin", "http://localhost:1"}}));
    EXPECT_EQ(response.status, 405U);
    EXPECT_EQ(header(response, "allow"), "GET,HEAD,POST,DELETE");
    EXPECT_FALSE(response.headers.find("vary").has_value());
}

}  // namespace
}  // namespace wavs::http
