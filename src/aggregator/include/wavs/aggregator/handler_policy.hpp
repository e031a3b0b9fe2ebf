// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/pipeline.hpp"

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace wavs::aggregator {

/// To which contracts of one chain the operator's account posts (docs/decisions.md D-68): those
/// whose service manager is that of the service's manifest, and those the operator has listed. An
/// aggregator component may name any other, and that is not its to decide. Decides only; each
/// refusal is logged as an error once. Thread-safe.
class HandlerPolicy {
public:
    HandlerPolicy(types::ChainKey chain, const std::vector<types::EvmAddress>& listed,
                  telemetry::Metrics* metrics);

    bool is_listed(const types::EvmAddress& handler) const { return listed_.contains(handler); }

    /// Of a handler that is not listed, with the manager it names itself: why it is refused, for
    /// the submit callback; none when it is allowed.
    std::optional<std::string> refusal(const types::RegisteredService& service,
                                       const types::EvmAddress& handler,
                                       const types::EvmAddress& its_manager);
    /// The refusals that stand, for who looks after the node; at most 100.
    std::vector<std::string> warnings() const;

private:
    using Pair = std::pair<types::ServiceId, types::EvmAddress>;

    const types::ChainKey chain_;
    const std::set<types::EvmAddress> listed_;
    telemetry::Metrics* const metrics_;
    mutable std::mutex mutex_;
    std::map<Pair, std::string> refused_;
};

}  // namespace wavs::aggregator
