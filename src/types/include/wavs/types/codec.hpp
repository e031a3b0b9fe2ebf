// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace wavs::types {

/// The binary form of stored records: docs/protocol/02-records.md. Integers are LEB128, texts and
/// byte strings have their length in front.
class Encoder {
public:
    Encoder() { out_.reserve(kFirstCapacity); }
    void byte(std::uint8_t value) { out_.push_back(value); }
    void number(std::uint64_t value);
    void bytes(base::ByteView value);
    void text(std::string_view value) { bytes(base::as_bytes(value)); }
    /// Without a length.
    void fixed(base::ByteView value) { base::append(out_, value); }
    base::Bytes take() && { return std::move(out_); }

private:
    // Most records fit.
    static constexpr std::size_t kFirstCapacity = 384;
    base::Bytes out_;
};

/// Reads what `Encoder` wrote and survives anything else: the first bad byte makes it fail, after
/// that every call returns zero or nothing. Look at `failed()` before using what was read. Borrows
/// the bytes.
class Decoder {
public:
    explicit Decoder(base::ByteView data) : left_(data) {}

    std::uint8_t byte();
    std::uint64_t number();
    /// A view into the data.
    base::ByteView bytes();
    std::string_view text() { return base::as_text(bytes()); }
    base::ByteView fixed(std::size_t size);

    bool failed() const { return failed_; }
    void fail() { failed_ = true; }
    std::size_t left() const { return left_.size(); }
    bool at_end() const { return !failed_ && left_.empty(); }

private:
    base::ByteView left_;
    bool failed_ = false;
};

/// An id of fixed size; zero once the decoder has failed.
template <typename Fixed>
Fixed read_fixed(Decoder& in) {
    Fixed out;
    const auto bytes = in.fixed(Fixed::size());
    if (bytes.size() == Fixed::size()) {
        std::copy(bytes.begin(), bytes.end(), out.array().begin());
    }
    return out;
}

/// Of a stored record that is damaged, or whose form this build does not know. `what`: "the
/// coverage of a chain".
base::Error unreadable_record(base::ErrorCode code, std::string_view what, unsigned form,
                              unsigned known);

}  // namespace wavs::types
