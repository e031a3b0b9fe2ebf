// SPDX-License-Identifier: Apache-2.0
#include "package_ref.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wavs::types {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// Any character of a URI outside of the brackets of an IP literal.
bool is_uri_char(char c) {
    constexpr std::string_view kMarks = "-._~:/?#@!$&'()*+,;=";
    return is_letter(c) || is_digit(c) || kMarks.find(c) != std::string_view::npos;
}

std::string check_label(std::string_view label) {
    if (label.empty()) {
        return "invalid label: labels may not be empty";
    }
    for (;;) {
        const std::size_t dash = label.find('-');
        const std::string_view word = label.substr(0, dash);
        if (word.empty()) {
            return "invalid label: dash-separated words may not be empty";
        }
        if (!is_lower(word.front())) {
            return "invalid label: dash-separated words must begin with an ASCII lowercase letter";
        }
        if (!std::all_of(word.begin(), word.end(),
                         [](char c) { return is_lower(c) || is_digit(c); })) {
            return "invalid label: dash-separated words may contain only lowercase alphanumeric "
                   "ASCII characters";
        }
        if (dash == std::string_view::npos) {
            return {};
        }
        label.remove_prefix(dash + 1);
    }
}

std::string unexpected(std::string_view rest, std::string_view part) {
    return rest.empty()
               ? fmt::format("unexpected end of input while parsing {} version number", part)
               : fmt::format("unexpected character '{}' while parsing {} version number", rest[0],
                             part);
}

/// Takes one of the three numbers from the front of `rest`.
std::string take_number(std::string_view& rest, std::string_view part) {
    constexpr std::string_view kMax = "18446744073709551615";
    std::size_t size = 0;
    while (size < rest.size() && is_digit(rest[size])) {
        ++size;
    }
    const std::string_view number = rest.substr(0, size);
    if (size == 0) {
        return unexpected(rest, part);
    }
    if (size > 1 && number[0] == '0') {
        return fmt::format("invalid leading zero in {} version number", part);
    }
    if (size > kMax.size() || (size == kMax.size() && number > kMax)) {
        return fmt::format("value of {} version number exceeds u64::MAX", part);
    }
    rest.remove_prefix(size);
    return {};
}

/// Dot-separated identifiers of a pre-release or of build metadata.
std::string check_identifiers(std::string_view text, std::string_view what) {
    const bool numbers_are_strict = what == "pre-release identifier";
    for (;;) {
        const std::size_t dot = text.find('.');
        const std::string_view part = text.substr(0, dot);
        if (part.empty()) {
            return fmt::format("empty identifier segment in {}", what);
        }
        const auto bad = std::find_if_not(part.begin(), part.end(), [](char c) {
            return is_letter(c) || is_digit(c) || c == '-';
        });
        if (bad != part.end()) {
            return fmt::format("unexpected character '{}' in {}", *bad, what);
        }
        const bool number = std::all_of(part.begin(), part.end(), is_digit);
        if (numbers_are_strict && number && part.size() > 1 && part[0] == '0') {
            return fmt::format("invalid leading zero in {}", what);
        }
        if (dot == std::string_view::npos) {
            return {};
        }
        text.remove_prefix(dot + 1);
    }
}

/// `[...]` of an IP literal is allowed once, in the authority.
std::string_view without_ip_literal(std::string_view rest, std::string& buffer) {
    if (!rest.starts_with("//")) {
        return rest;
    }
    const std::size_t end = std::min(rest.find_first_of("/?#", 2), rest.size());
    const std::size_t open = rest.find('[');
    const std::size_t close = rest.find(']');
    if (open >= end || close >= end || close < open) {
        return rest;
    }
    buffer = std::string(rest.substr(0, open)) +
             std::string(rest.substr(open + 1, close - open - 1)) +
             std::string(rest.substr(close + 1));
    return buffer;
}

}  // namespace

std::string check_uri(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view scheme = text.substr(0, colon);
    const bool scheme_ok =
        colon != std::string_view::npos && !scheme.empty() && is_letter(scheme.front()) &&
        std::all_of(scheme.begin(), scheme.end(), [](char c) {
            return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
        });
    if (!scheme_ok) {
        return "invalid IRI: expected an absolute IRI but got a relative IRI";
    }
    std::string buffer;
    const std::string_view rest = without_ip_literal(text.substr(colon + 1), buffer);
    for (std::size_t i = 0; i < rest.size(); ++i) {
        const bool escape =
            rest[i] == '%' && i + 2 < rest.size() && is_hex(rest[i + 1]) && is_hex(rest[i + 2]);
        if (!escape && !is_uri_char(rest[i])) {
            return "invalid IRI: invalid path";
        }
    }
    return std::count(rest.begin(), rest.end(), '#') > 1 ? "invalid IRI: invalid path"
                                                         : std::string();
}

std::string check_version(std::string_view text) {
    if (text.empty()) {
        return "empty string, expected a semver version";
    }
    constexpr std::array<std::string_view, 3> kParts = {"major", "minor", "patch"};
    std::string_view rest = text;
    for (const std::string_view part : kParts) {
        if (auto wrong = take_number(rest, part); !wrong.empty()) {
            return wrong;
        }
        if (part != "patch") {
            if (!rest.starts_with('.')) {
                return unexpected(rest, part);
            }
            rest.remove_prefix(1);
        }
    }
    const std::size_t plus = rest.find('+');
    const std::string_view pre = rest.substr(0, plus);
    if (!pre.empty()) {
        if (pre[0] != '-') {
            return fmt::format("unexpected character '{}' after patch version number", pre[0]);
        }
        if (auto wrong = check_identifiers(pre.substr(1), "pre-release identifier");
            !wrong.empty()) {
            return wrong;
        }
    }
    return plus == std::string_view::npos
               ? std::string()
               : check_identifiers(rest.substr(plus + 1), "build metadata");
}

std::string check_package(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos) {
        return "invalid package ref: missing expected ':'";
    }
    auto wrong = check_label(text.substr(0, colon));
    return wrong.empty() ? check_label(text.substr(colon + 1)) : wrong;
}

}  // namespace wavs::types
