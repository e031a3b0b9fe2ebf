// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::rt {

/// The primitives of the flat encoding: rust/FLAT.md.
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

/// Reads flat bytes, which must outlive it; the first bad one makes it fail, after that it answers
/// zero and nothing. Whoever reads asks `complete()` at the end.
class FlatReader {
public:
    explicit FlatReader(base::ByteView flat) : left_(flat) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint64_t u64() { return number(8); }
    float f32() { return std::bit_cast<float>(u32()); }
    base::ByteView bytes() { return take(u32()); }
    std::string_view text() { return base::as_text(bytes()); }
    /// A byte list with a fixed meaning.
    template <std::size_t N>
    std::array<std::uint8_t, N> fixed() {
        std::array<std::uint8_t, N> out{};
        const auto found = bytes();
        if (found.size() == N) {
            std::copy(found.begin(), found.end(), out.begin());
        } else {
            fail();
        }
        return out;
    }
    bool boolean() {
        const auto value = u8();
        if (value > 1) {
            fail();
        }
        return !failed_ && value == 1;
    }
    /// The tag of an option: whether a value follows.
    bool some() { return boolean(); }
    /// A list whose elements `read` reads one by one; cut before the first bad one.
    template <typename Read>
    auto list(const Read& read) {
        std::vector<decltype(read())> out;
        for (std::uint32_t left = u32(); left > 0; --left) {
            auto element = read();
            if (failed_) {
                break;
            }
            out.push_back(std::move(element));
        }
        return out;
    }
    std::vector<std::string> texts() {
        return list([this] { return std::string(text()); });
    }
    void fail() { failed_ = true; }
    bool failed() const { return failed_; }
    bool complete() const { return !failed_ && left_.empty(); }

private:
    base::ByteView take(std::size_t size) {
        if (failed_ || size > left_.size()) {
            failed_ = true;
            return {};
        }
        const auto out = left_.first(size);
        left_ = left_.subspan(size);
        return out;
    }
    std::uint64_t number(std::size_t size) {
        const auto from = take(size);
        std::uint64_t value = 0;
        for (std::size_t i = from.size(); i > 0; --i) {
            value = (value << 8) | from[i - 1];
        }
        return value;
    }
    base::ByteView left_;
    bool failed_ = false;
};

}  // namespace wavs::rt
