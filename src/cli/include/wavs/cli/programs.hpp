// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace wavs::cli {

/// Where programs are looked for.
struct ProgramSearch {
    /// Folder of this executable.
    std::filesystem::path own_folder;
    std::filesystem::path cwd;
    /// Value of PATH.
    std::string path;
};
ProgramSearch system_search(const std::map<std::string, std::string>& environment,
                            const std::filesystem::path& cwd);

/// The chain: `given`; contracts/node_modules/.bin of the checkout this program or the working
/// directory is in; PATH. `program_missing` says how to get it.
base::Result<std::string> find_anvil(const ProgramSearch& search,
                                     const std::optional<std::string>& given);
/// The node: `given`; beside this executable; PATH.
base::Result<std::string> find_wavs(const ProgramSearch& search,
                                    const std::optional<std::string>& given);

}  // namespace wavs::cli
