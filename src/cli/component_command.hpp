// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

/// What the commands that run a component without a node have in common.

/// The one word after the command, as a path. `what` is asked for in its `usage` error.
base::Result<std::filesystem::path> one_file(const Invocation& invocation, std::string_view what);
/// "12 bytes: 0x68...", without the bytes when they are many.
std::string describe(const base::Bytes& output);

}  // namespace wavs::cli
