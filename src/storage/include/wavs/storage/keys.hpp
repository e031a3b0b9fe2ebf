// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <cstdint>
#include <string_view>

namespace wavs::storage {

/// Builds keys whose byte order is their order: numbers big-endian, parts appended.
class KeyWriter {
public:
    KeyWriter() { key_.reserve(kFirstCapacity); }
    KeyWriter& bytes(base::ByteView part);
    KeyWriter& text(std::string_view part) { return bytes(base::as_bytes(part)); }
    KeyWriter& u8(std::uint8_t value);
    KeyWriter& u16(std::uint16_t value);
    KeyWriter& u32(std::uint32_t value);
    KeyWriter& u64(std::uint64_t value);
    const base::Bytes& get() const& { return key_; }
    base::Bytes get() && { return std::move(key_); }

private:
    static constexpr std::size_t kFirstCapacity = 96;
    base::Bytes key_;
};

/// The number at `offset` of a key; 0 when the key is too short.
std::uint64_t read_u64(base::ByteView key, std::size_t offset);
std::uint32_t read_u32(base::ByteView key, std::size_t offset);

}  // namespace wavs::storage
