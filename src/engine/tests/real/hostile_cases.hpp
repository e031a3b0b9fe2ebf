// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "real_node.hpp"
#include "wasm_bytes.hpp"

#include <functional>
#include <ostream>
#include <string_view>
#include <vector>

namespace wavs::engine {

inline constexpr std::uint64_t kMiB = 1 << 20;

/// A hostile component or input, and what has to become of it.
struct HostileCase {
    std::string_view name;
    /// Null: the component "hostile".
    std::function<wasm::Bytes()> component;
    std::string_view command;
    base::ErrorKind kind;
    std::string_view code;
    std::string_view text;
    void (*tune)(types::Component& component) = nullptr;
};
/// How a test says which case it is.
std::ostream& operator<<(std::ostream& out, const HostileCase& one);

/// The example components.
wasm::Bytes echo();
wasm::Bytes hostile();

std::vector<HostileCase> all_cases();
/// Those of them that the compiler refuses.
std::vector<HostileCase> modules_that_are_refused();
/// Those of them that cannot be components.
std::vector<HostileCase> inputs_that_are_no_component();

}  // namespace wavs::engine
