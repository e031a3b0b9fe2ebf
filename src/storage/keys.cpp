// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/keys.hpp"

namespace wavs::storage {
namespace {

template <typename Number>
void append_big_endian(base::Bytes& out, Number value) {
    for (std::size_t i = sizeof(Number); i > 0; --i) {
        out.push_back(static_cast<std::uint8_t>(value >> (8 * (i - 1))));
    }
}

template <typename Number>
Number read_big_endian(base::ByteView key, std::size_t offset) {
    if (offset + sizeof(Number) > key.size()) {
        return 0;
    }
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        value = static_cast<Number>((value << 8) | key[offset + i]);
    }
    return value;
}

}  // namespace

KeyWriter& KeyWriter::bytes(base::ByteView part) {
    base::append(key_, part);
    return *this;
}
KeyWriter& KeyWriter::u8(std::uint8_t value) {
    key_.push_back(value);
    return *this;
}
KeyWriter& KeyWriter::u16(std::uint16_t value) {
    append_big_endian(key_, value);
    return *this;
}
KeyWriter& KeyWriter::u32(std::uint32_t value) {
    append_big_endian(key_, value);
    return *this;
}
KeyWriter& KeyWriter::u64(std::uint64_t value) {
    append_big_endian(key_, value);
    return *this;
}

std::uint64_t read_u64(base::ByteView key, std::size_t offset) {
    return read_big_endian<std::uint64_t>(key, offset);
}
std::uint32_t read_u32(base::ByteView key, std::size_t offset) {
    return read_big_endian<std::uint32_t>(key, offset);
}

}  // namespace wavs::storage
