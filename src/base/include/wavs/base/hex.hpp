// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace wavs::base {

/// Lower case, without a prefix.
std::string hex(ByteView bytes);
/// Lower case with "0x".
std::string hex0x(ByteView bytes);

/// Any case, optional "0x" (lower-case x only). Errors are the texts of the protocol's HTTP
/// interface: "odd number of digits", "invalid character 'x' at position n".
Result<Bytes> parse_hex(std::string_view text);

/// As `parse_hex` with exactly N bytes; a wrong length is "invalid string length".
template <typename Fixed>
Result<Fixed> parse_fixed_hex(std::string_view text) {
    WAVS_TRY(auto bytes, parse_hex(text));
    if (bytes.size() != Fixed::kSize) {
        return Error(ErrorKind::Invalid, "hex_length", "invalid string length",
                     fmt::format("write {} hex digits", Fixed::kSize * 2));
    }
    return Fixed::from(std::span<const std::uint8_t, Fixed::kSize>(bytes));
}

/// Standard alphabet with padding.
std::string base64(ByteView bytes);
std::optional<Bytes> parse_base64(std::string_view text);

}  // namespace wavs::base
