// SPDX-License-Identifier: Apache-2.0
#pragma once

// The little of Ethereum's ABI and of the node's binary form that payloads need.

#include <array>

#include "wavs/base.hpp"

namespace wavs::abi {

inline constexpr std::size_t kWord = 32;

/// keccak256("NewTrigger(bytes)")
inline constexpr std::array<std::uint8_t, kWord> kNewTrigger = {
    0x86, 0xea, 0xcd, 0x23, 0x61, 0x0d, 0x81, 0x70, 0x65, 0x16, 0xde, 0x1e, 0xd0, 0x47, 0x6c, 0x87,
    0x77, 0x2f, 0xdf, 0x93, 0x9c, 0x7c, 0x77, 0x1f, 0xbb, 0xd7, 0xf0, 0x23, 0x0d, 0x61, 0x9e, 0x68};

inline void put_word(Bytes& out, std::uint64_t value) {
    out.insert(out.end(), kWord - sizeof value, 0);
    for (int shift = 56; shift >= 0; shift -= 8) {
        out.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

/// The word at an offset as a number; none beyond the end or above 64 bits.
inline std::optional<std::uint64_t> word(BytesView data, std::uint64_t offset) {
    if (offset > data.size() || data.size() - offset < kWord) {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < kWord; ++i) {
        const auto byte = data[static_cast<std::size_t>(offset) + i];
        if (i < kWord - sizeof value && byte != 0) {
            return std::nullopt;
        }
        value = value << 8 | byte;
    }
    return value;
}

/// A dynamic `bytes`: its length at an offset, then its content.
inline std::optional<BytesView> dynamic_bytes(BytesView data, std::uint64_t offset) {
    const auto length = word(data, offset);
    if (!length || data.size() - offset - kWord < *length) {
        return std::nullopt;
    }
    return data.subspan(static_cast<std::size_t>(offset) + kWord,
                        static_cast<std::size_t>(*length));
}

/// abi.encode(DataWithId{uint64 triggerId; bytes data})
inline Bytes data_with_id(std::uint64_t id, BytesView data) {
    Bytes out;
    put_word(out, kWord);
    put_word(out, id);
    put_word(out, 2 * kWord);
    put_word(out, data.size());
    out.insert(out.end(), data.begin(), data.end());
    out.insert(out.end(), (kWord - data.size() % kWord) % kWord, 0);
    return out;
}

struct TriggerInfo {
    std::uint64_t id;
    Bytes data;
};

/// abi.decode(event data, (bytes)) and in it TriggerInfo(uint64 triggerId, address creator, bytes
/// data)
inline std::optional<TriggerInfo> trigger_info(BytesView event) {
    const auto outer_at = word(event, 0);
    const auto outer = outer_at ? dynamic_bytes(event, *outer_at) : std::nullopt;
    const auto tuple_at = outer ? word(*outer, 0) : std::nullopt;
    if (!tuple_at || *tuple_at > outer->size()) {
        return std::nullopt;
    }
    const auto tuple = outer->subspan(static_cast<std::size_t>(*tuple_at));
    const auto id = word(tuple, 0);
    const auto data_at = word(tuple, 2 * kWord);
    const auto data = data_at ? dynamic_bytes(tuple, *data_at) : std::nullopt;
    if (!id || !data) {
        return std::nullopt;
    }
    return TriggerInfo{*id, Bytes(data->begin(), data->end())};
}

}  // namespace wavs::abi

namespace wavs::bincode {

inline void put_length(Bytes& out, std::uint64_t value) {
    int width = 0;
    if (value > 250) {
        const int kind = value <= 0xffff ? 0 : value <= 0xffffffff ? 1 : 2;
        out.push_back(static_cast<std::uint8_t>(251 + kind));
        width = 2 << kind;
    } else {
        width = 1;
    }
    for (int i = 0; i < width; ++i) {
        out.push_back(static_cast<std::uint8_t>(value >> 8 * i));
    }
}

/// {trigger id as decimal text, message}
inline Bytes data_with_id(std::uint64_t id, BytesView data) {
    Bytes out;
    const auto text = std::to_string(id);
    put_length(out, text.size());
    out.insert(out.end(), text.begin(), text.end());
    put_length(out, data.size());
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

}  // namespace wavs::bincode
