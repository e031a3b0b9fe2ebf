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

/// Which workflows an EVM log, a height of a chain or the time concerns. Made anew for every change
/// of the registered services and then only read. A paused service stays subscribed and has no
/// targets: what happens during a pause is not made up for.
class TriggerIndex {
public:
    /// One address and first topic on a chain.
    using Pair = std::pair<types::EvmAddress, types::Bytes32>;

    struct Target {
        types::RegisteredServicePtr service;
        types::WorkflowId workflow;
        types::Trigger trigger;
        Pair pair;
    };

    struct CronTarget {
        types::RegisteredServicePtr service;
        types::WorkflowId workflow;
        types::CronTrigger trigger;
    };

    struct BlockTarget {
        types::RegisteredServicePtr service;
        types::WorkflowId workflow;
        types::BlockIntervalTrigger trigger;
    };

    static TriggerIndex build(std::span<const types::RegisteredServicePtr> services);

    /// Ascending by service, then workflow.
    const std::vector<Target>& match(const types::ChainKey& chain, const Pair& pair) const;
    /// The service whose manager has this address on this chain; null when none has.
    types::RegisteredServicePtr managed_by(const types::ChainKey& chain,
                                           const types::EvmAddress& address) const;

    /// Everything of one chain.
    struct Chain {
        std::map<Pair, std::vector<Target>> targets;
        std::map<types::EvmAddress, types::RegisteredServicePtr> managers;
        /// What has to be watched: triggers and announcements of the managers.
        std::set<Pair> pairs;
        /// Ascending by service, then workflow.
        std::vector<BlockTarget> blocks;
    };
    const Chain& of(const types::ChainKey& chain) const;
    std::vector<types::ChainKey> chains() const;

    /// Ascending by service, then workflow.
    const std::vector<CronTarget>& cron() const { return cron_; }

private:
    std::map<types::ChainKey, Chain> chains_;
    std::vector<CronTarget> cron_;
};

/// The chains a service needs.
std::set<types::ChainKey> chains_of(const types::RegisteredService& service);

/// From when on a service's revision is in force on this chain; none when its manager is on another
/// one, or when nobody asked the chain.
std::optional<types::ChainPosition> moment_on(const types::RegisteredService& service,
                                              const types::ChainKey& chain);

/// The cross product a chain node filters by; the index matches precisely.
chain_evm::LogFilter filter_of(const std::set<TriggerIndex::Pair>& pairs);

}  // namespace wavs::triggers
