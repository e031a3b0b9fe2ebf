// SPDX-License-Identifier: Apache-2.0
#include "path.hpp"
#include "reply.hpp"
#include "route.hpp"
#include "wavs/base/version.hpp"
#include "wavs/types/json.hpp"

#include <algorithm>
#include <set>

namespace wavs::http {
namespace {

using types::json::Writer;

void text_member(Writer& json, std::string_view name, std::string_view text) {
    json.key(name);
    json.string(text);
}

std::set<std::string> error_statuses(const Route& route) {
    std::set<std::string> out;
    std::string_view left = route.errors;
    while (!left.empty()) {
        const std::size_t blank = left.find(' ');
        out.emplace(left.substr(0, blank));
        left = blank == std::string_view::npos ? std::string_view() : left.substr(blank + 1);
    }
    if (route.access != Access::Probe) {
        out.insert("401");
    }
    if (route.access == Access::Token) {
        out.insert("403");
    }
    if (route.body == Body::Json) {
        out.insert({"400", "413", "415", "422"});
    }
    if (route.body == Body::Raw) {
        out.insert("413");
    }
    return out;
}

std::string_view content_type_of(const Route& route) {
    if (route.response == "text") {
        return "text/plain";
    }
    return route.response == "bytes" ? kBinary : kJson;
}

void write_content(Writer& json, std::string_view type) {
    json.key("content");
    json.begin_object();
    json.key(type);
    json.begin_object();
    json.end_object();
    json.end_object();
}

void write_parameters(Writer& json, const Route& route) {
    json.key("parameters");
    json.begin_array();
    for (const std::string_view name : parameter_names(route.pattern)) {
        json.begin_object();
        text_member(json, "name", name);
        text_member(json, "in", "path");
        json.key("required");
        json.boolean(true);
        json.key("schema");
        json.begin_object();
        text_member(json, "type", "string");
        json.end_object();
        json.end_object();
    }
    json.end_array();
}

void write_responses(Writer& json, const Route& route) {
    json.key("responses");
    json.begin_object();
    json.key(std::to_string(route.success));
    json.begin_object();
    text_member(json, "description", route.response.empty() ? "Empty" : route.response);
    if (!route.response.empty()) {
        write_content(json, content_type_of(route));
    }
    json.end_object();
    for (const std::string& status : error_statuses(route)) {
        json.key(status);
        json.begin_object();
        text_member(json, "description",
                    net::status_name(static_cast<unsigned>(std::stoul(status))));
        json.end_object();
    }
    json.end_object();
}

void write_operation(Writer& json, const Route& route) {
    std::string method(route.method);
    std::transform(method.begin(), method.end(), method.begin(),
                   [](char c) { return static_cast<char>(c | 0x20); });
    json.key(method);
    json.begin_object();
    text_member(json, "summary", route.summary);
    write_parameters(json, route);
    if (route.body != Body::None) {
        json.key("requestBody");
        json.begin_object();
        json.key("required");
        json.boolean(true);
        write_content(json, route.body == Body::Json ? kJson : kBinary);
        json.end_object();
    }
    if (route.access == Access::Token) {
        json.key("security");
        json.begin_array();
        json.raw(R"({"bearer":[]})");
        json.end_array();
    }
    write_responses(json, route);
    json.end_object();
}

void write_paths(Writer& json, std::span<const Route* const> routes) {
    std::set<std::string_view> written;
    json.key("paths");
    json.begin_object();
    for (const Route* first : routes) {
        if (!written.insert(first->pattern).second) {
            continue;
        }
        json.key(first->pattern);
        json.begin_object();
        for (const Route* route : routes) {
            if (route->pattern == first->pattern) {
                write_operation(json, *route);
            }
        }
        json.end_object();
    }
    json.end_object();
}

}  // namespace

std::string openapi_json(std::span<const Route* const> routes) {
    std::string out;
    Writer json(out);
    json.begin_object();
    text_member(json, "openapi", "3.1.0");
    json.key("info");
    json.begin_object();
    text_member(json, "title", "WAVS API");
    text_member(json, "description", "API documentation for the WAVS service");
    text_member(json, "version", base::kVersion);
    json.end_object();
    write_paths(json, routes);
    json.key("components");
    json.raw(R"({"securitySchemes":{"bearer":{"type":"http","scheme":"bearer"}}})");
    json.end_object();
    return out;
}

}  // namespace wavs::http
