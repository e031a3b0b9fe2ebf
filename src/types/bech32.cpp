// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/ids.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace wavs::types {
namespace {

using base::Bytes;
using base::Error;
using base::ErrorKind;
using base::Result;

constexpr std::string_view kAlphabet = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr std::size_t kChecksumSize = 6;
constexpr std::size_t kMaxPayload = 255;

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_prefix_char(char c) { return is_lower(c) || (c >= '0' && c <= '9'); }

std::uint32_t polymod_step(std::uint32_t state) {
    constexpr std::array<std::uint32_t, 5> kGenerator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa,
                                                         0x3d4233dd, 0x2a1462b3};
    const std::uint32_t top = state >> 25;
    state = (state & 0x1ffffff) << 5;
    for (std::size_t i = 0; i < kGenerator.size(); ++i) {
        state ^= ((top >> i) & 1) != 0 ? kGenerator.at(i) : 0;
    }
    return state;
}

/// BIP-173 checksum over the prefix and groups of 5 bits; 1 when the last six are right.
std::uint32_t polymod(std::string_view prefix, const Bytes& groups) {
    std::uint32_t state = 1;
    for (const char c : prefix) {
        state = polymod_step(state) ^ (static_cast<std::uint32_t>(c) >> 5);
    }
    state = polymod_step(state);
    for (const char c : prefix) {
        state = polymod_step(state) ^ (static_cast<std::uint32_t>(c) & 31);
    }
    for (const std::uint8_t group : groups) {
        state = polymod_step(state) ^ group;
    }
    return state;
}

/// Packs 5-bit groups into bytes; the bits left over must be fewer than 5 and zero.
std::optional<Bytes> to_payload(const Bytes& groups) {
    Bytes out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const std::uint8_t group : groups) {
        bits = ((bits << 5) | group) & 0xfff;
        count += 5;
        if (count >= 8) {
            count -= 8;
            out.push_back(static_cast<std::uint8_t>(bits >> count));
        }
    }
    const bool clean = count < 5 && (bits & ((1U << count) - 1)) == 0;
    return clean ? std::optional(out) : std::nullopt;
}

Bytes to_groups(base::ByteView payload) {
    Bytes out;
    std::uint32_t bits = 0;
    int count = 0;
    for (const std::uint8_t byte : payload) {
        bits = ((bits << 8) | byte) & 0xfff;
        count += 8;
        while (count >= 5) {
            count -= 5;
            out.push_back(static_cast<std::uint8_t>((bits >> count) & 31));
        }
    }
    if (count > 0) {
        out.push_back(static_cast<std::uint8_t>((bits << (5 - count)) & 31));
    }
    return out;
}

/// Upper case is allowed when the text begins with it and has no lower-case letter.
std::optional<std::string> lowered(std::string_view text) {
    std::string out(text);
    const bool upper = !text.empty() && is_upper(text.front());
    for (char& c : out) {
        if (upper ? is_lower(c) : is_upper(c)) {
            return std::nullopt;
        }
        c = is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

std::optional<Bytes> decode(std::string_view prefix, std::string_view data) {
    Bytes groups;
    for (const char c : data) {
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) {
            return std::nullopt;
        }
        groups.push_back(static_cast<std::uint8_t>(value));
    }
    if (groups.size() < kChecksumSize || polymod(prefix, groups) != 1) {
        return std::nullopt;
    }
    groups.resize(groups.size() - kChecksumSize);
    return to_payload(groups);
}

}  // namespace

Result<CosmosAddress> CosmosAddress::parse(std::string_view text) {
    const Error bad(ErrorKind::Invalid, "bech32", fmt::format("invalid bech32: '{}'", text));
    auto lower = lowered(text);
    const std::size_t split = lower.has_value() ? lower->rfind('1') : std::string::npos;
    if (split == std::string::npos || split == 0 ||
        !std::all_of(lower->begin(), lower->begin() + static_cast<std::ptrdiff_t>(split),
                     is_prefix_char)) {
        return bad;
    }
    const std::string_view view = *lower;
    auto payload = decode(view.substr(0, split), view.substr(split + 1));
    if (!payload.has_value() || payload->size() > kMaxPayload) {
        return bad;
    }
    CosmosAddress out;
    out.text_ = std::move(*lower);
    out.payload_ = std::move(*payload);
    out.prefix_size_ = split;
    return out;
}

Result<CosmosAddress> CosmosAddress::make(std::string_view prefix, base::ByteView payload) {
    if (prefix.empty() || !std::all_of(prefix.begin(), prefix.end(), is_prefix_char) ||
        payload.size() > kMaxPayload) {
        return Error(
            ErrorKind::Invalid, "bech32",
            fmt::format("no bech32 address has prefix '{}' and {} bytes", prefix, payload.size()));
    }
    Bytes groups = to_groups(payload);
    Bytes checked = groups;
    checked.resize(groups.size() + kChecksumSize);
    const std::uint32_t checksum = polymod(prefix, checked) ^ 1;
    for (std::size_t i = 0; i < kChecksumSize; ++i) {
        groups.push_back(static_cast<std::uint8_t>((checksum >> (5 * (5 - i))) & 31));
    }
    CosmosAddress out;
    out.text_ = std::string(prefix) + "1";
    for (const std::uint8_t group : groups) {
        out.text_.push_back(kAlphabet[group]);
    }
    out.payload_ = base::to_bytes(payload);
    out.prefix_size_ = prefix.size();
    return out;
}

}  // namespace wavs::types
