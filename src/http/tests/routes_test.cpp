// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include "../path.hpp"
#include "../route.hpp"
#include "wavs/http/status.hpp"
#include "wavs/types/json_tree.hpp"

#include <set>

namespace wavs::http {
namespace {

using base::Error;
using base::ErrorKind;

class RoutesTest : public ApiTest {};

TEST_F(RoutesTest, unknown_paths) {
    for (const std::string_view path :
         {"/", "/health/", "/services/", "/services/a", "/services/a/b/c", "/dev/", "/dev/kv/a/b",
          "/does_not_exist", "//health", "/services//x", "", "*", "/%68ealth", "/services/a/"}) {
        const auto response = get(path);
        EXPECT_EQ(response.status, 404U) << path;
        EXPECT_EQ(response.body, "not found") << path;
        EXPECT_EQ(header(response, "content-type"), "text/plain; charset=utf-8");
    }
}

TEST_F(RoutesTest, wrong_methods_name_the_right_ones) {
    const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
        {"POST", "/health", "GET,HEAD"},
        {"PATCH", "/services", "GET,HEAD,POST,DELETE"},
        {"GET", "/services/signer", "POST"},
        {"GET", "/dev/services", "POST"},
        {"DELETE", "/dev/services/aa", "GET,HEAD,POST"},
        {"HEAD", "/dev/chains", "POST"},
        {"get", "/health", "GET,HEAD"},
        {"FOO", "/node/services", "GET,HEAD"},
    };
    for (const auto& [method, path, allow] : cases) {
        const auto response = send(request(method, path));
        EXPECT_EQ(response.status, 405U) << method << path;
        EXPECT_EQ(response.body, "");
        EXPECT_EQ(header(response, "allow"), allow);
    }
}

TEST_F(RoutesTest, a_protected_path_wants_the_token_for_any_method) {
    open(token_options());
    const auto without = send(request("PUT", "/services"));
    EXPECT_EQ(without.status, 401U);
    EXPECT_EQ(header(without, "allow"), "GET,HEAD,POST,DELETE");
    const auto with = send(request("PUT", "/services", {{"Authorization", "Bearer s3cret token"}}));
    EXPECT_EQ(with.status, 405U);
    EXPECT_EQ(send(request("PUT", "/health")).status, 405U);
    EXPECT_EQ(send(request("HEAD", "/services")).status, 200U);
}

TEST_F(RoutesTest, dev_routes_exist_only_when_enabled) {
    auto options = token_options();
    options.dev_endpoints = false;
    open(std::move(options));
    for (const Route& route : all_routes()) {
        if (route.scope == Scope::DevOnly) {
            EXPECT_TRUE(route.pattern.starts_with("/dev/"));
            const auto response = send(request(route.method, route.pattern));
            EXPECT_EQ(response.status, 404U) << route.pattern;
        }
    }
}

TEST_F(RoutesTest, query_and_absolute_form) {
    EXPECT_EQ(get("/info?x=1&y").status, 200U);
    EXPECT_EQ(get("http://localhost:8000/info?x").status, 200U);
    EXPECT_EQ(get("http://localhost:8000").status, 404U);
}

TEST(paths, match) {
    EXPECT_EQ(match_path("/a/{x}/c", "/a/b/c"), (std::vector<std::string_view>{"b"}));
    EXPECT_EQ(match_path("/a", "/a"), std::vector<std::string_view>());
    EXPECT_FALSE(match_path("/a", "/a/").has_value());
    EXPECT_FALSE(match_path("/a/{x}", "/a/").has_value());
    EXPECT_FALSE(match_path("/a/{x}", "/a/b/").has_value());
    EXPECT_FALSE(match_path("/a/{x}", "/a/b/c").has_value());
    EXPECT_FALSE(match_path("/a", "a").has_value());
    EXPECT_EQ(parameter_names("/a/{x}/b/{y_z}"), (std::vector<std::string_view>{"x", "y_z"}));
}

TEST(paths, decode) {
    EXPECT_EQ(decode_parameter("x", "a%2Fb%3a").value(), "a/b:");
    EXPECT_EQ(decode_parameter("x", "%zz%4%").value(), "%zz%4%");
    EXPECT_EQ(decode_parameter("x", "%C3%A9+").value(), "\xc3\xa9+");
    for (const std::string_view bad :
         {"%ff", "%C3", "%C0%80", "%ED%A0%80", "%F4%90%80%80", "%80"}) {
        EXPECT_EQ(decode_parameter("key", bad).error().message(),
                  "Invalid URL: Invalid UTF-8 in `key`")
            << bad;
    }
}

TEST(paths, hex) {
    const auto error_of = [](std::string_view text) {
        const auto parsed = parse_path_hex<types::EvmAddress>(text);
        return parsed.has_value() ? std::string() : parsed.error().message();
    };
    EXPECT_EQ(error_of(std::string(40, '1')), "");
    EXPECT_EQ(error_of("0x" + std::string(40, 'A')), "");
    EXPECT_EQ(error_of("0X" + std::string(40, '1')), "invalid string length");
    EXPECT_EQ(error_of("xyz"), "odd number of digits");
    EXPECT_EQ(error_of("0x11"), "invalid string length");
    EXPECT_EQ(error_of("0xzz" + std::string(38, '1')), "invalid character 'z' at position 0");
}

TEST(statuses, from_kind_and_code) {
    const std::vector<std::pair<ErrorKind, unsigned>> kinds = {
        {ErrorKind::Invalid, 400},     {ErrorKind::NotFound, 404},    {ErrorKind::Conflict, 409},
        {ErrorKind::Denied, 403},      {ErrorKind::TooLarge, 413},    {ErrorKind::Overloaded, 429},
        {ErrorKind::Unavailable, 502}, {ErrorKind::Timeout, 504},     {ErrorKind::Cancelled, 503},
        {ErrorKind::Guest, 500},       {ErrorKind::Unsupported, 422}, {ErrorKind::Bug, 500}};
    for (const auto& [kind, status] : kinds) {
        EXPECT_EQ(status_of(Error(kind, "x", "x")), status);
    }
    EXPECT_EQ(status_of(Error(ErrorKind::Invalid, "json_shape", "x")), 422U);
    EXPECT_EQ(status_of(Error(ErrorKind::Invalid, "json_syntax", "x")), 400U);
    EXPECT_EQ(status_of(Error(ErrorKind::Invalid, "content_type", "x")), 415U);
    EXPECT_EQ(status_of(Error(ErrorKind::Denied, "unauthorized", "x")), 401U);
    EXPECT_EQ(status_of(Error(ErrorKind::Unavailable, "not_ready", "x")), 503U);
}

TEST_F(RoutesTest, errors_as_json_when_asked) {
    const std::string accept = "text/html, Application/JSON;q=0.9";
    const auto unknown = get("/nope", {{"Accept", accept}});
    EXPECT_EQ(unknown.status, 404U);
    EXPECT_EQ(header(unknown, "content-type"), "application/json");
    EXPECT_EQ(unknown.body,
              R"({"error":{"code":"route_unknown","message":"not found","remedy":null}})");
    node_.failures.emplace("add_service",
                           Error(ErrorKind::Conflict, "service_exists", "Service x already", "y"));
    auto call =
        request("POST", "/services", {{"Content-Type", "application/json"}}, manager_body());
    EXPECT_EQ(send(call).body, "Service x already");
    call.head.headers.add("Accept", "application/json");
    EXPECT_EQ(send(call).body,
              R"({"error":{"code":"service_exists","message":"Service x already","remedy":"y"}})");
    EXPECT_EQ(get("/nope", {{"Accept", "*/*"}}).body, "not found");
}

TEST_F(RoutesTest, the_api_document_lists_every_enabled_route) {
    const auto paths_of = [](const std::string& document) {
        const auto parsed = types::json::Document::parse(document).value();
        std::set<std::string> out;
        const auto paths = parsed.root().find("paths").value();
        for (const auto path : paths.members()) {
            for (const auto method : path.value.members()) {
                out.insert(std::string(method.name.text()) + " " + std::string(path.name.text()));
            }
        }
        return out;
    };
    const auto dev = get("/api-docs/openapi.json");
    EXPECT_EQ(header(dev, "content-type"), "application/json");
    EXPECT_EQ(paths_of(dev.body).size(), all_routes().size());
    EXPECT_TRUE(paths_of(dev.body).contains("delete /services"));
    EXPECT_NE(dev.body.find(R"("openapi":"3.1.0","info":{"title":"WAVS API","description":)"
                            R"("API documentation for the WAVS service")"),
              std::string::npos);
    open({});
    const auto plain = get("/api-docs/openapi.json").body;
    EXPECT_EQ(plain.find("/dev/"), std::string::npos);
    EXPECT_TRUE(paths_of(plain).contains("get /services/{chain}/{address}"));
}

TEST_F(RoutesTest, requests_are_counted_by_route_not_by_path) {
    get("/services/evm:1/0x11");
    get("/nope/1");
    get("/nope/2");
    send(request("INVENTED", "/health"));
    const auto page = metrics_.render();
    EXPECT_NE(page.find(R"(route="/services/{chain}/{address}",status="404")"), std::string::npos)
        << page;
    EXPECT_NE(page.find(R"(wavs_http_requests_total{method="GET",route="none",status="404"} 2)"),
              std::string::npos)
        << page;
    EXPECT_EQ(page.find("INVENTED"), std::string::npos);
    EXPECT_NE(page.find("wavs_http_request_seconds_count"), std::string::npos);
}

}  // namespace
}  // namespace wavs::http
