// SPDX-License-Identifier: Apache-2.0
// The sources, each turned into one `Table`.
#pragma once

#include "report.hpp"
#include "value.hpp"
#include "wavs/config/load.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace wavs::config {

/// What a program's sources need to know of its keys.
struct KeyInfo {
    std::string_view name;
    bool secret = false;
    bool boolean = false;
    std::string_view old_name = {};
};

struct Program {
    /// "wavs" or "cli": the section of the file.
    std::string_view section;
    /// "WAVS_" or "WAVS_CLI_".
    std::string_view prefix;
    std::vector<KeyInfo> keys;
    /// Names of the other program's keys: legal in shared sections, not ours.
    std::vector<std::string_view> foreign;
    /// Flags and keys that do nothing any more.
    std::vector<std::string_view> obsolete_flags;
    bool has_p2p = false;
    /// Whether arguments that are no flags of ours are an error.
    bool owns_argv = false;
};

/// "engine.max_runs" -> "--engine-max-runs".
std::string flag_name(std::string_view key);
/// "engine.max_runs" -> "WAVS_ENGINE__MAX_RUNS".
std::string variable_name(std::string_view prefix, std::string_view key);

struct CommandLine {
    Action action = Action::Run;
    std::optional<std::string> home;
    std::optional<std::string> dotenv;
    bool require_config = false;
    Table values;
    std::vector<std::string> rest;
};
CommandLine parse_command_line(const Program& program, const std::vector<std::string>& argv,
                               Report& report);

/// Adds what a `.env` text defines to `environment`, where it is not set yet.
void load_dotenv(std::string_view text, const std::string& name,
                 std::map<std::string, std::string>& environment, Report& report);

struct FileLayers {
    Table shared;
    Table program;
    Table global;
};
FileLayers parse_file(const Program& program, std::string_view text, const std::string& name,
                      Report& report);

Table environment_layer(const Program& program,
                        const std::map<std::string, std::string>& environment, Report& report);

/// Whether the variable belongs to the program although it is no key ("WAVS_HOME").
bool is_special_variable(std::string_view upper_name);

}  // namespace wavs::config
