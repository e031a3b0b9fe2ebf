// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/cli/terminal.hpp"
#include "wavs/config/config.hpp"
#include "wavs/config/load.hpp"

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::cli {

/// Exit statuses of `wavs-cli`.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

struct Flag {
    /// With "--".
    std::string_view name;
    /// Empty: a switch.
    std::string_view value;
    std::string_view summary;
};

/// What a command gets to work with.
struct Invocation {
    /// By name, with "--"; a switch has an empty value.
    std::map<std::string, std::string, std::less<>> flags;
    /// Words after the command's own.
    std::vector<std::string> words;
    config::CliConfig config;
    /// Where the values of `config` came from, by key; "default" is a source too.
    std::map<std::string, std::string, std::less<>> sources;
    std::map<std::string, std::string> environment;
    std::filesystem::path cwd;

    bool has(std::string_view flag) const { return flags.find(flag) != flags.end(); }
    std::optional<std::string> value(std::string_view flag) const;
    bool is_set(std::string_view key) const;
};

/// One command. The table is the only place that knows which commands there are: parser, help and
/// `main` read it.
struct Command {
    /// One or two words, such as "dev up".
    std::string_view name;
    std::string_view summary;
    /// What may follow the name, as help shows it; empty = no further words.
    std::string_view arguments;
    std::span<const Flag> flags;
    /// Common flags (of `config::load_cli`) that mean something here, as help shows them.
    std::span<const Flag> common_flags;
    int (*run)(Invocation& invocation, Terminal& terminal);
};
std::span<const Command> commands();

struct Parsed {
    const Command* command = nullptr;
    Invocation invocation;
    bool help = false;
};
/// `words`: argv without the program's name and the common flags. Errors (code `usage`) name the
/// word and what to write instead. A bare word that only begins two-word commands means the first
/// of them: "dev" is "dev up".
base::Result<Parsed> parse_command(std::span<const Command> table, std::vector<std::string> words);

/// Of words or flags that make no sense: code `usage`.
base::Error usage_error(std::string message, std::string remedy);
/// Prints the error of a command that failed; its exit status.
int exit_status(const base::Result<int>& result, Terminal& terminal);

/// Help for the whole program, or for one command.
std::string help_text(std::span<const Command> table);
std::string help_text(const Command& command);

/// The program. `inputs` are those of the configuration.
int run_program(config::Inputs inputs, Terminal terminal);

}  // namespace wavs::cli
