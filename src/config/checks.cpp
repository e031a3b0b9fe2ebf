// SPDX-License-Identifier: Apache-2.0
#include "checks.hpp"

#include "field.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace wavs::config {
namespace {

constexpr std::array<std::string_view, 12> kLevels = {
    "off", "error", "warn", "info", "debug", "trace", "0", "1", "2", "3", "4", "5"};

bool is_level(std::string_view text) {
    return std::find(kLevels.begin(), kLevels.end(), lower(text)) != kLevels.end();
}

bool is_target_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == ':' || c == '-' || c == '.';
}

bool is_directive(std::string_view text) {
    // A field in brackets has an '=' of its own, so the level's is the last one.
    const auto equals = text.rfind('=');
    if (equals == std::string_view::npos) {
        return is_level(text);
    }
    std::string_view target = text.substr(0, equals);
    if (!is_level(text.substr(equals + 1))) {
        return false;
    }
    const auto bracket = target.find('[');
    if (bracket != std::string_view::npos) {
        if (!target.ends_with(']')) {
            return false;
        }
        target = target.substr(0, bracket);
    } else if (target.empty()) {
        return false;
    }
    return std::all_of(target.begin(), target.end(), is_target_char);
}

base::Result<void> check_scheme(std::string_view url, std::string_view plain,
                                std::string_view secure) {
    const auto rest = url.find("://");
    const auto scheme = lower(url.substr(0, std::min(rest, url.size())));
    const bool fits = rest != std::string_view::npos && (scheme == plain || scheme == secure) &&
                      url.size() > rest + 3 && url.find_first_of(" \t\r\n") == std::string::npos;
    if (!fits) {
        // The URL itself may carry a key, so it is not shown.
        return bad_value("not a URL that can be used here",
                         fmt::format("write {}://host:port or {}://host", plain, secure));
    }
    return base::ok();
}

bool is_number(std::string_view text, unsigned max) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size() &&
           value <= max;
}

bool is_ipv4(std::string_view text) {
    for (int part = 0; part < 4; ++part) {
        const auto dot = std::min(text.find('.'), text.size());
        if (!is_number(text.substr(0, dot), 255) || (part < 3) != (dot < text.size())) {
            return false;
        }
        text.remove_prefix(std::min(dot + 1, text.size()));
    }
    return text.empty();
}

}  // namespace

base::Result<void> check_log_directives(std::vector<std::string>& directives) {
    for (std::string& directive : directives) {
        directive = std::string(trim(directive));
        if (!is_directive(directive)) {
            return bad_value(fmt::format("{} is not a log directive", in_quotes(directive)),
                             "write off, error, warn, info, debug or trace, or target=level");
        }
    }
    return base::ok();
}

base::Result<void> check_http_url(std::string& url) { return check_scheme(url, "http", "https"); }

base::Result<void> check_optional_http_url(std::optional<std::string>& url) {
    return url.has_value() ? check_http_url(*url) : base::Result<void>(base::ok());
}

base::Result<void> check_http_urls(std::vector<std::string>& urls) {
    for (std::string& url : urls) {
        WAVS_TRY(check_http_url(url));
    }
    return base::ok();
}

base::Result<void> check_ws_url(std::string& url) { return check_scheme(url, "ws", "wss"); }

base::Result<void> check_ws_urls(std::vector<std::string>& urls) {
    for (std::string& url : urls) {
        WAVS_TRY(check_ws_url(url));
    }
    return base::ok();
}

base::Result<void> check_gateway(std::string& url) {
    WAVS_TRY(check_http_url(url));
    if (!url.ends_with('/')) {
        url.push_back('/');
    }
    return base::ok();
}

base::Result<void> check_not_zero(std::uint64_t& value) {
    return value == 0 ? base::Result<void>(bad_value("must not be 0")) : base::ok();
}
base::Result<void> check_not_zero_32(std::uint32_t& value) {
    return value == 0 ? base::Result<void>(bad_value("must not be 0")) : base::ok();
}
base::Result<void> check_record_services(std::vector<std::string>& services) {
    for (const auto& service : services) {
        if (service != "*" && !types::parse_service_id(service).has_value()) {
            return bad_value(fmt::format("\"{}\" is neither a service id nor *", service));
        }
    }
    return base::ok();
}
base::Result<void> check_not_zero_secs(std::chrono::seconds& value) {
    return value.count() == 0 ? base::Result<void>(bad_value("must not be 0")) : base::ok();
}

bool is_loopback(std::string_view host) {
    return lower(host) == "localhost" || host == "::1" || host == "[::1]" ||
           (host.starts_with("127.") && is_ipv4(host));
}

bool has_path(std::string_view pattern) {
    const auto scheme = pattern.find("://");
    const auto rest = scheme == std::string_view::npos ? 0 : scheme + 3;
    return pattern.find('/', rest) != std::string_view::npos;
}

bool is_ip_and_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || !is_number(text.substr(colon + 1), 65535)) {
        return false;
    }
    const auto host = text.substr(0, colon);
    return is_ipv4(host) || (host.starts_with('[') && host.ends_with(']'));
}

}  // namespace wavs::config
