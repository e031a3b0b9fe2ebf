// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/json.hpp"

#include <array>
#include <initializer_list>
#include <optional>
#include <string_view>

namespace wavs::types::json {

/// "integer `5`", "map", `string "x"`: how an error names a value that does not fit.
std::string describe(const Value& value);
/// "invalid type: integer `5`, expected <what>".
base::Error invalid_type(const Value& value, std::string_view expected);

/// An object read as a struct: unknown members are ignored, a known one given twice is an error.
/// Holds the document's views only.
class Fields {
public:
    static constexpr std::size_t kMaxNames = 16;
    /// `names`: all members the struct has, at most kMaxNames, string literals.
    static base::Result<Fields> of(const Value& object,
                                   std::initializer_list<std::string_view> names);

    base::Result<Value> required(std::string_view name) const;
    /// None when absent or null.
    std::optional<Value> optional(std::string_view name) const;
    /// None when absent only.
    std::optional<Value> present(std::string_view name) const;
    base::Error missing(std::string_view name) const;
    const Value& object() const { return object_; }

private:
    explicit Fields(const Value& object) : object_(object) {}
    Value object_;
    std::size_t count_ = 0;
    std::array<std::string_view, kMaxNames> names_;
    std::array<std::optional<Value>, kMaxNames> values_;
};

/// An externally tagged enum: `"tag"` or `{"tag": content}`.
struct Variant {
    std::string_view tag;
    Value whole;
    Value tag_at;
    std::optional<Value> content;

    /// Of a variant without content: a bare string or `{"tag":null}`.
    base::Result<void> expect_unit() const;
    /// Of a variant with members.
    base::Result<Value> expect_content() const;
    base::Error unknown(std::initializer_list<std::string_view> known) const;
};
base::Result<Variant> read_variant(const Value& value);

base::Result<std::string_view> read_string(const Value& value);
base::Result<bool> read_bool(const Value& value);
base::Result<std::uint64_t> read_u64(const Value& value);
base::Result<std::uint32_t> read_u32(const Value& value);
base::Result<std::uint32_t> read_nonzero_u32(const Value& value);
base::Result<std::uint64_t> read_nonzero_u64(const Value& value);
base::Result<std::int64_t> read_i64(const Value& value);
base::Result<unsigned __int128> read_u128(const Value& value);
base::Result<float> read_f32(const Value& value);
/// An array of numbers from 0 to 255.
base::Result<base::Bytes> read_byte_array(const Value& value);
/// A hex string, "0x" optional.
base::Result<base::Bytes> read_hex(const Value& value);
/// A hex string or an array of numbers.
base::Result<base::Bytes> read_hex_or_array(const Value& value);
/// Optional members: none for absent or null.
base::Result<std::optional<std::uint64_t>> read_optional_u64(const std::optional<Value>& value);
base::Result<std::optional<std::string>> read_optional_string(const std::optional<Value>& value);

base::Result<ChainKey> read_chain_key(const Value& value);
base::Result<WorkflowId> read_workflow_id(const Value& value);
base::Result<ServiceId> read_service_id(const Value& value);
base::Result<ComponentDigest> read_component_digest(const Value& value);
base::Result<EventId> read_event_id(const Value& value);
/// A string (any case, "0x" optional) or an array of 20 numbers.
base::Result<EvmAddress> read_evm_address(const Value& value);
base::Result<CosmosAddress> read_cosmos_address(const Value& value);
/// A string or an array of 32 numbers.
base::Result<Bytes32> read_bytes32(const Value& value);

}  // namespace wavs::types::json
