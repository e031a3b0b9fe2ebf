// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/rlp.hpp"

namespace wavs::chain_evm::rlp {
namespace {

base::Bytes big_endian(Wei value) {
    base::Bytes out;
    for (int shift = 120; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> shift);
        if (byte != 0 || !out.empty()) {
            out.push_back(byte);
        }
    }
    return out;
}

void append_length(base::Bytes& out, std::size_t size, std::uint8_t base_byte) {
    if (size < 56) {
        out.push_back(static_cast<std::uint8_t>(base_byte + size));
        return;
    }
    const auto digits = big_endian(size);
    out.push_back(static_cast<std::uint8_t>(base_byte + 55 + digits.size()));
    base::append(out, digits);
}

base::Error invalid(std::string_view what) {
    return {base::ErrorKind::Invalid, "rlp_invalid", fmt::format("invalid RLP: {}", what)};
}

base::Result<std::size_t> long_length(base::ByteView from, std::size_t digits) {
    if (from.size() < 1 + digits || from[1] == 0) {
        return invalid("a length is cut off or padded");
    }
    std::size_t out = 0;
    for (std::size_t i = 0; i < digits; ++i) {
        out = (out << 8) | from[1 + i];
    }
    if (out < 56) {
        return invalid("a short item in the long form");
    }
    return out;
}

}  // namespace

base::Result<Item> take(base::ByteView& from) {
    if (from.empty()) {
        return invalid("it ends too early");
    }
    const std::uint8_t lead = from[0];
    Item out;
    std::size_t head = 1;
    std::size_t size = 0;
    if (lead < 0x80) {
        head = 0;
        size = 1;
    } else {
        out.is_list = lead >= 0xc0;
        const std::size_t code = lead - (out.is_list ? 0xc0U : 0x80U);
        size = code;
        if (code >= 56) {
            WAVS_TRY(size, long_length(from, code - 55));
            head = 1 + code - 55;
        }
    }
    if (from.size() - head < size) {
        return invalid("an item is longer than what is left");
    }
    out.payload = from.subspan(head, size);
    if (!out.is_list && head == 1 && size == 1 && out.payload[0] < 0x80) {
        return invalid("a single byte in the string form");
    }
    from = from.subspan(head + size);
    return out;
}

base::Result<Wei> take_number(base::ByteView& from) {
    WAVS_TRY(auto item, take(from));
    if (item.is_list || item.payload.size() > 16 ||
        (!item.payload.empty() && item.payload[0] == 0)) {
        return invalid("not a number of at most 16 bytes");
    }
    Wei out = 0;
    for (const auto byte : item.payload) {
        out = (out << 8) | byte;
    }
    return out;
}

void append_bytes(base::Bytes& out, base::ByteView value) {
    if (value.size() == 1 && value[0] < 0x80) {
        out.push_back(value[0]);
        return;
    }
    append_length(out, value.size(), 0x80);
    base::append(out, value);
}

void append_number(base::Bytes& out, Wei value) { append_bytes(out, big_endian(value)); }

base::Bytes list(base::ByteView payload) {
    base::Bytes out;
    append_length(out, payload.size(), 0xc0);
    base::append(out, payload);
    return out;
}

}  // namespace wavs::chain_evm::rlp
