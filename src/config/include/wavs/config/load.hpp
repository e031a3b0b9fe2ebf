// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/config/config.hpp"

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::config {

/// Everything the loader may look at, so that a test needs no real environment or home.
struct Inputs {
    /// Without the program's name.
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment;
    std::filesystem::path cwd;
    std::optional<std::filesystem::path> home;
    /// The content, or none when there is no such file.
    std::function<base::Result<std::optional<std::string>>(const std::filesystem::path&)> read_file;
    /// Looks at a mnemonic, or at "0x" and a key, and says what is wrong without showing it: the
    /// function of module `crypto`, which `config` may not use. Empty = not checked.
    std::function<base::Result<void>(std::string_view)> check_credential;
};

/// The process's own argv, environment and files. `check_credential` stays empty.
Inputs system_inputs(int argc, const char* const* argv);

enum class Action { Run, Help, Version, PrintConfig };

/// One line of `--print-config`.
struct Setting {
    std::string key;
    /// In TOML syntax, redacted.
    std::string value;
    /// "/etc/wavs/wavs.toml:12", "WAVS_PORT", "--port" or "default".
    std::string source;
    /// False for keys of a part of the node that does not exist yet.
    bool in_effect = true;
};

/// What came of loading. `config` may be used only when `ok()`; the process ends with status 2
/// otherwise. Help and version are answered before anything is read.
template <typename C>
struct Loaded {
    C config;
    Action action = Action::Run;
    /// One line each, complete: place, key, what is wrong, remedy.
    std::vector<std::string> errors;
    std::vector<std::string> warnings;
    std::vector<Setting> settings;
    /// The `wavs.toml` that was read.
    std::optional<std::filesystem::path> file;
    /// Process environment and `.env` files together, without the variables that hold our own
    /// secrets. What components may see is taken from here.
    std::map<std::string, std::string> environment;
    /// Of argv, what is none of our flags, in order. Always empty for the node.
    std::vector<std::string> rest;

    bool ok() const { return errors.empty(); }
};
using LoadedNode = Loaded<Config>;
using LoadedCli = Loaded<CliConfig>;

/// Section `[wavs]`, variables `WAVS_*`, the node's flags.
LoadedNode load_node(Inputs inputs);
/// Section `[cli]`, variables `WAVS_CLI_*`, the flags common to all commands; they are taken out
/// of argv wherever they stand, up to "--".
LoadedCli load_cli(Inputs inputs);

/// Text of `wavs --help`.
std::string node_help();
/// The common flags, for the help of `wavs-cli`.
std::string cli_flags_help();
/// `--print-config`: one line per setting, with its source.
std::string print_config(const std::vector<Setting>& settings);
/// The whole of docs/config.md.
std::string render_docs();

}  // namespace wavs::config
