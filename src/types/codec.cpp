// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/codec.hpp"

#include <fmt/format.h>

namespace wavs::types {

void Encoder::number(std::uint64_t value) {
    while (value >= 0x80) {
        out_.push_back(static_cast<std::uint8_t>(value | 0x80));
        value >>= 7;
    }
    out_.push_back(static_cast<std::uint8_t>(value));
}

void Encoder::bytes(base::ByteView value) {
    number(value.size());
    fixed(value);
}

std::uint8_t Decoder::byte() {
    const auto one = fixed(1);
    return one.empty() ? std::uint8_t{0} : one[0];
}

std::uint64_t Decoder::number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint8_t next = byte();
        const std::uint64_t part = next & 0x7fU;
        const bool overflow = shift == 63 && part > 1;
        if (failed_ || overflow) {
            break;
        }
        value |= part << shift;
        if (next < 0x80) {
            return value;
        }
    }
    failed_ = true;
    return 0;
}

base::ByteView Decoder::bytes() {
    const std::uint64_t size = number();
    if (size > left_.size()) {
        failed_ = true;
    }
    return fixed(failed_ ? 0 : static_cast<std::size_t>(size));
}

base::ByteView Decoder::fixed(std::size_t size) {
    if (failed_ || size > left_.size()) {
        failed_ = true;
        return {};
    }
    const base::ByteView out = left_.first(size);
    left_ = left_.subspan(size);
    return out;
}

base::Error unreadable_record(base::ErrorCode code, std::string_view what, unsigned form,
                              unsigned known) {
    return {base::ErrorKind::Unsupported, code,
            fmt::format("{}, as stored, has form {} or is damaged; this build knows form {}", what,
                        form, known),
            "use the build that wrote it, or restore the data directory"};
}

}  // namespace wavs::types
