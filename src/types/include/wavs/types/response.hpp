// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/types/json_fwd.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace wavs::types {

/// One response of an operator component. A salt that is present but empty is not the same as none.
struct WasmResponse {
    base::Bytes payload;
    std::optional<std::uint64_t> ordering;
    std::optional<base::Bytes> event_id_salt;
    friend bool operator==(const WasmResponse&, const WasmResponse&) = default;
};

/// All members may be absent.
base::Result<WasmResponse> read_wasm_response(const json::Value& value);
void write_json(json::Writer& out, const WasmResponse& response);
std::string to_json(const WasmResponse& response);

}  // namespace wavs::types
