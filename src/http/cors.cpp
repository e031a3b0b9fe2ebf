// SPDX-License-Identifier: Apache-2.0
#include "cors.hpp"

#include "reply.hpp"

#include <algorithm>

namespace wavs::http {

bool origin_matches(std::string_view pattern, std::string_view origin) {
    // The last star is the only one worth going back to, so this takes at most the product of the
    // two lengths.
    std::size_t at = 0;
    std::size_t star = std::string_view::npos;
    std::size_t star_at = 0;
    std::size_t p = 0;
    while (at < origin.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            star_at = at;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == origin[at])) {
            ++p;
            ++at;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            at = ++star_at;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool Cors::allows(std::string_view origin) const {
    const bool visible =
        std::all_of(origin.begin(), origin.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
    return visible && std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
               return origin_matches(pattern, origin);
           });
}

void Cors::apply(const net::RequestHead& request, net::Response& response) const {
    if (!enabled()) {
        return;
    }
    response.headers.add("vary",
                         "origin, access-control-request-method, access-control-request-headers");
    const auto origin = request.headers.find("origin");
    if (origin.has_value() && allows(*origin)) {
        response.headers.set("access-control-allow-origin", std::string(*origin));
    }
}

net::Response Cors::preflight(const std::string& allow) const {
    net::Response out = empty_reply(200);
    out.headers.set("access-control-allow-methods", "*");
    // The star does not stand for `authorization` in browsers.
    out.headers.set("access-control-allow-headers", "authorization, content-type, *");
    if (!allow.empty()) {
        out.headers.set("allow", allow);
    }
    return out;
}

}  // namespace wavs::http
