// SPDX-License-Identifier: Apache-2.0
// Part of the node: posts the results of services with a manifest of the older form, which names
// destinations in place of a component. They are in the configuration as `destination.0`,
// `destination.1`, ..., each `<chain> <address> [<max gas>]`. The last part is the node's business:
// no action carries a gas limit.

#include "wavs/aggregator.hpp"

namespace {

using wavs::Action;
using wavs::Error;
using wavs::Result;

Result<Action> submit_to(const std::string& destination) {
    const auto space = destination.find(' ');
    if (space == std::string::npos) {
        return Error("destination without an address: " + destination);
    }
    const auto end = destination.find(' ', space + 1);
    const auto text = destination.substr(
        space + 1, end == std::string::npos ? std::string::npos : end - space - 1);
    auto address = wavs::parse_hex(text);
    if (!address || address->size() != 20) {
        return Error("destination is not an EVM address: " + destination);
    }
    return wavs::EvmSubmit{destination.substr(0, space), *std::move(address), std::nullopt};
}

}  // namespace

wavs::Result<std::vector<wavs::Action>> wavs::on_input(const AggregatorInput&) {
    std::vector<Action> actions;
    while (true) {
        const auto destination = host::config("destination." + std::to_string(actions.size()));
        if (!destination) {
            break;
        }
        auto action = submit_to(*destination);
        if (!action) {
            return Error(action.error());
        }
        actions.push_back(*std::move(action));
    }
    if (actions.empty()) {
        return Error("no destination is configured");
    }
    return actions;
}

wavs::Result<std::vector<wavs::Action>> wavs::on_timer(const AggregatorInput&) {
    return std::vector<Action>{};
}

wavs::Result<void> wavs::on_submitted(const AggregatorInput&, const TxResult&) { return {}; }
