// SPDX-License-Identifier: Apache-2.0
#include "path.hpp"

namespace wavs::http {
namespace {

/// Takes the first segment off; none at the end.
std::optional<std::string_view> next_segment(std::string_view& path) {
    if (path.empty() || path.front() != '/') {
        return std::nullopt;
    }
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    path.remove_prefix(segment.size());
    return segment;
}

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Bytes of the UTF-8 sequence that begins here; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) {
            return 0;
        }
    }
    const unsigned char second = byte(1);
    const bool overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    const bool outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
    return overlong || outside ? 0 : size;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = utf8_length(text);
        if (size == 0) {
            return false;
        }
        text.remove_prefix(size);
    }
    return true;
}

}  // namespace

std::string_view path_of(std::string_view target) {
    target = target.substr(0, target.find('?'));
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (target.starts_with(scheme)) {
            const std::size_t slash = target.find('/', scheme.size());
            return slash == std::string_view::npos ? "/" : target.substr(slash);
        }
    }
    return target;
}

std::optional<std::vector<std::string_view>> match_path(std::string_view pattern,
                                                        std::string_view path) {
    std::vector<std::string_view> out;
    while (true) {
        const auto expected = next_segment(pattern);
        const auto given = next_segment(path);
        if (!expected.has_value() || !given.has_value()) {
            return expected.has_value() == given.has_value() && path.empty()
                       ? std::optional(std::move(out))
                       : std::nullopt;
        }
        if (is_parameter(*expected) && !given->empty()) {
            out.push_back(*given);
        } else if (*expected != *given) {
            return std::nullopt;
        }
    }
}

std::vector<std::string_view> parameter_names(std::string_view pattern) {
    std::vector<std::string_view> out;
    while (const auto segment = next_segment(pattern)) {
        if (is_parameter(*segment)) {
            out.push_back(segment->substr(1, segment->size() - 2));
        }
    }
    return out;
}

base::Result<std::string> decode_parameter(std::string_view name, std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? digit_value(text[i + 1]) : -1;
        const int low = high >= 0 ? digit_value(text[i + 2]) : -1;
        if (low < 0) {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    if (!is_utf8(out)) {
        return base::Error(base::ErrorKind::Invalid, "url",
                           fmt::format("Invalid URL: Invalid UTF-8 in `{}`", name));
    }
    return out;
}

}  // namespace wavs::http
