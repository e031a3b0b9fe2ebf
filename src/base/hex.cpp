// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/hex.hpp"

#include <array>

namespace wavs::base {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int nibble(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

void append_hex(std::string& out, ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
        out.push_back(kDigits[byte >> 4]);
        out.push_back(kDigits[byte & 15]);
    }
}

std::array<std::int8_t, 256> base64_table() {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    for (std::size_t i = 0; i < kBase64.size(); ++i) {
        table[static_cast<std::uint8_t>(kBase64[i])] = static_cast<std::int8_t>(i);
    }
    return table;
}

}  // namespace

std::string hex(ByteView bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    append_hex(out, bytes);
    return out;
}

std::string hex0x(ByteView bytes) {
    std::string out;
    out.reserve(2 + bytes.size() * 2);
    out += "0x";
    append_hex(out, bytes);
    return out;
}

Result<Bytes> parse_hex(std::string_view text) {
    const std::size_t skip = text.starts_with("0x") ? 2 : 0;
    text.remove_prefix(skip);
    if (text.size() % 2 != 0) {
        return Error(ErrorKind::Invalid, "hex_odd", "odd number of digits");
    }
    Bytes out(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int digit = nibble(text[i]);
        if (digit < 0) {
            return Error(ErrorKind::Invalid, "hex_character",
                         fmt::format("invalid character {:?} at position {}", text[i], i + skip));
        }
        out[i / 2] = static_cast<std::uint8_t>((out[i / 2] << 4) | digit);
    }
    return out;
}

std::string base64(ByteView bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
        group |= left > 1 ? static_cast<std::uint32_t>(bytes[i + 1]) << 8 : 0U;
        group |= left > 2 ? static_cast<std::uint32_t>(bytes[i + 2]) : 0U;
        out.push_back(kBase64[(group >> 18) & 63]);
        out.push_back(kBase64[(group >> 12) & 63]);
        out.push_back(left > 1 ? kBase64[(group >> 6) & 63] : '=');
        out.push_back(left > 2 ? kBase64[group & 63] : '=');
    }
    return out;
}

std::optional<Bytes> parse_base64(std::string_view text) {
    static const std::array<std::int8_t, 256> kTable = base64_table();
    if (text.size() % 4 != 0) {
        return std::nullopt;
    }
    Bytes out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const std::size_t padding =
            last ? (text[i + 3] == '=' ? (text[i + 2] == '=' ? 2U : 1U) : 0U) : 0U;
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 4; ++k) {
            const bool pad = k >= 4 - padding;
            const std::int8_t digit =
                pad ? std::int8_t{0} : kTable[static_cast<std::uint8_t>(text[i + k])];
            if (digit < 0) {
                return std::nullopt;
            }
            group = (group << 6) | static_cast<std::uint32_t>(digit);
        }
        for (std::size_t k = 0; k < 3 - padding; ++k) {
            out.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * k)));
        }
    }
    return out;
}

}  // namespace wavs::base
