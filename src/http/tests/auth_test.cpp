// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

namespace wavs::http {
namespace {

class AuthTest : public ApiTest {
protected:
    net::Response with_header(const std::string& value) {
        return send(request("DELETE", "/services",
                            {{"Authorization", value}, {"Content-Type", "application/json"}},
                            R"({"service_managers":[]})"));
    }
    net::Response without_token(net::Headers headers, bool loopback = true) {
        auto call =
            request("DELETE", "/services", std::move(headers), R"({"service_managers":[]})");
        call.head.headers.add("Content-Type", "application/json");
        call.head.peer_is_loopback = loopback;
        return send(std::move(call));
    }
};

TEST(bearer_token, refuses_what_no_header_carries) {
    for (const std::string_view bad : {"", " x", "x ", "x\t", "a\nb", "\x7f"}) {
        const auto token = BearerToken::make(bad);
        ASSERT_FALSE(token.has_value()) << bad;
        EXPECT_EQ(token.error().code().view(), "bearer_token");
        EXPECT_NE(token.error().message().find("bearer_token"), std::string::npos);
    }
}

TEST(bearer_token, compares_every_byte) {
    const auto token = BearerToken::make("s3cret").value();
    EXPECT_TRUE(token.matches("s3cret"));
    for (const std::string_view wrong : {"", "s3cre", "s3crets", "S3cret", "s3creT", "x3cret"}) {
        EXPECT_FALSE(token.matches(wrong)) << wrong;
    }
}

TEST_F(AuthTest, header_forms) {
    open(token_options());
    for (const std::string_view right : {"Bearer s3cret token", "bearer s3cret token",
                                         "BEARER  s3cret token ", "Bearer \ts3cret token\t"}) {
        EXPECT_EQ(with_header(std::string(right)).status, 204U) << right;
    }
    for (const std::string_view malformed : {"", "Bearer", "Bearer ", "Bearer\ts3cret token",
                                             "Basic abc", "s3cret token", " Bearer s3cret token"}) {
        const auto response = with_header(std::string(malformed));
        EXPECT_EQ(response.status, 401U) << malformed;
        EXPECT_EQ(response.body, "Unauthorized");
        EXPECT_EQ(header(response, "content-type"), "text/plain; charset=utf-8");
        EXPECT_EQ(header(response, "www-authenticate"),
                  R"(Bearer realm="wavs", error="invalid_request", )"
                  R"(error_description="invalid_authorization_header")");
    }
    for (const std::string_view wrong : {"Bearer nope", "Bearer s3cret", "Bearer S3CRET TOKEN"}) {
        const auto response = with_header(std::string(wrong));
        EXPECT_EQ(response.status, 401U) << wrong;
        EXPECT_EQ(header(response, "www-authenticate"),
                  R"(Bearer realm="wavs", error="invalid_token", )"
                  R"(error_description="token_mismatch")");
    }
}

TEST_F(AuthTest, only_the_first_header_counts) {
    open(token_options());
    const auto send_two = [&](std::string first, std::string second) {
        return send(request("DELETE", "/services",
                            {{"Authorization", std::move(first)},
                             {"Authorization", std::move(second)},
                             {"Content-Type", "application/json"}},
                            R"({"service_managers":[]})"));
    };
    EXPECT_EQ(send_two("Bearer s3cret token", "Bearer no").status, 204U);
    EXPECT_EQ(send_two("Bearer no", "Bearer s3cret token").status, 401U);
}

TEST_F(AuthTest, is_decided_before_the_body) {
    open(token_options());
    const auto call = request("POST", "/services", {{"Authorization", "Bearer x"}}, "{bad");
    const auto early = async::testing::run(context_, api_->on_head(call.head));
    ASSERT_TRUE(early.has_value());
    EXPECT_EQ(early->status, 401U);
    EXPECT_EQ(send(call).status, 401U);
    const auto right =
        request("POST", "/services", {{"Authorization", "Bearer s3cret token"}}, "{bad");
    EXPECT_FALSE(async::testing::run(context_, api_->on_head(right.head)).has_value());
}

TEST_F(AuthTest, reads_are_open_unless_protected) {
    open(token_options());
    for (const std::string_view path :
         {"/health", "/config", "/info", "/services", "/dev/trigger-streams", "/metrics"}) {
        EXPECT_EQ(get(path).status, 200U) << path;
    }
    auto dev_closed = token_options();
    dev_closed.dev_open_reads = false;
    open(std::move(dev_closed));
    EXPECT_EQ(get("/info").status, 200U);
    EXPECT_EQ(get("/dev/trigger-streams").status, 401U);
    EXPECT_EQ(get("/dev/kv/a/b/c").status, 401U);
    EXPECT_EQ(get("/dev/trigger-streams", {{"Authorization", "Bearer s3cret token"}}).status, 200U);
    auto closed = token_options();
    closed.protect_reads = true;
    open(std::move(closed));
    for (const std::string_view path : {"/health", "/services", "/metrics", "/dev/kv/a/b/c"}) {
        EXPECT_EQ(get(path).status, 401U) << path;
        EXPECT_EQ(send(request("HEAD", path)).status, 401U) << path;
    }
    EXPECT_EQ(get("/livez").status, 200U);
    EXPECT_EQ(get("/readyz").status, 200U);
    EXPECT_EQ(get("/info", {{"Authorization", "Bearer s3cret token"}}).status, 200U);
}

TEST_F(AuthTest, config_shows_endpoints_to_whoever_has_the_token) {
    open(token_options());
    EXPECT_EQ(get("/config").body, node_.config);
    EXPECT_EQ(get("/config", {{"Authorization", "Bearer no"}}).body, node_.config);
    EXPECT_EQ(get("/config", {{"Authorization", "Bearer s3cret token"}}).body, R"({"full":true})");
    open(dev_options());
    EXPECT_EQ(get("/config", {{"Authorization", "Bearer s3cret token"}}).body, node_.config);
}

TEST_F(AuthTest, without_a_token_changes_come_from_this_machine_only) {
    EXPECT_EQ(without_token({}).status, 204U);
    for (const std::string_view host :
         {"localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::1]"}) {
        EXPECT_EQ(without_token({{"Host", std::string(host)}}).status, 204U) << host;
    }
    for (const std::string_view origin : {"http://localhost:5173", "https://127.0.0.1"}) {
        EXPECT_EQ(without_token({{"Origin", std::string(origin)}}).status, 204U) << origin;
    }
    EXPECT_EQ(without_token({}, false).status, 403U);
    for (const std::string_view host : {"evil.example", "127.0.0.1.evil.example", "10.0.0.1:8000",
                                        "localhost.evil.example", "", "0.0.0.0", "[::2]"}) {
        EXPECT_EQ(without_token({{"Host", std::string(host)}}).status, 403U) << host;
    }
    for (const std::string_view origin :
         {"null", "http://evil.example", "localhost", "", "http://localhost@evil.example"}) {
        EXPECT_EQ(without_token({{"Origin", std::string(origin)}}).status, 403U) << origin;
    }
    for (const std::string_view name :
         {"Forwarded", "X-Forwarded-For", "x-forwarded-host", "X-FORWARDED-PROTO"}) {
        const auto response = without_token({{std::string(name), "127.0.0.1"}});
        EXPECT_EQ(response.status, 403U) << name;
        EXPECT_NE(response.body.find("`bearer_token`"), std::string::npos);
    }
    EXPECT_EQ(node_.calls.count("remove_services"), 0U);
}

TEST_F(AuthTest, a_second_host_or_origin_header_counts_too) {
    EXPECT_EQ(without_token({{"Host", "localhost"}, {"Host", "evil.example"}}).status, 403U);
    EXPECT_EQ(without_token({{"Origin", "http://localhost"}, {"Origin", "null"}}).status, 403U);
}

TEST_F(AuthTest, reads_need_no_loopback) {
    auto call = request("GET", "/info", {{"Host", "node.example"}});
    call.head.peer_is_loopback = false;
    EXPECT_EQ(send(std::move(call)).status, 200U);
}

TEST(http_options, checks) {
    HttpOptions plain;
    EXPECT_TRUE(check(plain).value().empty());
    HttpOptions wide;
    wide.host = "0.0.0.0";
    EXPECT_EQ(check(wide).value().size(), 1U);
    wide.dev_endpoints = true;
    EXPECT_EQ(check(wide).error().code().view(), "http_unprotected");
    wide.bearer_token.emplace(BearerToken::make("x").value());
    EXPECT_TRUE(check(wide).value().empty());
    HttpOptions cors;
    cors.cors_allowed_origins = {"https://a.example/*", "http://localhost:*", "*"};
    EXPECT_EQ(check(cors).value().size(), 1U);
    for (const std::string_view name : {"localhost", "127.0.0.1", "127.255.255.255", "::1"}) {
        EXPECT_TRUE(is_loopback_name(name)) << name;
    }
    for (const std::string_view name : {"", "127.0.0", "127.0.0.256", "127.0.0.1.", "128.0.0.1",
                                        "::", "localhosts", "1270.0.1"}) {
        EXPECT_FALSE(is_loopback_name(name)) << name;
    }
}

}  // namespace
}  // namespace wavs::http
