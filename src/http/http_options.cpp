// SPDX-License-Identifier: Apache-2.0
#include "wavs/http/http_options.hpp"

#include <algorithm>
#include <charconv>

namespace wavs::http {
namespace {

bool is_ipv4_loopback(std::string_view host) {
    const char* at = host.data();
    const char* const end = at + host.size();
    for (int part = 0; part < 4; ++part) {
        unsigned value = 0;
        const auto [next, code] = std::from_chars(at, end, value);
        if (code != std::errc() || value > 255 || (part == 0 && value != 127)) {
            return false;
        }
        at = next;
        if (part < 3 && (at == end || *at++ != '.')) {
            return false;
        }
    }
    return at == end;
}

// An Origin has no path, so such a pattern cannot match what browsers send.
bool has_path(std::string_view pattern) {
    const std::size_t scheme = pattern.find("://");
    return scheme != std::string_view::npos &&
           pattern.find('/', scheme + 3) != std::string_view::npos;
}

}  // namespace

bool is_loopback_name(std::string_view host) {
    if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    constexpr std::string_view kLocal = "localhost";
    const bool local =
        std::equal(host.begin(), host.end(), kLocal.begin(), kLocal.end(),
                   [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
    return local || host == "::1" || is_ipv4_loopback(host);
}

base::Result<std::vector<std::string>> check(const HttpOptions& options) {
    std::vector<std::string> warnings;
    if (!options.bearer_token.has_value() && !is_loopback_name(options.host)) {
        if (options.dev_endpoints) {
            return base::Error(
                base::ErrorKind::Invalid, "http_unprotected",
                fmt::format("`host` is {} and dev endpoints are on, but there is no `bearer_token`",
                            options.host),
                "set `bearer_token`, or `host` to 127.0.0.1, or switch the dev endpoints off");
        }
        warnings.push_back(fmt::format(
            "`host` is {} and there is no `bearer_token`: everybody who reaches the port can read "
            "the node's state, and changes are accepted from this machine only",
            options.host));
    }
    if (options.max_compilations == 0 || options.max_body_bytes == 0) {
        return base::Error(base::ErrorKind::Invalid, "max_body",
                           "the limits on bodies and compilations must be at least 1");
    }
    for (const std::string& pattern : options.cors_allowed_origins) {
        if (has_path(pattern)) {
            warnings.push_back(fmt::format(
                "`cors_allowed_origins` has {}, which no browser matches: an origin has no path",
                pattern));
        }
    }
    return warnings;
}

}  // namespace wavs::http
