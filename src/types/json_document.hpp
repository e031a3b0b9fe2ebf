// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/json.hpp"

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::types::json {

/// One value or member name. The nodes of a container follow it; names stand before their values.
struct Node {
    /// The source text, end exclusive.
    std::uint32_t begin;
    std::uint32_t end;
    /// Containers: index of the first node that is not inside. Escaped strings: index in `decoded`.
    std::uint32_t link;
    Kind kind;
    bool escaped;
};
static_assert(sizeof(Node) == 16);

struct Document::Impl {
    std::string_view text;
    std::vector<Node> nodes;
    std::deque<std::string> decoded;

    std::string path(std::uint32_t target) const;
    std::uint32_t child_end(std::uint32_t index) const;
    std::string_view string_at(std::uint32_t index) const;
};

void append_name(std::string& path, std::string_view name);
void append_index(std::string& path, std::size_t index);
base::Error located_error(std::string_view text, std::size_t position, std::string_view path,
                          base::ErrorKind kind, base::ErrorCode code, std::string_view reason);

}  // namespace wavs::types::json
