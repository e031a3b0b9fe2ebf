// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

/// `wavs-cli check-determinism`: one input several times, in worlds that differ.
std::span<const Flag> determinism_flags();
int run_determinism(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
