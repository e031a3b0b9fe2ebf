// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/load.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace wavs::config {

inline constexpr const char* kPhrase =
    "test test test test test test test test test test test junk";

/// An environment made up in memory.
struct FakeInputs {
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> environment;
    std::vector<std::string> argv;

    Inputs inputs() const {
        Inputs out;
        out.argv = argv;
        out.environment = environment;
        out.cwd = "/w";
        out.home = "/home/op";
        out.read_file =
            [all = files](
                const std::filesystem::path& path) -> base::Result<std::optional<std::string>> {
            const auto found = all.find(path.string());
            return found == all.end() ? std::optional<std::string>() : std::optional(found->second);
        };
        return out;
    }
    LoadedNode node() const { return load_node(inputs()); }
    LoadedCli cli() const { return load_cli(inputs()); }
};

/// Inputs with a signing mnemonic and that text as wavs.toml.
inline FakeInputs with_toml(const std::string& toml) {
    return {.files = {{"/w/wavs.toml", toml}},
            .environment = {{"WAVS_SIGNING_MNEMONIC", kPhrase}},
            .argv = {}};
}

inline std::string joined(const std::vector<std::string>& lines) {
    std::string out;
    for (const auto& line : lines) {
        out += line + "\n";
    }
    return out;
}

}  // namespace wavs::config
