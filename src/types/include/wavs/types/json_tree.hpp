// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/types/json_fwd.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace wavs::types::json {

struct TreeMember;

/// A JSON value that owns its content, for data we pass on without knowing its shape (the record of
/// an AT Protocol event). Numbers: non-negative integers up to 2^64-1, negative ones down to -2^63,
/// everything else a double. Object members are sorted by the bytes of their names, the last
/// duplicate wins.
struct Tree {
    using Array = std::vector<Tree>;
    using Object = std::vector<TreeMember>;
    std::variant<std::monostate, bool, std::uint64_t, std::int64_t, double, std::string, Array,
                 Object>
        value;
};

struct TreeMember {
    std::string name;
    Tree value;
};

bool operator==(const Tree& a, const Tree& b);
bool operator==(const TreeMember& a, const TreeMember& b);

/// Fails below `kMaxDepth`.
base::Result<Tree> read_tree(const Value& value);
base::Result<Tree> parse_tree(std::string_view text);
void write_json(Writer& out, const Tree& tree);
std::string to_json(const Tree& tree);

}  // namespace wavs::types::json
