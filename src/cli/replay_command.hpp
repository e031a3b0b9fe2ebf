// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

/// `wavs-cli replay`: a recorded run again, offline; success when it gives the same bytes.
std::span<const Flag> replay_flags();
int run_replay(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
