// SPDX-License-Identifier: Apache-2.0
#include "auth.hpp"

#include "reply.hpp"
#include "wavs/http/http_options.hpp"

namespace wavs::http {
namespace {

/// The token text of an `Authorization` value; empty when malformed.
std::string_view presented_token(std::string_view value) {
    const std::size_t blank = value.find(' ');
    if (blank == std::string_view::npos || !equals_ignore_case(value.substr(0, blank), "bearer")) {
        return {};
    }
    return trim_blanks(value.substr(blank + 1));
}

std::string_view without_port(std::string_view authority) {
    if (authority.starts_with('[')) {
        const std::size_t bracket = authority.find(']');
        return bracket == std::string_view::npos ? authority : authority.substr(0, bracket + 1);
    }
    return authority.substr(0, authority.rfind(':'));
}

bool is_loopback_origin(std::string_view origin) {
    const std::size_t scheme = origin.find("://");
    return scheme != std::string_view::npos &&
           is_loopback_name(without_port(origin.substr(scheme + 3)));
}

base::Error denied(std::string_view why) {
    return {
        base::ErrorKind::Denied, "loopback_only",
        fmt::format("without `bearer_token` changes are accepted from this machine only: {}", why),
        "set `bearer_token` on the node and send it as `Authorization: Bearer <token>`"};
}

}  // namespace

TokenCheck check_token(const net::Headers& headers, const BearerToken& token) {
    const auto value = headers.find("authorization");
    const auto presented = value.has_value() ? presented_token(*value) : std::string_view();
    if (presented.empty()) {
        return TokenCheck::Malformed;
    }
    return token.matches(presented) ? TokenCheck::Right : TokenCheck::Wrong;
}

base::Error unauthorized() {
    return {base::ErrorKind::Denied, "unauthorized", "Unauthorized",
            "send `Authorization: Bearer <token>` with the node's `bearer_token`"};
}

std::string_view challenge(TokenCheck check) {
    return check == TokenCheck::Wrong
               ? R"(Bearer realm="wavs", error="invalid_token", error_description="token_mismatch")"
               : R"(Bearer realm="wavs", error="invalid_request", )"
                 R"(error_description="invalid_authorization_header")";
}

base::Result<void> check_local(const net::RequestHead& head) {
    if (!head.peer_is_loopback) {
        return denied("the request came from another one");
    }
    for (const auto& [name, value] : head.headers.all()) {
        if (equals_ignore_case(name, "forwarded") ||
            equals_ignore_case(std::string_view(name).substr(0, 12), "x-forwarded-")) {
            return denied("the request came through a proxy");
        }
        if (equals_ignore_case(name, "host") && !is_loopback_name(without_port(value))) {
            return denied("the `Host` of the request is not a loopback name");
        }
        if (equals_ignore_case(name, "origin") && !is_loopback_origin(value)) {
            return denied("the `Origin` of the request is not a loopback name");
        }
    }
    return base::ok();
}

}  // namespace wavs::http
