// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/trigger_index.hpp"

#include "wavs/chain_evm/selectors.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

template <typename Map, typename Key, typename Value>
const Value& find_or(const Map& map, const Key& key, const Value& otherwise) {
    const auto found = map.find(key);
    return found == map.end() ? otherwise : found->second;
}

}  // namespace

TriggerIndex TriggerIndex::build(std::span<const types::RegisteredServicePtr> services) {
    TriggerIndex index;
    std::vector<types::RegisteredServicePtr> ordered(services.begin(), services.end());
    std::sort(ordered.begin(), ordered.end(),
              [](const auto& a, const auto& b) { return a->id < b->id; });
    for (const auto& service : ordered) {
        if (const auto* manager = std::get_if<types::EvmManager>(&service->service.manager)) {
            index.managers_[{manager->chain, manager->address}] = service->id;
            index.pairs_[manager->chain].insert(
                {manager->address, chain_evm::service_uri_updated_topic()});
        }
        for (const auto& [id, workflow] : service->service.workflows) {
            if (const auto* trigger = std::get_if<types::EvmEventTrigger>(&workflow.trigger)) {
                index.targets_[{trigger->chain, trigger->address, trigger->event_hash}].push_back(
                    {service->id, id, workflow.trigger});
                index.pairs_[trigger->chain].insert({trigger->address, trigger->event_hash});
            }
        }
    }
    return index;
}

const std::vector<TriggerIndex::Target>& TriggerIndex::match(const types::ChainKey& chain,
                                                             const types::EvmAddress& address,
                                                             const types::Bytes32& topic) const {
    static const std::vector<Target> kNone;
    return find_or(targets_, std::tuple(chain, address, topic), kNone);
}

std::optional<types::ServiceId> TriggerIndex::managed_by(const types::ChainKey& chain,
                                                         const types::EvmAddress& address) const {
    const auto found = managers_.find({chain, address});
    return found == managers_.end() ? std::nullopt : std::optional(found->second);
}

const std::set<TriggerIndex::Pair>& TriggerIndex::pairs(const types::ChainKey& chain) const {
    static const std::set<Pair> kNone;
    return find_or(pairs_, chain, kNone);
}

std::vector<types::ChainKey> TriggerIndex::chains() const {
    std::vector<types::ChainKey> out;
    for (const auto& [chain, pairs] : pairs_) {
        out.push_back(chain);
    }
    return out;
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
