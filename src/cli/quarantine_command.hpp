// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

int run_quarantine_list(Invocation& invocation, Terminal& terminal);
int run_quarantine_lift(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
