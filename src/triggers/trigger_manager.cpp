// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/trigger_manager.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::triggers {

TriggerManager::TriggerManager(TriggerDeps deps, async::Executor io)
    : deps_(std::move(deps)), io_(std::move(io)), changes_(io_) {}

async::Task<base::Result<void>> TriggerManager::set_service(types::RegisteredServicePtr service) {
    WAVS_CO_TRY(auto guard, co_await changes_.lock());
    {
        const std::lock_guard lock(mutex_);
        services_[service->id] = service;
    }
    co_return co_await apply();
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
    if (auto applied = co_await apply(); !applied.has_value()) {
        telemetry::log_failure(telemetry::Level::Debug, "triggers", "a chain is still missing",
                               applied.error());
    }
}

async::Task<base::Result<void>> TriggerManager::chain_added(types::ChainKey chain) {
    WAVS_CO_TRY(auto guard, co_await changes_.lock());
    telemetry::log_info("triggers", "chain added", {{"chain", chain.str()}});
    co_return co_await apply();
}

async::Task<base::Result<void>> TriggerManager::apply() {
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
    auto chains = index->chains();
    // A chain that nobody needs any more gets the index too, so that it stops watching.
    chains.insert(chains.end(), started.begin(), started.end());
    std::string missing;
    for (const auto& chain : chains) {
        auto source = source_for(chain);
        if (source.has_value()) {
            co_await source.value()->set_index(index);
        } else if (source.error().kind() == base::ErrorKind::NotFound) {
            missing += (missing.empty() ? "" : ", ") + chain.str();
        } else {
            co_return std::move(source).error();
        }
    }
    if (!missing.empty()) {
        co_return base::Error(base::ErrorKind::NotFound, "chain_not_configured",
                              "waiting for chain " + missing + ", which is not configured",
                              "add it to wavs.toml and restart, or with POST /dev/chains");
    }
    co_return base::ok();
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
                           fmt::format("chain {} is not configured", chain.str()));
    }
    auto source = std::make_unique<EvmSource>(link->chain, link->events, deps_.store, deps_.outputs,
                                              deps_.timers, deps_.random, deps_.metrics);
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
        out.push_back({chain, source.link.chain.subscriber().state(), source.source->status()});
    }
    return out;
}

}  // namespace wavs::triggers
