// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/json.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace wavs::http {

inline void text_list(types::json::Writer& json, std::string_view name,
                      const std::vector<std::string>& texts) {
    json.key(name);
    json.begin_array();
    for (const std::string& text : texts) {
        json.string(text);
    }
    json.end_array();
}

inline void text_member(types::json::Writer& json, std::string_view name, std::string_view text) {
    json.key(name);
    json.string(text);
}

}  // namespace wavs::http
