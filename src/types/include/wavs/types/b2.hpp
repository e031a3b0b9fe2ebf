// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/types/json_tree.hpp"
#include "wavs/types/trigger_data.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string_view>

namespace wavs::types {

/// The binary form that event ids are hashed from: little endian, integers of variable length, not
/// self-describing (docs/protocol/01-values.md 6). Write-only: nobody reads it back.
class B2Encoder {
public:
    void u64(std::uint64_t value);
    void u128(unsigned __int128 value);
    void i64(std::int64_t value);
    void byte(std::uint8_t value) { out_.push_back(value); }
    void boolean(bool value) { byte(value ? 1 : 0); }
    void f64(double value);
    void text(std::string_view value) { bytes(base::as_bytes(value)); }
    void bytes(base::ByteView value);
    void tree(const json::Tree& tree);
    /// 00, or 01 and then what `write` writes.
    template <typename T, std::invocable<const T&> Write>
    void optional(const std::optional<T>& value, Write write) {
        boolean(value.has_value());
        if (value.has_value()) {
            write(*value);
        }
    }
    const base::Bytes& bytes() const { return out_; }
    base::Bytes take() && { return std::move(out_); }

private:
    base::Bytes out_;
};

/// Variant number and fields.
base::Bytes b2_encode(const TriggerData& data);
/// What the event id of a repository event is hashed from: no variant number, sequence or time.
base::Bytes b2_encode_identity(const AtProtoData& data);

}  // namespace wavs::types
