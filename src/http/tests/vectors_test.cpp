// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include "wavs/types/json_tree.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

namespace wavs::http {
namespace {

namespace json = types::json;

constexpr std::string_view kRejections[] = {"Failed to parse ", "Failed to deserialize "};

struct Vector {
    std::string name;
    std::string method;
    std::string target;
    net::Headers headers;
    std::string body;
    bool too_large = false;
    unsigned status = 0;
    std::optional<std::string> expected_body;
    std::map<std::string, std::string> expected_headers;
};

std::string text_of(const json::Value& object, std::string_view name) {
    const auto value = object.find(name);
    return value.has_value() ? std::string(value->text()) : std::string();
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const std::size_t at = text.find(from);
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

Vector read_vector(const json::Value& value) {
    Vector out;
    out.name = text_of(value, "case");
    const std::string request = text_of(value, "request");
    const std::size_t blank = request.find(' ');
    out.method = request.substr(0, blank);
    out.target = blank == std::string::npos ? std::string() : request.substr(blank + 1);
    if (const auto headers = value.find("request_headers")) {
        for (const auto header : headers->members()) {
            out.headers.add(std::string(header.name.text()), std::string(header.value.text()));
        }
    }
    out.body = text_of(value, "request_body");
    if (out.body.starts_with('<')) {
        out.too_large = std::stoul(out.body.substr(1)) > 15'728'640;
        out.body = "x";
    }
    if (const auto status = value.find("status")) {
        out.status = static_cast<unsigned>(std::stoul(std::string(status->text())));
    }
    if (const auto body = value.find("body"); body.has_value() && body->is_string()) {
        out.expected_body = std::string(body->text());
    }
    if (const auto headers = value.find("headers")) {
        for (const auto header : headers->members()) {
            out.expected_headers.emplace(header.name.text(), header.value.text());
        }
    }
    return out;
}

std::vector<Vector> read_vectors(const std::string& name) {
    std::ifstream file(std::string(WAVS_SOURCE_DIR) + "/src/http/tests/vectors/" + name);
    std::stringstream text;
    text << file.rdbuf();
    const std::string content = text.str();
    const auto document = json::Document::parse(content).value();
    std::vector<Vector> out;
    for (const auto item : document.root().items()) {
        out.push_back(read_vector(item));
    }
    return out;
}

/// Our status where existing nodes say 500.
unsigned precise_status(std::string_view body) {
    for (const std::string_view missing :
         {"Service ID ", "Service Hash ", "missing chain config", "Submission: missing key"}) {
        if (body.starts_with(missing)) {
            return 404;
        }
    }
    return body.starts_with("Chain already exists") ? 409 : 400;
}

// Recorded with bytes that a node without an engine or a chain cannot answer for, routes of a later
// step, and answers that we give otherwise on purpose.
bool is_ours(const Vector& vector) {
    const auto& name = vector.name;
    const bool another_node = name.starts_with("add ") || name.starts_with("openapi") ||
                              (name.starts_with("comp ") && !vector.too_large) ||
                              vector.target.starts_with("/swagger-ui") || vector.status == 0;
    return !another_node && name != "json array" && name != "cors path pattern odd" &&
           !(vector.method == "POST" && vector.target == "/dev/components" &&
             vector.body == "{bad");
}

bool is_one_of(const Vector& vector, std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), vector.name) != names.end();
}

// The words of the reason are the JSON reader's own there.
bool own_words(const Vector& vector) {
    return is_one_of(vector, {"json null", "json string", "signer bad addr char", "signer addr 0X",
                              "signer addr number", "signer string", "chain int chain_id",
                              "chain no type", "chain bad type"});
}

// The recorded reader notices these a little earlier or later in the text.
bool own_position(const Vector& vector) {
    return is_one_of(vector,
                     {"signer two tags", "signer cosmos bad", "chain no ws", "chain no gas"});
}

std::string without_position(std::string_view text) {
    return std::string(text.substr(0, text.rfind(" at line ")));
}

// Bodies that depend on the node behind the interface.
bool is_node_state(const Vector& vector) {
    for (const std::string_view path :
         {"/health", "/config", "/info", "/p2p/status", "/services", "/api-docs/openapi.json"}) {
        if (vector.method == "GET" && vector.target.substr(0, vector.target.find('?')) == path) {
            return vector.status == 200;
        }
    }
    return false;
}

class VectorsTest : public ApiTest {
protected:
    void expect_body(const Vector& vector, const net::Response& response) {
        if (!vector.expected_body.has_value() || is_node_state(vector) || vector.method == "HEAD") {
            return;
        }
        if (own_position(vector)) {
            EXPECT_EQ(without_position(response.body), without_position(*vector.expected_body));
            return;
        }
        if (!own_words(vector)) {
            EXPECT_EQ(response.body, *vector.expected_body);
            return;
        }
        for (const std::string_view prefix : kRejections) {
            EXPECT_EQ(response.body.starts_with(prefix), vector.expected_body->starts_with(prefix));
        }
    }
    void expect_headers(const Vector& vector, const net::Response& response) {
        for (const auto& [name, value] : vector.expected_headers) {
            std::string expected = replaced(value, "<invalid_request>",
                                            R"(Bearer realm="wavs", error="invalid_request", )"
                                            R"(error_description="invalid_authorization_header")");
            expected = replaced(
                std::move(expected), "<invalid_token>",
                R"(Bearer realm="wavs", error="invalid_token", error_description="token_mismatch")");
            expected =
                replaced(std::move(expected), "<vary>",
                         "origin, access-control-request-method, access-control-request-headers");
            if (name == "access-control-allow-headers") {
                expected = "authorization, content-type, *";
            }
            EXPECT_EQ(header(response, name), expected) << name;
        }
        EXPECT_EQ(response.headers.find("access-control-allow-origin").has_value(),
                  vector.expected_headers.contains("access-control-allow-origin"));
        EXPECT_EQ(response.headers.find("allow").has_value(),
                  vector.expected_headers.contains("allow"));
    }
    void check_all(const std::string& file, std::size_t at_least) {
        std::size_t checked = 0;
        for (const Vector& vector : read_vectors(file)) {
            if (!is_ours(vector)) {
                continue;
            }
            ++checked;
            SCOPED_TRACE(vector.name + ": " + vector.method + " " + vector.target + " " +
                         vector.body);
            auto call = request(vector.method, vector.target, vector.headers, vector.body);
            if (!vector.name.starts_with("json ") && !vector.headers.find("content-type")) {
                call.head.headers.add("Content-Type", "application/json");
            }
            call.body_too_large = vector.too_large;
            const auto response = send(std::move(call));
            const unsigned expected = vector.status == 500
                                          ? precise_status(vector.expected_body.value_or(""))
                                          : vector.status;
            EXPECT_EQ(response.status, expected) << response.body;
            expect_body(vector, response);
            expect_headers(vector, response);
        }
        EXPECT_GE(checked, at_least);
    }
};

TEST_F(VectorsTest, endpoints) {
    open(dev_options());
    check_all("endpoints.json", 100);
}

TEST_F(VectorsTest, auth) {
    open(token_options());
    check_all("auth.json", 55);
}

TEST_F(VectorsTest, cors) {
    auto options = token_options();
    options.cors_allowed_origins = {"http://localhost:*", "https://a.example/*",
                                    "https://?.b.example"};
    open(std::move(options));
    check_all("cors.json", 20);
}

}  // namespace
}  // namespace wavs::http
