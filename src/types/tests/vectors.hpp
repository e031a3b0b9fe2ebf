// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/assert.hpp"
#include "wavs/types/json.hpp"

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace wavs::types {

/// A file of tests/vectors.
inline std::string vector_file(const std::string& name) {
    std::ifstream file(std::string(WAVS_SOURCE_DIR) + "/src/types/tests/vectors/" + name,
                       std::ios::binary);
    WAVS_ASSERT(file.good());
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::string_view text_at(const json::Value& object, std::string_view name) {
    const auto member = object.find(name);
    WAVS_ASSERT(member.has_value());
    return member->text();
}

/// `of(x)` for a text that must parse.
template <typename T>
T must(base::Result<T> result) {
    if (!result.has_value()) {
        fmt::print(stderr, "{}\n", result.error().full_text());
    }
    WAVS_ASSERT(result.has_value());
    return std::move(result).value();
}

}  // namespace wavs::types
