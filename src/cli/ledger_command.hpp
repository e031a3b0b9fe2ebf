// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

namespace wavs::cli {

int run_ledger_accept_empty(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
