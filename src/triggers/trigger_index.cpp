// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/trigger_index.hpp"

#include "wavs/chain_evm/selectors.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

template <typename Map, typename Key>
const typename Map::mapped_type& find_or_empty(const Map& map, const Key& key) {
    static const typename Map::mapped_type nothing{};
    const auto found = map.find(key);
    return found == map.end() ? nothing : found->second;
}

bool is_evm(const types::ChainKey& chain) { return chain.ns() == "evm"; }

}  // namespace

TriggerIndex TriggerIndex::build(std::span<const types::RegisteredServicePtr> services) {
    TriggerIndex index;
    std::vector<types::RegisteredServicePtr> ordered(services.begin(), services.end());
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return a->id < b->id; });
    for (const auto& service : ordered) {
        if (const auto* manager = std::get_if<types::EvmManager>(&service->service.manager)) {
            auto& chain = index.chains_[manager->chain];
            chain.managers[manager->address] = service;
            chain.pairs.insert({manager->address, chain_evm::service_uri_updated_topic()});
        }
        for (const auto& [id, workflow] : service->service.workflows) {
            if (const auto* trigger = std::get_if<types::EvmEventTrigger>(&workflow.trigger)) {
                auto& chain = index.chains_[trigger->chain];
                const Pair pair(trigger->address, trigger->event_hash);
                chain.pairs.insert(pair);
                if (service->active()) {
                    chain.targets[pair].push_back({service, id, workflow.trigger, pair});
                }
            } else if (const auto* blocks =
                           std::get_if<types::BlockIntervalTrigger>(&workflow.trigger);
                       blocks != nullptr && is_evm(blocks->chain)) {
                auto& chain = index.chains_[blocks->chain];
                if (service->active()) {
                    chain.blocks.push_back({service, id, *blocks});
                }
            } else if (const auto* cron = std::get_if<types::CronTrigger>(&workflow.trigger);
                       cron != nullptr && service->active()) {
                index.cron_.push_back({service, id, *cron});
            }
        }
    }
    return index;
}

const std::vector<TriggerIndex::Target>& TriggerIndex::match(const types::ChainKey& chain,
                                                             const Pair& pair) const {
    return find_or_empty(of(chain).targets, pair);
}

types::RegisteredServicePtr TriggerIndex::managed_by(const types::ChainKey& chain,
                                                     const types::EvmAddress& address) const {
    return find_or_empty(of(chain).managers, address);
}

const TriggerIndex::Chain& TriggerIndex::of(const types::ChainKey& chain) const {
    return find_or_empty(chains_, chain);
}

std::vector<types::ChainKey> TriggerIndex::chains() const {
    std::vector<types::ChainKey> out;
    for (const auto& [chain, watched] : chains_) {
        out.push_back(chain);
    }
    return out;
}

std::set<types::ChainKey> chains_of(const types::RegisteredService& service) {
    std::set<types::ChainKey> out;
    if (const auto* manager = std::get_if<types::EvmManager>(&service.service.manager)) {
        out.insert(manager->chain);
    }
    for (const auto& [id, workflow] : service.service.workflows) {
        if (const auto* trigger = std::get_if<types::EvmEventTrigger>(&workflow.trigger)) {
            out.insert(trigger->chain);
        } else if (const auto* blocks = std::get_if<types::BlockIntervalTrigger>(&workflow.trigger);
                   blocks != nullptr && is_evm(blocks->chain)) {
            out.insert(blocks->chain);
        }
    }
    return out;
}

std::optional<types::ChainPosition> moment_on(const types::RegisteredService& service,
                                              const types::ChainKey& chain) {
    return types::chain_of(service.service.manager) == chain ? service.in_force_from : std::nullopt;
}

chain_evm::LogFilter filter_of(const std::set<TriggerIndex::Pair>& pairs) {
    std::set<types::EvmAddress> addresses;
    std::set<types::Bytes32> topics;
    for (const auto& [address, topic] : pairs) {
        addresses.insert(address);
        topics.insert(topic);
    }
    return {{addresses.begin(), addresses.end()}, {topics.begin(), topics.end()}};
}

}  // namespace wavs::triggers
