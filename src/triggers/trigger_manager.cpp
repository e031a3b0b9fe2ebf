// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/trigger_manager.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

async::Task<void> set_index(EvmSource& source, std::shared_ptr<const TriggerIndex> index,
                            std::uint64_t version, async::OneShot<bool> done) {
    co_await source.set_index(std::move(index), version);
    done.set(true);
}

bool has_cron(const types::RegisteredService& service) {
    const auto& workflows = service.service.workflows;
    return std::any_of(workflows.begin(), workflows.end(), [](const auto& entry) {
        return std::holds_alternative<types::CronTrigger>(entry.second.trigger);
    });
}

}  // namespace

TriggerManager::TriggerManager(TriggerDeps deps, async::Executor io)
    : deps_(std::move(deps)),
      io_(std::move(io)),
      changes_(io_),
      tasks_(async::make_strand(io_), "triggers"),
      cron_(deps_.cron, deps_.store, deps_.batches, deps_.timers, deps_.clock, deps_.metrics) {}

async::Task<std::vector<std::string>> TriggerManager::stop(base::Duration deadline) {
    co_return co_await tasks_.stop(deps_.timers, deadline);
}

async::Task<std::map<types::ServiceId, base::Error>> TriggerManager::set_services(
    std::vector<types::RegisteredServicePtr> services) {
    std::map<types::ServiceId, base::Error> hindered;
    auto guard = co_await changes_.lock();
    if (!guard.has_value()) {
        for (const auto& service : services) {
            hindered.emplace(service->id, guard.error());
        }
        co_return hindered;
    }
    {
        const std::lock_guard lock(mutex_);
        for (const auto& service : services) {
            services_[service->id] = service;
        }
    }
    std::set<types::ChainKey> needed;
    for (const auto& service : services) {
        needed.merge(chains_of(*service));
    }
    const auto unusable = co_await apply(std::move(needed));
    for (const auto& service : services) {
        for (const auto& chain : chains_of(*service)) {
            const auto found = unusable.find(chain);
            if (found != unusable.end()) {
                hindered.emplace(service->id, found->second);
            }
        }
        if (cron_error_ && has_cron(*service)) {
            hindered.emplace(service->id, *cron_error_);
        }
    }
    co_return hindered;
}

async::Task<void> TriggerManager::remove_service(types::ServiceId service) {
    auto guard = co_await changes_.lock();
    if (!guard.has_value()) {
        co_return;
    }
    {
        const std::lock_guard lock(mutex_);
        services_.erase(service);
    }
    (void)co_await apply({});  // whose services wait for a chain know it already
}

async::Task<base::Result<void>> TriggerManager::chain_added(types::ChainKey chain) {
    WAVS_CO_TRY(auto guard, co_await changes_.lock());
    telemetry::log_info("triggers", "chain added", {{"chain", chain.str()}});
    const auto unusable = co_await apply({chain});
    const auto found = unusable.find(chain);
    if (found != unusable.end()) {
        co_return found->second;
    }
    co_return base::ok();
}

void TriggerManager::resume(const types::ServiceId& service, types::ChainPosition at) {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    if (found == services_.end()) {
        return;
    }
    const auto source = sources_.find(types::chain_of(found->second->service.manager));
    if (source != sources_.end()) {
        source->second.source->resume(service, at);
    }
}

bool TriggerManager::has_read(const types::ChainKey& chain, std::uint64_t block) const {
    const std::lock_guard lock(mutex_);
    const auto source = sources_.find(chain);
    return source == sources_.end() || source->second.source->has_read(block);
}

async::Task<std::map<types::ChainKey, base::Error>> TriggerManager::apply(
    std::set<types::ChainKey> needed) {
    std::vector<types::RegisteredServicePtr> services;
    std::vector<types::ChainKey> started;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [id, service] : services_) {
            services.push_back(service);
        }
        for (const auto& [chain, source] : sources_) {
            started.push_back(chain);
        }
    }
    const auto index = std::make_shared<const TriggerIndex>(TriggerIndex::build(services));
    // Before anything that waits: its triggers count from now.
    cron_error_ = apply_cron(*index);
    auto chains = index->chains();
    // A chain that nobody needs any more gets the index too, so that it stops watching.
    chains.insert(chains.end(), started.begin(), started.end());
    std::map<types::ChainKey, base::Error> unusable;
    std::vector<async::OneShot<bool>> waiting;
    ++version_;
    for (const auto& chain : std::set(chains.begin(), chains.end())) {
        auto source = source_for(chain);
        if (!source.has_value()) {
            unusable.emplace(chain, std::move(source).error());
            continue;
        }
        const async::OneShot<bool> done(io_);
        tasks_.spawn_on(async::make_strand(io_), "index/" + chain.str(),
                        set_index(*source.value(), index, version_, done));
        if (needed.contains(chain)) {
            waiting.push_back(done);
        }
    }
    for (const auto& done : waiting) {
        (void)co_await done.wait();
    }
    co_return unusable;
}

std::optional<base::Error> TriggerManager::apply_cron(const TriggerIndex& index) {
    if (cron_state_ == CronState::NotLoaded) {
        auto loaded = cron_.load();
        if (!loaded.has_value()) {
            return std::move(loaded).error();
        }
        cron_state_ = CronState::Idle;
    }
    const bool needed = cron_.set_index(index);
    if (needed && cron_state_ == CronState::Idle) {
        deps_.supervisor.run("triggers/cron", async::make_strand(io_),
                             [this] { return cron_.run(); });
        cron_state_ = CronState::Running;
    }
    return std::nullopt;
}

base::Result<EvmSource*> TriggerManager::source_for(const types::ChainKey& chain) {
    const std::lock_guard lock(mutex_);
    const auto found = sources_.find(chain);
    if (found != sources_.end()) {
        return found->second.source.get();
    }
    const auto link = deps_.chains(chain);
    if (!link) {
        return base::Error(base::ErrorKind::NotFound, "chain_not_configured",
                           "waiting for chain " + chain.str() + ", which is not configured",
                           "add it to wavs.toml and restart, or with POST /dev/chains");
    }
    auto source =
        std::make_unique<EvmSource>(link->chain, link->events, deps_.store, deps_.batches,
                                    deps_.timers, deps_.random, deps_.metrics, deps_.blocks);
    WAVS_TRY(source->load());
    auto* raw = source.get();
    auto* subscriber = &link->chain.subscriber();
    const auto strand = async::make_strand(io_);
    deps_.supervisor.run("triggers/" + chain.str(), strand, [raw] { return raw->run(); });
    deps_.supervisor.run("chain/" + chain.str(), strand,
                         [subscriber] { return subscriber->run(); });
    sources_.emplace(chain, Source{*link, std::move(source)});
    return raw;
}

std::vector<TriggerManager::ChainStatus> TriggerManager::status() const {
    const std::lock_guard lock(mutex_);
    std::vector<ChainStatus> out;
    for (const auto& [chain, source] : sources_) {
        auto& evm = source.link.chain;
        out.push_back({chain, evm.subscriber().state(), source.source->status(), evm.endpoints()});
    }
    return out;
}

}  // namespace wavs::triggers
