// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/cli/command.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

int run_divergences(Invocation& invocation, Terminal& terminal);

/// The node's answer for a person to read; `json_shape` when it is none.
base::Result<std::vector<std::string>> divergence_lines(std::string_view answer);

}  // namespace wavs::cli
