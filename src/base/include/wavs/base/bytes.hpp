// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace wavs::base {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }
inline Bytes to_bytes(std::string_view text) { return to_bytes(as_bytes(text)); }
inline void append(Bytes& to, ByteView more) { to.insert(to.end(), more.begin(), more.end()); }

/// N bytes with a meaning: `Tag` keeps a service id from being used as a digest.
template <std::size_t N, typename Tag>
class FixedBytes {
public:
    static constexpr std::size_t kSize = N;

    constexpr FixedBytes() = default;
    explicit constexpr FixedBytes(const std::array<std::uint8_t, N>& data) : data_(data) {}

    /// Copies exactly N bytes; the caller has checked the length.
    static FixedBytes from(std::span<const std::uint8_t, N> bytes) {
        FixedBytes out;
        std::copy(bytes.begin(), bytes.end(), out.data_.begin());
        return out;
    }

    constexpr const std::array<std::uint8_t, N>& array() const { return data_; }
    constexpr std::array<std::uint8_t, N>& array() { return data_; }
    ByteView view() const { return data_; }
    const std::uint8_t* data() const { return data_.data(); }
    static constexpr std::size_t size() { return N; }
    bool is_zero() const {
        return std::all_of(data_.begin(), data_.end(), [](std::uint8_t b) { return b == 0; });
    }

    friend constexpr auto operator<=>(const FixedBytes&, const FixedBytes&) = default;
    friend constexpr bool operator==(const FixedBytes&, const FixedBytes&) = default;

private:
    std::array<std::uint8_t, N> data_{};
};

/// For unordered containers. The bytes are hashes or addresses, so their first word is well spread.
struct FixedBytesHash {
    template <std::size_t N, typename Tag>
    std::size_t operator()(const FixedBytes<N, Tag>& value) const {
        static_assert(N >= sizeof(std::size_t));
        std::size_t word = 0;
        std::memcpy(&word, value.data(), sizeof(word));
        return word;
    }
};

}  // namespace wavs::base
