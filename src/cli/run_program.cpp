// SPDX-License-Identifier: Apache-2.0
#include "determinism_command.hpp"
#include "dev_options.hpp"
#include "divergences_command.hpp"
#include "ledger_command.hpp"
#include "node_line.hpp"
#include "permissions_command.hpp"
#include "quarantine_command.hpp"
#include "replay_command.hpp"
#include "wavs/base/version.hpp"
#include "wavs/cli/command.hpp"
#include "wavs/crypto/keyring.hpp"

#include <array>

namespace wavs::cli {
namespace {

int run_version(Invocation&, Terminal& terminal) {
    terminal.line(fmt::format("wavs-cli {} (protocol {})", base::kVersion, base::kProtocolLevel));
    return kExitOk;
}

int run_help(Invocation& invocation, Terminal& terminal) {
    if (invocation.words.empty()) {
        terminal.line(help_text(commands()));
        return kExitOk;
    }
    auto parsed = parse_command(commands(), std::move(invocation.words));
    if (!parsed.has_value()) {
        terminal.error(parsed.error());
        return kExitUsage;
    }
    terminal.line(help_text(*parsed.value().command));
    return kExitOk;
}

int fail(const config::LoadedCli& loaded, Terminal& terminal) {
    for (const auto& line : loaded.errors) {
        terminal.error({base::ErrorKind::Invalid, "config", line});
    }
    return kExitUsage;
}

}  // namespace

std::span<const Command> commands() {
    static const std::array table = {
        Command{"dev up", "a local chain, a node and a running service, in one command (also: dev)",
                "", dev_flags(), dev_common_flags(), run_dev},
        Command{"replay",
                "a recorded run again, without the world it ran in",
                "FILE",
                replay_flags(),
                {},
                run_replay},
        Command{"check-determinism",
                "a component several times with different clocks, random numbers and orders",
                "COMPONENT",
                determinism_flags(),
                {},
                run_determinism},
        Command{"divergences",
                "the events whose operators have not signed the same, and where they differ",
                "",
                {},
                node_common_flags(),
                run_divergences},
        Command{"quarantine list",
                "the components that have ended the node",
                "",
                {},
                node_common_flags(),
                run_quarantine_list},
        Command{"quarantine lift",
                "run a component again, and the events it was refused",
                "DIGEST",
                {},
                node_common_flags(),
                run_quarantine_lift},
        Command{"ledger accept-empty",
                "say that the key of a service signed nothing elsewhere, so that it signs here",
                "SERVICE_ID",
                {},
                node_common_flags(),
                run_ledger_accept_empty},
        Command{"permissions list",
                "what the services of a node may do, and which updates ask for more",
                "",
                {},
                node_common_flags(),
                run_permissions_list},
        Command{"permissions agree",
                "agree to what a manifest asks for; take it, if it was held",
                "DIGEST",
                {},
                node_common_flags(),
                run_permissions_agree},
        Command{
            "version", "the version of this program and of the protocol", "", {}, {}, run_version},
        Command{"help", "this text, or the help of one command", "[COMMAND]", {}, {}, run_help},
    };
    return table;
}

int run_program(config::Inputs inputs, Terminal terminal) {
    inputs.check_credential = crypto::check_credential;
    const auto environment = inputs.environment;
    const auto cwd = inputs.cwd;
    auto loaded = config::load_cli(std::move(inputs));
    if (loaded.action == config::Action::PrintConfig && loaded.ok()) {
        terminal.line(config::print_config(loaded.settings));
        return kExitOk;
    }
    auto parsed = parse_command(commands(), loaded.rest);
    if (!parsed.has_value()) {
        terminal.error(parsed.error());
        return kExitUsage;
    }
    const auto& command = *parsed.value().command;
    if (parsed.value().help) {
        terminal.line(help_text(command));
        return kExitOk;
    }
    // A broken configuration must not keep its owner from the help.
    if (command.run == run_help || command.run == run_version) {
        return command.run(parsed.value().invocation, terminal);
    }
    for (const auto& line : loaded.warnings) {
        terminal.warn(line);
    }
    if (!loaded.ok()) {
        return fail(loaded, terminal);
    }
    auto& invocation = parsed.value().invocation;
    for (const auto& setting : loaded.settings) {
        invocation.sources.emplace(setting.key, setting.source);
    }
    invocation.config = std::move(loaded.config);
    invocation.environment = environment;
    invocation.cwd = cwd;
    return command.run(invocation, terminal);
}

}  // namespace wavs::cli
