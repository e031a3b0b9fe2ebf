// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::types {

struct CodePoint {
    char32_t value;
    std::size_t size;
};

/// The first character of a text; none when it is not well-formed UTF-8.
std::optional<CodePoint> first_code_point(std::string_view text);
void append_utf8(std::string& out, char32_t value);
/// General categories Nd, Nl and No.
bool is_unicode_number(char32_t value);

}  // namespace wavs::types
