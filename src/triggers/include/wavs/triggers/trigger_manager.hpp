// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/async/supervisor.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace wavs::triggers {

/// A configured chain as the triggers need it.
struct ChainLink {
    chain_evm::EvmChain& chain;
    chain_evm::ChainEvents& events;
};
/// None when no EVM chain with this key is configured.
using ChainLookup = std::function<std::optional<ChainLink>(const types::ChainKey&)>;

struct TriggerDeps {
    ChainLookup chains;
    storage::Store& store;
    SourceOutputs outputs;
    async::Supervisor& supervisor;
    async::Timers& timers;
    base::RandomSource& random;
    telemetry::Metrics& metrics;
};

/// Knows which services want which triggers, and keeps one source per chain that is needed. Changes
/// come one at a time; look-ups are thread-safe. Owned by `app`.
class TriggerManager {
public:
    TriggerManager(TriggerDeps deps, async::Executor io);

    /// Watches for this revision instead of the one before. NotFound ("chain_not_configured") names
    /// the chains that are missing: their triggers start when the chain is added, the others are
    /// watched.
    async::Task<base::Result<void>> set_service(types::RegisteredServicePtr service);
    async::Task<void> remove_service(types::ServiceId service);
    /// A chain was configured while the node runs.
    async::Task<base::Result<void>> chain_added(types::ChainKey chain);

    struct ChainStatus {
        types::ChainKey chain;
        chain_evm::SubscriberState link;
        EvmSource::Status source;
    };
    /// The chains whose source was started.
    std::vector<ChainStatus> status() const;

private:
    async::Task<base::Result<void>> apply();
    base::Result<EvmSource*> source_for(const types::ChainKey& chain);

    TriggerDeps deps_;
    async::Executor io_;
    async::Mutex changes_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, types::RegisteredServicePtr> services_;
    struct Source {
        ChainLink link;
        std::unique_ptr<EvmSource> source;
    };
    std::map<types::ChainKey, Source> sources_;
};

}  // namespace wavs::triggers
