// SPDX-License-Identifier: Apache-2.0
#include "node_line.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::cli {
namespace {

constexpr Flag kCommonFlags[] = {
    {"--wavs-endpoint", "URL", "HTTP interface of the node (default: http://127.0.0.1:8000)"},
    {"--bearer-token", "TOKEN", "what the node asks of those who change it"},
    {"--json", "", "one JSON document on standard output"},
};

}  // namespace

std::span<const Flag> node_common_flags() { return kCommonFlags; }

NodeLine::NodeLine(const config::CliConfig& config) {
    static_cast<void>(telemetry::configure_log({.directives = {"warn"}}));
    std::optional<std::string> token;
    if (config.bearer_token) {
        token = config.bearer_token->reveal();
    }
    node_.emplace(http_, config.wavs_endpoint, std::move(token));
}

int NodeLine::run(async::Task<int> task) {
    const int status = runtime_.run(std::move(task));
    runtime_.stop();
    return status;
}

}  // namespace wavs::cli
