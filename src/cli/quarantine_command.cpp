// SPDX-License-Identifier: Apache-2.0
#include "quarantine_command.hpp"

#include "node_line.hpp"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

namespace wavs::cli {
namespace {

int failed(const base::Error& error, Terminal& terminal) {
    terminal.error(error);
    return kExitFailure;
}

std::string text_of(types::Timestamp at) {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                       fmt::gmtime(static_cast<std::time_t>(at.seconds())));
}

void show(const StruckComponent& component, Terminal& terminal) {
    terminal.line(fmt::format("{}  {}", types::to_string(component.digest),
                              component.quarantined ? "quarantined" : "runs"));
    for (const auto at : component.strikes) {
        terminal.line("  ended the node at " + text_of(at));
    }
    for (const auto& service : component.services) {
        terminal.line("  ran for service " + types::to_string(service));
    }
}

async::Task<int> list(NodeClient node, bool json, Terminal& terminal) {
    const auto answer = co_await node.quarantine();
    if (!answer.has_value()) {
        co_return failed(answer.error(), terminal);
    }
    if (json) {
        terminal.line(answer.value());
        co_return kExitOk;
    }
    const auto components = read_struck_components(answer.value());
    if (!components.has_value()) {
        co_return failed(components.error(), terminal);
    }
    for (const auto& component : components.value()) {
        show(component, terminal);
    }
    if (components.value().empty()) {
        terminal.line("no component has ended this node");
    }
    co_return kExitOk;
}

async::Task<int> lift(NodeClient node, types::ComponentDigest digest, bool json,
                      Terminal& terminal) {
    const auto lifted = co_await node.lift_quarantine(digest);
    if (!lifted.has_value()) {
        co_return failed(lifted.error(), terminal);
    }
    const auto text = types::to_string(digest);
    terminal.line(json ? fmt::format(R"({{"lifted":"{}"}})", text)
                       : text + " runs again, and the events it was refused");
    co_return kExitOk;
}

}  // namespace

int run_quarantine_list(Invocation& invocation, Terminal& terminal) {
    NodeLine line(invocation.config);
    return line.run(list(line.node(), invocation.config.json, terminal));
}

int run_quarantine_lift(Invocation& invocation, Terminal& terminal) {
    const auto given = invocation.words.size() == 1 ? invocation.words[0] : std::string();
    const auto digest = types::parse_component_digest(given);
    if (!digest.has_value()) {
        return exit_status(
            usage_error(fmt::format("quarantine lift needs the digest of one component, not {:?}",
                                    fmt::format("{}", fmt::join(invocation.words, " "))),
                        "write the one that wavs-cli quarantine list shows"),
            terminal);
    }
    NodeLine line(invocation.config);
    return line.run(lift(line.node(), digest.value(), invocation.config.json, terminal));
}

}  // namespace wavs::cli
