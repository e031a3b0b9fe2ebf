// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/numbers.hpp"

#include <algorithm>
#include <charconv>

namespace wavs::chain_evm {
namespace {

// Not with fmt's debug form, which fails on text that is no UTF-8.
base::Error bad_quantity(std::string_view text) {
    std::string shown(text.substr(0, 80));
    std::replace_if(shown.begin(), shown.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return {base::ErrorKind::Invalid, "rpc_quantity",
            fmt::format("not a hex quantity: \"{}\"", shown)};
}

int digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

base::Result<Wei> parse(std::string_view text, std::size_t most) {
    if (!text.starts_with("0x") || text.size() < 3) {
        return bad_quantity(text);
    }
    auto digits = text.substr(2);
    const auto first = std::min(digits.find_first_not_of('0'), digits.size() - 1);
    digits.remove_prefix(first);
    if (digits.size() > most) {
        return bad_quantity(text);
    }
    Wei out = 0;
    for (const char c : digits) {
        const int value = digit(c);
        if (value < 0) {
            return bad_quantity(text);
        }
        out = (out << 4) | static_cast<unsigned>(value);
    }
    return out;
}

}  // namespace

std::string to_decimal(const U256& value) {
    auto bytes = value.array();
    std::string out;
    bool more = true;
    while (more) {
        unsigned rest = 0;
        more = false;
        for (auto& byte : bytes) {
            const unsigned now = (rest << 8) | byte;
            byte = static_cast<std::uint8_t>(now / 10);
            rest = now % 10;
            more = more || byte != 0;
        }
        out.push_back(static_cast<char>('0' + rest));
    }
    std::reverse(out.begin(), out.end());
    return out;
}

std::string to_decimal(Wei value) {
    std::string out;
    do {
        out.push_back(static_cast<char>('0' + static_cast<unsigned>(value % 10)));
        value /= 10;
    } while (value != 0);
    std::reverse(out.begin(), out.end());
    return out;
}

U256 to_u256(std::uint64_t value) {
    U256 out;
    for (std::size_t i = 0; i < 8; ++i) {
        out.array()[31 - i] = static_cast<std::uint8_t>(value >> (8 * i));
    }
    return out;
}

std::optional<std::uint64_t> to_u64(const U256& value) {
    const auto& bytes = value.array();
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 32; ++i) {
        if (i < 24 && bytes[i] != 0) {
            return std::nullopt;
        }
        out = (out << 8) | bytes[i];
    }
    return out;
}

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole ? std::optional(out) : std::nullopt;
}

std::string quantity(std::uint64_t value) { return fmt::format("{:#x}", value); }

std::string quantity(Wei value) {
    const auto high = static_cast<std::uint64_t>(value >> 64);
    const auto low = static_cast<std::uint64_t>(value);
    return high == 0 ? quantity(low) : fmt::format("{:#x}{:016x}", high, low);
}

base::Result<std::uint64_t> parse_quantity(std::string_view text) {
    WAVS_TRY(auto value, parse(text, 16));
    return static_cast<std::uint64_t>(value);
}

base::Result<Wei> parse_wei(std::string_view text) { return parse(text, 32); }

}  // namespace wavs::chain_evm
