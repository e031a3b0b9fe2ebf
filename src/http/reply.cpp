// SPDX-License-Identifier: Apache-2.0
#include "reply.hpp"

#include "wavs/http/status.hpp"
#include "wavs/types/json.hpp"

#include <algorithm>
#include <array>

namespace wavs::http {
namespace {

using base::ErrorKind;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Where the kind alone would give another status.
constexpr std::array kStatusByCode{
    std::pair<std::string_view, unsigned>{"unauthorized", 401},
    std::pair<std::string_view, unsigned>{"method_not_allowed", 405},
    std::pair<std::string_view, unsigned>{"content_type", 415},
    std::pair<std::string_view, unsigned>{"json_shape", 422},
    std::pair<std::string_view, unsigned>{"not_ready", 503},
};

std::string error_object(const base::Error& error) {
    std::string out;
    types::json::Writer json(out);
    json.begin_object();
    json.key("error");
    json.begin_object();
    json.key("code");
    json.string(error.code().view());
    json.key("message");
    json.string(error.message());
    json.key("remedy");
    error.remedy().empty() ? json.null() : json.string(error.remedy());
    json.end_object();
    json.end_object();
    return out;
}

bool asks_for_json(std::string_view accept) {
    while (!accept.empty()) {
        const std::size_t comma = accept.find(',');
        const std::string_view range = accept.substr(0, comma);
        if (equals_ignore_case(trim_blanks(range.substr(0, range.find(';'))), kJson)) {
            return true;
        }
        accept = comma == std::string_view::npos ? std::string_view() : accept.substr(comma + 1);
    }
    return false;
}

}  // namespace

unsigned status_of(const base::Error& error) {
    for (const auto& [code, status] : kStatusByCode) {
        if (error.code().view() == code) {
            return status;
        }
    }
    switch (error.kind()) {
        case ErrorKind::Invalid:
            return 400;
        case ErrorKind::NotFound:
            return 404;
        case ErrorKind::Conflict:
            return 409;
        case ErrorKind::Denied:
            return 403;
        case ErrorKind::TooLarge:
            return 413;
        case ErrorKind::Unsupported:
            return 422;
        case ErrorKind::Overloaded:
            return 429;
        case ErrorKind::Unavailable:
            return 502;
        case ErrorKind::Cancelled:
            return 503;
        case ErrorKind::Timeout:
            return 504;
        case ErrorKind::Guest:
        case ErrorKind::Bug:
            return 500;
    }
    return 500;
}

net::Response empty_reply(unsigned status) {
    net::Response out;
    out.status = status;
    return out;
}

net::Response reply(unsigned status, std::string_view content_type, std::string body) {
    net::Response out = empty_reply(status);
    out.headers.set("content-type", std::string(content_type));
    out.body = std::move(body);
    return out;
}

ErrorForm error_form(const net::Headers& request) {
    for (const auto& [name, value] : request.all()) {
        if (equals_ignore_case(name, "accept") && asks_for_json(value)) {
            return ErrorForm::Json;
        }
    }
    return ErrorForm::Sentence;
}

net::Response error_reply(const base::Error& error, ErrorForm form) {
    const unsigned status = status_of(error);
    if (form == ErrorForm::Json) {
        return reply(status, kJson, error_object(error));
    }
    return error.message().empty() ? empty_reply(status)
                                   : reply(status, kPlainText, error.message());
}

bool equals_ignore_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view trim_blanks(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

}  // namespace wavs::http
