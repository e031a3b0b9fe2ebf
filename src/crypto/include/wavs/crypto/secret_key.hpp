// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace wavs::crypto {

/// Overwrites memory that held a secret, in a way the compiler does not remove.
void wipe(std::span<std::uint8_t> bytes);

/// N secret bytes: wiped on destruction, moved but never copied, without a way to print or compare
/// them. The bytes stay at one place in memory, so that a move leaves nothing behind.
template <std::size_t N>
class SecretBytes {
public:
    SecretBytes() : data_(std::make_unique<std::array<std::uint8_t, N>>()) {}
    SecretBytes(SecretBytes&&) noexcept = default;
    SecretBytes& operator=(SecretBytes&& other) noexcept {
        std::swap(data_, other.data_);
        return *this;
    }
    SecretBytes(const SecretBytes&) = delete;
    SecretBytes& operator=(const SecretBytes&) = delete;
    ~SecretBytes() {
        if (data_ != nullptr) {
            wipe(*data_);
        }
    }

    std::span<const std::uint8_t, N> reveal() const { return *data_; }
    std::span<std::uint8_t, N> writable() { return *data_; }

private:
    std::unique_ptr<std::array<std::uint8_t, N>> data_;
};

/// A secp256k1 private key: 32 bytes, known to be in [1, order - 1].
class SecretKey {
public:
    static constexpr std::size_t kSize = 32;

    /// Refuses a wrong length, zero, and values at or above the group order. The error never shows
    /// the bytes.
    static base::Result<SecretKey> from_bytes(base::ByteView bytes);
    /// 64 hex digits, any case, optional "0x".
    static base::Result<SecretKey> from_hex(std::string_view text);

    std::span<const std::uint8_t, kSize> reveal() const { return bytes_.reveal(); }

private:
    explicit SecretKey(SecretBytes<kSize> bytes) : bytes_(std::move(bytes)) {}

    SecretBytes<kSize> bytes_;
};

}  // namespace wavs::crypto
