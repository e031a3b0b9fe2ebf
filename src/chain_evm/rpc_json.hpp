// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/json_read.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::chain_evm {

namespace json = types::json;

inline constexpr base::ErrorCode kInvalidResponse = "rpc_invalid_response";

/// The hex members of JSON-RPC objects. Names in error texts are those of the JSON.
base::Result<std::uint64_t> read_quantity(const json::Value& value);
base::Result<Wei> read_wei(const json::Value& value);
/// "0x" and an even number of digits.
base::Result<base::Bytes> read_data(const json::Value& value);

/// None when absent or null.
template <typename T>
base::Result<std::optional<T>> read_optional(const json::Value& object, std::string_view name,
                                             base::Result<T> (*read)(const json::Value&)) {
    const auto member = object.find(name);
    if (!member || member->is_null()) {
        return std::optional<T>();
    }
    WAVS_TRY(auto value, read(*member));
    return std::optional<T>(std::move(value));
}

template <typename T>
base::Result<T> read_required(const json::Value& object, std::string_view name,
                              base::Result<T> (*read)(const json::Value&)) {
    WAVS_TRY(auto value, read_optional<T>(object, name, read));
    if (!value) {
        return object.shape_error(fmt::format("missing field `{}`", name));
    }
    return std::move(*value);
}

base::Result<BlockHeader> read_header(const json::Value& value);
base::Result<RpcError> read_rpc_error(const json::Value& value);

/// {"jsonrpc":"2.0","id":…,"method":…,"params":…}
std::string request_text(std::uint64_t id, std::string_view method, std::string_view params);

/// Requests of one method in one message, with the ids from `id` on.
std::string batch_text(std::uint64_t id, std::string_view method,
                       const std::vector<std::string>& params);

/// A response object for request `id`.
base::Result<RpcReply> read_reply(const json::Value& response, std::uint64_t id);

/// A reply's result, or the node's refusal as an error.
base::Result<std::string> result_of(std::string_view method, RpcReply reply);

/// Parses `text` and reads it as a whole with `read`; errors get code `rpc_invalid_response`.
template <typename T>
base::Result<T> parse_result(std::string_view method, const std::string& text,
                             base::Result<T> (*read)(const json::Value&)) {
    auto document = json::Document::parse(std::string_view(text));
    auto value = document.has_value() ? read(document.value().root())
                                      : base::Result<T>(std::move(document.error()));
    if (!value.has_value()) {
        return base::Error(base::ErrorKind::Unavailable, kInvalidResponse,
                           fmt::format("{}: invalid result: {}", method, value.error().message()));
    }
    return value;
}

}  // namespace wavs::chain_evm
