// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace wavs::app {

/// The whole of the program `wavs`: reads the configuration, runs a node until SIGINT or SIGTERM.
/// Returns the exit status: 0 after an orderly stop, 1 when the node could not start, 2 for
/// configuration errors, 130 after a second signal.
int run_node(int argc, const char* const* argv);

}  // namespace wavs::app
