// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

int run_permissions_list(Invocation& invocation, Terminal& terminal);
int run_permissions_agree(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
