// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/async/supervisor.hpp"
#include "wavs/triggers/cron_source.hpp"
#include "wavs/triggers/evm_source.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
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
    TriggerBatches& batches;
    async::Supervisor& supervisor;
    async::Timers& timers;
    base::RandomSource& random;
    telemetry::Metrics& metrics;
    const base::Clock& clock;
    CronOptions cron;
    BlockOptions blocks;
};

/// Knows which services want which triggers, and keeps one source per chain that is needed, and
/// one for the time. Changes come one at a time; look-ups are thread-safe. Owned by `app`.
class TriggerManager {
public:
    TriggerManager(TriggerDeps deps, async::Executor io);
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    /// Watches for these revisions instead of the ones before, all in one step, and names those
    /// that something hinders. `chain_not_configured` (NotFound): its triggers there start when the
    /// chain is added, the others are watched.
    async::Task<std::map<types::ServiceId, base::Error>> set_services(
        std::vector<types::RegisteredServicePtr> services);
    async::Task<void> remove_service(types::ServiceId service);
    /// See `EvmWatch::resume()`.
    void resume(const types::ServiceId& service, types::ChainPosition at);
    /// False while blocks of the chain up to this one still have to be read.
    bool has_read(const types::ChainKey& chain, std::uint64_t block) const;
    /// A chain was configured while the node runs; the result is about this chain.
    async::Task<base::Result<void>> chain_added(types::ChainKey chain);

    struct ChainStatus {
        types::ChainKey chain;
        chain_evm::SubscriberState link;
        EvmSource::Status source;
        std::vector<chain_evm::EndpointState> endpoints;
    };
    /// The chains whose source was started.
    std::vector<ChainStatus> status() const;

private:
    /// Gives every chain the new index and waits for those that `needed` names: a chain that does
    /// not answer delays only the services that need it. Returns the chains that cannot be used,
    /// with the reason.
    async::Task<std::map<types::ChainKey, base::Error>> apply(std::set<types::ChainKey> needed);
    base::Result<EvmSource*> source_for(const types::ChainKey& chain);
    std::optional<base::Error> apply_cron(const TriggerIndex& index);

    TriggerDeps deps_;
    async::Executor io_;
    async::Mutex changes_;
    async::TaskGroup tasks_;
    std::uint64_t version_ = 0;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, types::RegisteredServicePtr> services_;
    struct Source {
        ChainLink link;
        std::unique_ptr<EvmSource> source;
    };
    std::map<types::ChainKey, Source> sources_;
    CronSource cron_;
    // These two under `changes_`: whether its task runs, and why it does not get the services.
    enum class CronState { NotLoaded, Idle, Running } cron_state_ = CronState::NotLoaded;
    std::optional<base::Error> cron_error_;
};

}  // namespace wavs::triggers
