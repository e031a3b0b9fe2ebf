// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/command.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace wavs::cli {

/// What `wavs-cli dev up` was asked for.
struct DevOptions {
    bool once = false;
    bool keep_data = false;
    bool verbose = false;
    bool json = false;
    /// None: a folder of its own, gone with the devnet.
    std::optional<std::filesystem::path> folder;
    std::chrono::seconds block_time{1};
    /// One node each.
    unsigned operators = 1;
    std::optional<std::string> wavs;
    std::optional<std::string> anvil;
    std::string input = "hello";
    std::vector<std::string> log_level;
};

std::span<const Flag> dev_flags();
std::span<const Flag> dev_common_flags();
base::Result<DevOptions> read_dev_options(const Invocation& invocation);

int run_dev(Invocation& invocation, Terminal& terminal);

}  // namespace wavs::cli
