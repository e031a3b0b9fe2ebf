// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/hex.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::http {

/// The path of a request target: without the query, and without scheme and host where a client sent
/// those too.
std::string_view path_of(std::string_view target);

/// The text of each `{name}` of the pattern, still encoded; none when the path does not match.
/// A name stands for one segment that is not empty.
std::optional<std::vector<std::string_view>> match_path(std::string_view pattern,
                                                        std::string_view path);
/// The names of a pattern, in order.
std::vector<std::string_view> parameter_names(std::string_view pattern);

/// Percent-decoded; what is no valid escape stays as it is. Code `url` for what is not UTF-8.
base::Result<std::string> decode_parameter(std::string_view name, std::string_view text);

/// Hex of a path segment. Unlike `base::parse_fixed_hex` it looks at the length before the digits
/// and counts positions behind the prefix, as clients know it.
template <typename Fixed>
base::Result<Fixed> parse_path_hex(std::string_view text) {
    const std::string_view digits = text.starts_with("0x") ? text.substr(2) : text;
    if (digits.size() % 2 == 0 && digits.size() != Fixed::kSize * 2) {
        return base::Error(base::ErrorKind::Invalid, "hex_length", "invalid string length",
                           fmt::format("write {} hex digits", Fixed::kSize * 2));
    }
    return base::parse_fixed_hex<Fixed>(digits);
}

}  // namespace wavs::http
