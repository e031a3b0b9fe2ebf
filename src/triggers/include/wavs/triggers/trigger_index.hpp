// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/types/pipeline.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <vector>

namespace wavs::triggers {

/// Which workflows an EVM log concerns. Made anew for every change of the registered services and
/// then only read, so that a source needs no lock while it matches.
class TriggerIndex {
public:
    struct Target {
        types::ServiceId service;
        types::WorkflowId workflow;
        types::Trigger trigger;
    };

    static TriggerIndex build(std::span<const types::RegisteredServicePtr> services);

    /// Ascending by service, then workflow.
    const std::vector<Target>& match(const types::ChainKey& chain, const types::EvmAddress& address,
                                     const types::Bytes32& topic) const;
    /// The service whose manager has this address on this chain.
    std::optional<types::ServiceId> managed_by(const types::ChainKey& chain,
                                               const types::EvmAddress& address) const;

    /// One address and first topic on a chain.
    using Pair = std::pair<types::EvmAddress, types::Bytes32>;
    /// What has to be watched on a chain: triggers and announcements of the managers.
    const std::set<Pair>& pairs(const types::ChainKey& chain) const;
    std::vector<types::ChainKey> chains() const;

private:
    std::map<std::tuple<types::ChainKey, types::EvmAddress, types::Bytes32>, std::vector<Target>>
        targets_;
    std::map<std::pair<types::ChainKey, types::EvmAddress>, types::ServiceId> managers_;
    std::map<types::ChainKey, std::set<Pair>> pairs_;
};

/// The cross product a chain node filters by; the index matches precisely.
chain_evm::LogFilter filter_of(const std::set<TriggerIndex::Pair>& pairs);

}  // namespace wavs::triggers
