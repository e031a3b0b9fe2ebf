// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <span>
#include <string_view>

namespace wavs::cli {

/// What is part of this program, so that a devnet needs no files.

struct EmbeddedContract {
    std::string_view name;
    /// Creation code, hex without "0x".
    std::string_view bytecode;
};
std::span<const EmbeddedContract> embedded_contracts();

struct EmbeddedComponent {
    /// File name without its end, such as "simple_aggregator".
    std::string_view name;
    base::ByteView bytes;
};
/// Empty in a build from a checkout without prebuilt components.
std::span<const EmbeddedComponent> embedded_components();

/// '-' and '_' count as equal. `component_not_embedded` says how to get it.
base::Result<base::ByteView> embedded_component(std::string_view name);

}  // namespace wavs::cli
