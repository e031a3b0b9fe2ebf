// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/load.hpp"

#include <string>
#include <vector>

namespace wavs::app {

/// `wavs ledger export FILE [SIGNER]` and `wavs ledger import FILE`, on the data directory of a
/// node that does not run. `words` are those behind "ledger". Returns the exit status; everything
/// is said on standard output and error.
int run_ledger_command(const std::vector<std::string>& words, const config::Config& config);

}  // namespace wavs::app
