// SPDX-License-Identifier: Apache-2.0
// From the merged table to the typed configuration, and the checks that need more than one key.
#pragma once

#include "layers.hpp"
#include "report.hpp"
#include "wavs/config/load.hpp"

namespace wavs::config {

void bind_chains(const Value& chains, types::ChainConfigs& out, Report& report);
P2pConfig bind_p2p(const Value& p2p, Report& report);

/// Warns of keys in `table` that nobody knows.
void warn_unknown(const Program& program, const Table& table, Report& report);

/// Replaces each `<secret>_file` by the content of the file it names.
void read_secret_files(const Program& program, Table& table, const Inputs& inputs, Report& report);

void check_node(Config& config, const Table& table, const Inputs& inputs, Report& report);
void check_cli(CliConfig& config, const Table& table, const Inputs& inputs, Report& report);

}  // namespace wavs::config
