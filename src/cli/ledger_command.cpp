// SPDX-License-Identifier: Apache-2.0
#include "ledger_command.hpp"

#include "node_line.hpp"

#include <fmt/ranges.h>

namespace wavs::cli {
namespace {

async::Task<int> accept_empty(NodeClient node, types::ServiceId service, bool json,
                              Terminal& terminal) {
    const auto accepted = co_await node.accept_empty_ledger(service);
    if (!accepted.has_value()) {
        terminal.error(accepted.error());
        co_return kExitFailure;
    }
    const auto text = types::to_string(service);
    terminal.line(json ? fmt::format(R"({{"signs":"{}"}})", text)
                       : fmt::format("the key of service {} signs, and the events that waited for "
                                     "it run",
                                     text));
    co_return kExitOk;
}

}  // namespace

int run_ledger_accept_empty(Invocation& invocation, Terminal& terminal) {
    const auto given = invocation.words.size() == 1 ? invocation.words[0] : std::string();
    const auto service = types::parse_service_id(given);
    if (!service.has_value()) {
        return exit_status(
            usage_error(fmt::format("ledger accept-empty needs the id of one service, not {:?}",
                                    fmt::format("{}", fmt::join(invocation.words, " "))),
                        "write the one that wavs-cli permissions list shows"),
            terminal);
    }
    NodeLine line(invocation.config);
    return line.run(accept_empty(line.node(), service.value(), invocation.config.json, terminal));
}

}  // namespace wavs::cli
