// SPDX-License-Identifier: Apache-2.0
#pragma once

// Services whose workflows have block intervals on the chain evm:1.

#include "wavs/types/pipeline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wavs::triggers::testing {

inline const types::ChainKey kBlockChain = types::ChainKey::parse("evm:1").value();
inline const types::ChainKey kOtherChain = types::ChainKey::parse("evm:2").value();

inline types::BlockIntervalTrigger blocks(std::uint32_t n, std::optional<std::uint64_t> start = {},
                                          std::optional<std::uint64_t> end = {}) {
    return {kBlockChain, n, start, end};
}

inline types::EvmAddress manager_address(std::uint8_t manager) {
    types::EvmAddress out;
    out.array().fill(manager);
    return out;
}

/// A revision of the service of this manager, in force from `from` on its chain.
inline types::RegisteredServicePtr block_service(
    std::uint8_t manager,
    const std::vector<std::pair<std::string, types::BlockIntervalTrigger>>& triggers,
    std::optional<types::ChainPosition> from = {}, const types::ChainKey& home = kBlockChain,
    types::ServiceStatus status = {}) {
    auto out = std::make_shared<types::RegisteredService>();
    out->service.manager = types::EvmManager{home, manager_address(manager)};
    out->service.status = status;
    for (const auto& [name, trigger] : triggers) {
        out->service.workflows[types::WorkflowId::parse("wf-" + name).value()].trigger = trigger;
    }
    // Ascending with the manager, so that the order is plain in the tests.
    out->id.array().fill(manager);
    out->in_force_from = from;
    return out;
}

}  // namespace wavs::triggers::testing
