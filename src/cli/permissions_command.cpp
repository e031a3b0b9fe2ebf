// SPDX-License-Identifier: Apache-2.0
#include "permissions_command.hpp"

#include "node_line.hpp"
#include "wavs/cli/node_permissions.hpp"

#include <fmt/ranges.h>

namespace wavs::cli {
namespace {

int failed(const base::Error& error, Terminal& terminal) {
    terminal.error(error);
    return kExitFailure;
}

async::Task<int> list(NodeClient node, bool json, Terminal& terminal) {
    const auto answer = co_await node.service_states();
    if (!answer.has_value()) {
        co_return failed(answer.error(), terminal);
    }
    if (json) {
        terminal.line(answer.value());
        co_return kExitOk;
    }
    const auto services = read_permissions(answer.value());
    if (!services.has_value()) {
        co_return failed(services.error(), terminal);
    }
    for (const auto& line : permission_lines(services.value())) {
        terminal.line(line);
    }
    co_return kExitOk;
}

async::Task<int> agree(NodeClient node, types::ServiceDigest digest, bool json,
                       Terminal& terminal) {
    const auto agreed = co_await node.agree_to_permissions(digest);
    if (!agreed.has_value()) {
        co_return failed(agreed.error(), terminal);
    }
    const auto text = types::to_string(digest);
    terminal.line(json ? fmt::format(R"({{"agreed":"{}"}})", text)
                       : "the manifest " + text + " is in force, and agreed to");
    co_return kExitOk;
}

}  // namespace

int run_permissions_list(Invocation& invocation, Terminal& terminal) {
    NodeLine line(invocation.config);
    return line.run(list(line.node(), invocation.config.json, terminal));
}

int run_permissions_agree(Invocation& invocation, Terminal& terminal) {
    const auto given = invocation.words.size() == 1 ? invocation.words[0] : std::string();
    const auto digest = types::parse_service_digest(given);
    if (!digest.has_value()) {
        return exit_status(
            usage_error(fmt::format("permissions agree needs the digest of one manifest, not {:?}",
                                    fmt::format("{}", fmt::join(invocation.words, " "))),
                        "write the one that wavs-cli permissions list shows"),
            terminal);
    }
    NodeLine line(invocation.config);
    return line.run(agree(line.node(), digest.value(), invocation.config.json, terminal));
}

}  // namespace wavs::cli
