// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/response.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/json_read.hpp"

namespace wavs::types {

using base::Result;

Result<WasmResponse> read_wasm_response(const json::Value& value) {
    WAVS_TRY(const auto fields, json::Fields::of(value, {"payload", "ordering", "event_id_salt"}));
    WasmResponse out;
    if (const auto payload = fields.present("payload")) {
        WAVS_TRY(out.payload, json::read_hex(*payload));
    }
    WAVS_TRY(out.ordering, json::read_optional_u64(fields.optional("ordering")));
    if (const auto salt = fields.optional("event_id_salt")) {
        WAVS_TRY(out.event_id_salt, json::read_hex(*salt));
    }
    return out;
}

void write_json(json::Writer& out, const WasmResponse& response) {
    out.begin_object();
    out.key("payload");
    out.string(base::hex0x(response.payload));
    out.key("ordering");
    response.ordering.has_value() ? out.number(*response.ordering) : out.null();
    out.key("event_id_salt");
    response.event_id_salt.has_value() ? out.string(base::hex0x(*response.event_id_salt))
                                       : out.null();
    out.end_object();
}

std::string to_json(const WasmResponse& response) {
    std::string out;
    json::Writer writer(out);
    write_json(writer, response);
    return out;
}

}  // namespace wavs::types
