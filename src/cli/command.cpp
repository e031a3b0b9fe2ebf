// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/command.hpp"

#include <algorithm>

namespace wavs::cli {
namespace {

std::string_view first_word(std::string_view name) { return name.substr(0, name.find(' ')); }

/// The command that `words` begin with; takes its words out.
base::Result<const Command*> take_command(std::span<const Command> table,
                                          std::vector<std::string>& words) {
    if (words.empty()) {
        return usage_error("no command", "write wavs-cli help");
    }
    if (words.size() > 1) {
        const auto both = words[0] + " " + words[1];
        for (const auto& command : table) {
            if (command.name == both) {
                words.erase(words.begin(), words.begin() + 2);
                return &command;
            }
        }
    }
    for (const auto& command : table) {
        if (first_word(command.name) == words[0]) {
            words.erase(words.begin());
            return &command;
        }
    }
    return usage_error(fmt::format("there is no command {:?}", words[0]), "write wavs-cli help");
}

/// One flag at `at`; moves `at` past it.
base::Result<void> read_flag(const Command& command, const std::vector<std::string>& words,
                             std::size_t& at, Invocation& out) {
    const auto& word = words[at++];
    const auto equals = word.find('=');
    const auto name = word.substr(0, equals);
    const auto flag = std::find_if(command.flags.begin(), command.flags.end(),
                                   [&](const Flag& known) { return known.name == name; });
    if (flag == command.flags.end()) {
        return usage_error(fmt::format("{} has no flag {}", command.name, name),
                           fmt::format("write wavs-cli {} --help", command.name));
    }
    if (out.has(name)) {
        return usage_error(name + " is given twice", "give it once");
    }
    std::string value;
    if (equals != std::string::npos) {
        value = word.substr(equals + 1);
    } else if (!flag->value.empty()) {
        if (at == words.size()) {
            return usage_error(name + " needs a value",
                               fmt::format("write {} {}", name, flag->value));
        }
        value = words[at++];
    }
    if (flag->value.empty() && equals != std::string::npos) {
        return usage_error(name + " takes no value", "write it alone");
    }
    out.flags.emplace(name, std::move(value));
    return base::ok();
}

std::string flag_lines(std::span<const Flag> flags) {
    std::string out;
    for (const auto& flag : flags) {
        const auto left = flag.value.empty() ? std::string(flag.name)
                                             : fmt::format("{} {}", flag.name, flag.value);
        out += fmt::format("  {:<24} {}\n", left, flag.summary);
    }
    return out;
}

}  // namespace

std::optional<std::string> Invocation::value(std::string_view flag) const {
    const auto found = flags.find(flag);
    return found == flags.end() ? std::nullopt : std::optional(found->second);
}

bool Invocation::is_set(std::string_view key) const {
    const auto found = sources.find(key);
    return found != sources.end() && found->second != "default";
}

base::Result<Parsed> parse_command(std::span<const Command> table, std::vector<std::string> words) {
    Parsed out;
    const auto is_help = [](const std::string& word) { return word == "-h" || word == "--help"; };
    out.help = std::any_of(words.begin(), words.end(), is_help);
    std::erase_if(words, is_help);
    // `wavs-cli`, `wavs-cli --help` and `wavs-cli --version` are commands too.
    if (words.empty() || words[0] == "-V" || words[0] == "--version") {
        words = {words.empty() ? "help" : "version"};
        out.help = false;
    }
    if (words[0].starts_with("-")) {
        return usage_error(fmt::format("{} stands before a command", words[0]),
                           "write the command first");
    }
    WAVS_TRY(out.command, take_command(table, words));
    for (std::size_t at = 0; at < words.size();) {
        if (words[at].starts_with("-")) {
            WAVS_TRY(read_flag(*out.command, words, at, out.invocation));
        } else {
            out.invocation.words.push_back(words[at++]);
        }
    }
    if (!out.invocation.words.empty() && out.command->arguments.empty() && !out.help) {
        return usage_error(fmt::format("{} takes no argument {:?}", out.command->name,
                                       out.invocation.words.front()),
                           fmt::format("write wavs-cli {} --help", out.command->name));
    }
    return out;
}

std::string help_text(std::span<const Command> table) {
    std::string out = "wavs-cli: tool for WAVS operators and service developers\n\nCommands:\n";
    for (const auto& command : table) {
        out += fmt::format("  {:<24} {}\n", command.name, command.summary);
    }
    out += "\nwavs-cli <command> --help tells more of one.\n\nFlags of every command:\n";
    return out + config::cli_flags_help();
}

std::string help_text(const Command& command) {
    std::string out =
        fmt::format("wavs-cli {}{}{}\n\n{}\n", command.name, command.arguments.empty() ? "" : " ",
                    command.arguments, command.summary);
    if (!command.flags.empty() || !command.common_flags.empty()) {
        out += "\nFlags:\n" + flag_lines(command.flags) + flag_lines(command.common_flags);
    }
    return out;
}

base::Error usage_error(std::string message, std::string remedy) {
    return {base::ErrorKind::Invalid, "usage", std::move(message), std::move(remedy)};
}

int exit_status(const base::Result<int>& result, Terminal& terminal) {
    if (result.has_value()) {
        return result.value();
    }
    terminal.error(result.error());
    return result.error().code() == "usage" ? kExitUsage : kExitFailure;
}

}  // namespace wavs::cli
