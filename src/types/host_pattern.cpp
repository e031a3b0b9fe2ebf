// SPDX-License-Identifier: Apache-2.0
#include "host_pattern.hpp"

#include <algorithm>
#include <charconv>

namespace wavs::types {
namespace {

std::string_view without_scheme_and_path(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return {};
    }
    text = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
    const auto scheme = text.find("://");
    if (scheme != std::string_view::npos) {
        text.remove_prefix(scheme + 3);
    }
    return text.substr(0, text.find_first_of("/?#"));
}

/// The port behind the last colon of `text`, which is taken off with it.
std::optional<std::uint16_t> take_port(std::string_view& text) {
    const auto colon = text.rfind(':');
    // More than one colon without brackets is an IPv6 address.
    if (colon == std::string_view::npos ||
        (text.find(':') != colon && (colon == 0 || text[colon - 1] != ']'))) {
        return std::nullopt;
    }
    const auto digits = text.substr(colon + 1);
    std::uint16_t port = 0;
    const auto* end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, port);
    if (read.ec != std::errc() || read.ptr != end) {
        return std::nullopt;
    }
    text = text.substr(0, colon);
    return port;
}

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

}  // namespace

HostPattern HostPattern::parse(std::string_view entry) {
    HostPattern out;
    if (entry == "*") {
        out.kind_ = Kind::Any;
        return out;
    }
    auto text = without_scheme_and_path(entry);
    out.port_ = take_port(text);
    if (text.starts_with("[") && text.ends_with("]")) {
        text = text.substr(1, text.size() - 2);
    }
    if (text.ends_with(".")) {
        text.remove_suffix(1);
    }
    if (text.starts_with("*.")) {
        out.kind_ = Kind::Suffix;
        text.remove_prefix(1);
    }
    out.host_ = lower_case(text);
    return out;
}

bool HostPattern::covers(const HostPattern& other) const {
    if (kind_ == Kind::Any) {
        return true;
    }
    if (other.kind_ == Kind::Any || (port_ && port_ != other.port_)) {
        return false;
    }
    if (kind_ == other.kind_ && host_ == other.host_) {
        return true;
    }
    return kind_ == Kind::Suffix && host_.size() > 1 && other.host_.size() > host_.size() &&
           other.host_.ends_with(host_);
}

}  // namespace wavs::types
