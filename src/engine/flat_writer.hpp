// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::engine {

/// The primitives of the flat encoding.
class FlatWriter {
public:
    void u8(std::uint8_t value) { out_.push_back(value); }
    void boolean(bool value) { u8(value ? 1 : 0); }
    void u32(std::uint32_t value) { little_endian(value, 4); }
    void u64(std::uint64_t value) { little_endian(value, 8); }
    void s64(std::int64_t value) { u64(static_cast<std::uint64_t>(value)); }
    void f32(float value) { u32(std::bit_cast<std::uint32_t>(value)); }
    /// The number of elements, which follow.
    void count(std::size_t value) { u32(static_cast<std::uint32_t>(value)); }
    void bytes(base::ByteView value) {
        count(value.size());
        base::append(out_, value);
    }
    void text(std::string_view value) { bytes(base::as_bytes(value)); }
    /// 0, or 1 and then what `write` writes.
    template <typename T, typename Write>
    void optional(const std::optional<T>& value, const Write& write) {
        boolean(value.has_value());
        if (value.has_value()) {
            write(*value);
        }
    }
    void optional_text(const std::optional<std::string>& value) {
        optional(value, [this](const std::string& text_value) { text(text_value); });
    }
    void optional_u64(const std::optional<std::uint64_t>& value) {
        optional(value, [this](std::uint64_t number) { u64(number); });
    }
    base::Bytes take() && { return std::move(out_); }

private:
    void little_endian(std::uint64_t value, std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) {
            out_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
        }
    }
    base::Bytes out_;
};

}  // namespace wavs::engine
