// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/json_read.hpp"

#include "wavs/base/assert.hpp"
#include "wavs/base/hex.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace wavs::types::json {
namespace {

using base::Bytes;
using base::Error;
using base::ErrorKind;
using base::Result;

bool is_integer(std::string_view number) {
    return number != "-0" && number.find_first_of(".eE") == std::string_view::npos;
}

std::string describe_number(std::string_view number) {
    if (is_integer(number)) {
        return fmt::format("integer `{}`", number);
    }
    double value = 0;
    const auto end = std::from_chars(number.data(), number.data() + number.size(), value);
    return fmt::format("floating point `{}`",
                       end.ec == std::errc() ? number_text(value) : std::string(number));
}

/// An integer of type T from its digits; `expected` as in "a nonzero u32".
template <typename T>
Result<T> read_integer(const Value& value, std::string_view expected) {
    if (value.kind() != Kind::Number || !is_integer(value.text())) {
        return invalid_type(value, expected);
    }
    const std::string_view text = value.text();
    T out{};
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (code != std::errc() || end != text.data() + text.size()) {
        return value.shape_error(
            fmt::format("invalid value: {}, expected {}", describe(value), expected));
    }
    return out;
}

/// Up to three digits, without the cost of an error: payloads come as long arrays of them.
std::optional<std::uint8_t> small_byte(std::string_view text) {
    unsigned value = 0;
    for (const char c : text) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return text.empty() || text.size() > 3 || value > UINT8_MAX
               ? std::nullopt
               : std::optional(static_cast<std::uint8_t>(value));
}

/// Puts the place of `value` around an error that a parse function gave.
template <typename T>
Result<T> located(const Value& value, Result<T>&& result) {
    if (!result.has_value()) {
        return value.shape_error(result.error().message());
    }
    return std::move(result).value();
}

template <typename T>
Result<T> read_parsed(const Value& value, Result<T> (*parse)(std::string_view),
                      std::string_view expected = "a string") {
    if (!value.is_string()) {
        return invalid_type(value, expected);
    }
    return located(value, parse(value.text()));
}

std::string join_names(std::initializer_list<std::string_view> names) {
    std::string out = names.size() > 2 ? "one of " : "";
    std::size_t index = 0;
    for (const std::string_view name : names) {
        out += index == 0 ? "" : names.size() == 2 ? " or " : ", ";
        out += fmt::format("`{}`", name);
        ++index;
    }
    return out;
}

}  // namespace

std::string describe(const Value& value) {
    switch (value.kind()) {
        case Kind::Null:
            return "null";
        case Kind::Bool:
            return fmt::format("boolean `{}`", value.boolean());
        case Kind::Number:
            return describe_number(value.text());
        case Kind::String:
            return fmt::format("string {}", value.source());
        case Kind::Array:
            return "sequence";
        case Kind::Object:
            return "map";
    }
    return {};
}

Error invalid_type(const Value& value, std::string_view expected) {
    return value.shape_error(
        fmt::format("invalid type: {}, expected {}", describe(value), expected));
}

Result<Fields> Fields::of(const Value& object, std::initializer_list<std::string_view> names) {
    WAVS_ASSERT(names.size() <= kMaxNames);
    if (object.is_array()) {
        return object.syntax_error("expected an object")
            .with_remedy("write an object with member names instead of an array");
    }
    if (!object.is_object()) {
        return invalid_type(object, "an object");
    }
    Fields out(object);
    std::copy(names.begin(), names.end(), out.names_.begin());
    out.count_ = names.size();
    for (const Member member : object.members()) {
        const std::string_view name = member.name.text();
        for (std::size_t i = 0; i < out.count_; ++i) {
            if (out.names_[i] != name) {
                continue;
            }
            if (out.values_[i].has_value()) {
                return object.shape_error_at(member.name,
                                             fmt::format("duplicate field `{}`", name));
            }
            out.values_[i] = member.value;
        }
    }
    return out;
}

std::optional<Value> Fields::present(std::string_view name) const {
    for (std::size_t i = 0; i < count_; ++i) {
        if (names_[i] == name) {
            return values_[i];
        }
    }
    WAVS_ASSERT(false);
    return std::nullopt;
}

std::optional<Value> Fields::optional(std::string_view name) const {
    auto value = present(name);
    return value.has_value() && value->is_null() ? std::nullopt : value;
}

Result<Value> Fields::required(std::string_view name) const {
    const auto value = present(name);
    if (!value.has_value()) {
        return missing(name);
    }
    return *value;
}

Error Fields::missing(std::string_view name) const {
    return object_.shape_error(fmt::format("missing field `{}`", name));
}

Result<Variant> read_variant(const Value& value) {
    if (value.is_string()) {
        return Variant{value.text(), value, value, std::nullopt};
    }
    if (!value.is_object() || value.size() != 1) {
        return value.syntax_error("expected value");
    }
    const Member member = *value.members().begin();
    return Variant{member.name.text(), value, member.name, member.value};
}

Result<void> Variant::expect_unit() const {
    if (content.has_value() && !content->is_null()) {
        return invalid_type(*content, "unit");
    }
    return base::ok();
}

Result<Value> Variant::expect_content() const {
    if (!content.has_value()) {
        return whole.shape_error(
            fmt::format("invalid type: unit variant, expected `{}` with content", tag));
    }
    return *content;
}

Error Variant::unknown(std::initializer_list<std::string_view> known) const {
    return whole.shape_error_at(
        tag_at, fmt::format("unknown variant `{}`, expected {}", tag, join_names(known)));
}

Result<std::string_view> read_string(const Value& value) {
    if (!value.is_string()) {
        return invalid_type(value, "a string");
    }
    return value.text();
}

Result<bool> read_bool(const Value& value) {
    if (value.kind() != Kind::Bool) {
        return invalid_type(value, "a boolean");
    }
    return value.boolean();
}

Result<std::uint64_t> read_u64(const Value& value) {
    return read_integer<std::uint64_t>(value, "u64");
}
Result<std::uint32_t> read_u32(const Value& value) {
    return read_integer<std::uint32_t>(value, "u32");
}

namespace {

template <typename T>
Result<T> read_nonzero(const Value& value, std::string_view expected) {
    WAVS_TRY(const T number, read_integer<T>(value, expected));
    if (number == 0) {
        return value.shape_error(fmt::format("invalid value: integer `0`, expected {}", expected));
    }
    return number;
}

}  // namespace

Result<std::uint32_t> read_nonzero_u32(const Value& value) {
    return read_nonzero<std::uint32_t>(value, "a nonzero u32");
}
Result<std::uint64_t> read_nonzero_u64(const Value& value) {
    return read_nonzero<std::uint64_t>(value, "a nonzero u64");
}
Result<std::int64_t> read_i64(const Value& value) {
    return read_integer<std::int64_t>(value, "i64");
}

Result<unsigned __int128> read_u128(const Value& value) {
    if (value.kind() != Kind::Number || !is_integer(value.text())) {
        return invalid_type(value, "u128");
    }
    constexpr auto kMax = ~static_cast<unsigned __int128>(0);
    unsigned __int128 out = 0;
    for (const char c : value.text()) {
        const auto digit = static_cast<unsigned>(c - '0');
        if (c == '-' || out > (kMax - digit) / 10) {
            return value.shape_error(
                fmt::format("invalid value: {}, expected u128", describe(value)));
        }
        out = out * 10 + digit;
    }
    return out;
}

Result<float> read_f32(const Value& value) {
    if (value.kind() != Kind::Number) {
        return invalid_type(value, "f32");
    }
    const std::string_view text = value.text();
    float out = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), out);
    if (end.ec != std::errc()) {
        return value.shape_error("number out of range");
    }
    return out;
}

Result<Bytes> read_byte_array(const Value& value) {
    if (!value.is_array()) {
        return invalid_type(value, "a sequence of bytes");
    }
    Bytes out;
    out.reserve(value.size());
    for (const Value item : value.items()) {
        const bool number = item.kind() == Kind::Number;
        if (const auto byte = small_byte(number ? item.text() : "")) {
            out.push_back(*byte);
            continue;
        }
        WAVS_TRY(const auto byte, read_integer<std::uint8_t>(item, "u8"));
        out.push_back(byte);
    }
    return out;
}

Result<Bytes> read_hex(const Value& value) { return read_parsed(value, &base::parse_hex); }

Result<Bytes> read_hex_or_array(const Value& value) {
    return value.is_array() ? read_byte_array(value) : read_hex(value);
}

Result<std::optional<std::uint64_t>> read_optional_u64(const std::optional<Value>& value) {
    if (!value.has_value()) {
        return std::optional<std::uint64_t>();
    }
    WAVS_TRY(const auto number, read_u64(*value));
    return std::optional<std::uint64_t>(number);
}

Result<std::optional<std::string>> read_optional_string(const std::optional<Value>& value) {
    if (!value.has_value()) {
        return std::optional<std::string>();
    }
    WAVS_TRY(const auto text, read_string(*value));
    return std::optional<std::string>(text);
}

Result<ChainKey> read_chain_key(const Value& value) { return read_parsed(value, &ChainKey::parse); }
Result<WorkflowId> read_workflow_id(const Value& value) {
    return read_parsed(value, &WorkflowId::parse);
}
Result<ServiceId> read_service_id(const Value& value) {
    return read_parsed(value, &parse_service_id, "a hex string");
}
Result<ComponentDigest> read_component_digest(const Value& value) {
    return read_parsed(value, &parse_component_digest, "a hex string");
}
Result<EventId> read_event_id(const Value& value) { return read_parsed(value, &parse_event_id); }
Result<CosmosAddress> read_cosmos_address(const Value& value) {
    return read_parsed(value, &CosmosAddress::parse);
}

namespace {

template <typename Fixed>
Result<Fixed> read_fixed(const Value& value, Result<Fixed> (*parse)(std::string_view)) {
    if (!value.is_array()) {
        return read_parsed(value, parse,
                           fmt::format("{} bytes as a hex string or an array", Fixed::kSize));
    }
    WAVS_TRY(const auto bytes, read_byte_array(value));
    if (bytes.size() != Fixed::kSize) {
        return value.shape_error(
            fmt::format("invalid length {}, expected {} bytes", bytes.size(), Fixed::kSize));
    }
    return Fixed::from(std::span<const std::uint8_t, Fixed::kSize>(bytes));
}

}  // namespace

Result<EvmAddress> read_evm_address(const Value& value) {
    return read_fixed<EvmAddress>(value, &parse_evm_address);
}
Result<Bytes32> read_bytes32(const Value& value) {
    return read_fixed<Bytes32>(value, &parse_bytes32);
}

}  // namespace wavs::types::json
