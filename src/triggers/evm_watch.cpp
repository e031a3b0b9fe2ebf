// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/evm_watch.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/selectors.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

using types::ChainPosition;

Coverage::Workflow workflow_of(const TriggerIndex::Target& target) {
    return {target.service->id, target.workflow};
}

Coverage::Pair manager_pair(const types::EvmAddress& manager) {
    return {manager, chain_evm::service_uri_updated_topic()};
}

// None when its manager is on another chain.
std::optional<Coverage::Pair> manager_pair_of(const types::RegisteredService& service,
                                              const types::ChainKey& chain) {
    const auto* manager = std::get_if<types::EvmManager>(&service.service.manager);
    return manager != nullptr && manager->chain == chain
               ? std::optional(manager_pair(manager->address))
               : std::nullopt;
}

bool has_address(const chain_evm::LogFilter& filter, const types::EvmAddress& address) {
    return std::binary_search(filter.addresses.begin(), filter.addresses.end(), address);
}

}  // namespace

bool EvmWatch::needs_head(const TriggerIndex& index) const {
    const auto& wanted = index.of(chain_);
    for (const auto& [address, service] : wanted.managers) {
        if (!coverage_.watched(manager_pair(address)) && !moment_on(*service, chain_)) {
            return true;
        }
    }
    for (const auto& [pair, targets] : wanted.targets) {
        for (const auto& target : targets) {
            if (!coverage_.started(workflow_of(target), pair) &&
                !moment_on(*target.service, chain_)) {
                return true;
            }
        }
    }
    return false;
}

void EvmWatch::set_index(std::shared_ptr<const TriggerIndex> index,
                         std::optional<std::uint64_t> head) {
    const auto& next = index->of(chain_);
    coverage_.keep_pairs(next.pairs);
    coverage_.keep_workflows(
        [&next](const Coverage::Workflow& workflow, const Coverage::Pair& pair) {
            const auto found = next.targets.find(pair);
            return found != next.targets.end() &&
                   std::any_of(found->second.begin(), found->second.end(),
                               [&](const auto& target) { return workflow_of(target) == workflow; });
        });
    index_ = std::move(index);
    start_all(head);

    std::map<types::ServiceId, types::RegisteredServicePtr> managed;
    for (const auto& [address, service] : wanted().managers) {
        managed[service->id] = service;
    }
    std::erase_if(given_up_, [&](const auto& entry) { return !managed.contains(entry.first); });
    std::erase_if(told_, [&](const auto& entry) { return !managed.contains(entry.first); });
    std::vector<std::pair<types::ServiceId, ChainPosition>> settled;
    std::erase_if(changing_, [&](const auto& entry) {
        const auto found = managed.find(entry.first);
        if (found == managed.end()) {
            return true;
        }
        if (found->second->in_force_from && *found->second->in_force_from >= entry.second) {
            settled.push_back(entry);
            return true;
        }
        return false;
    });
    update_holds();
    for (const auto& [service, at] : settled) {
        read_again(service, at.block);
    }
}

void EvmWatch::start_pending(std::uint64_t head) { start_all(head); }

void EvmWatch::start_all(std::optional<std::uint64_t> head) {
    for (const auto& [address, service] : wanted().managers) {
        const auto pair = manager_pair(address);
        if (coverage_.watched(pair)) {
            continue;
        }
        if (const auto moment = moment_on(*service, chain_)) {
            coverage_.watch(pair, moment->next_block());
            became_unread(moment->next_block());
        } else if (head) {
            coverage_.watch(pair, *head + 1);
            became_unread(*head + 1);
        }
    }
    bool all = true;
    for (const auto& [pair, targets] : wanted().targets) {
        for (const auto& target : targets) {
            all = start(target, head) && all;
        }
    }
    if (all) {
        coverage_.complete_workflows();
    }
}

bool EvmWatch::start(const TriggerIndex::Target& target, std::optional<std::uint64_t> head) {
    if (coverage_.started(workflow_of(target), target.pair)) {
        return true;
    }
    std::optional<ChainPosition> after = moment_on(*target.service, chain_);
    if (coverage_.lacks_workflows() && coverage_.watched(target.pair)) {
        coverage_.adopt(workflow_of(target), target.pair);
        return true;
    }
    if (!after && head) {
        after = ChainPosition::end_of(*head);
    }
    if (!after) {
        return false;
    }
    coverage_.start(workflow_of(target), target.pair, *after);
    became_unread(after->next_block());
    return true;
}

void EvmWatch::resume(const types::ServiceId& service, ChainPosition at) {
    const auto found = changing_.find(service);
    if (found == changing_.end() || found->second > at) {
        return;
    }
    const auto from = found->second.block;
    given_up_[service] = found->second;
    changing_.erase(found);
    update_holds();
    read_again(service, from);
}

std::vector<Coverage::Pair> EvmWatch::pairs_of(const types::ServiceId& service) const {
    std::vector<Coverage::Pair> out;
    for (const auto& [address, managed] : wanted().managers) {
        if (managed->id == service) {
            out.push_back(manager_pair(address));
        }
    }
    for (const auto& [pair, targets] : wanted().targets) {
        if (std::any_of(targets.begin(), targets.end(),
                        [&](const auto& target) { return target.service->id == service; })) {
            out.push_back(pair);
        }
    }
    return out;
}

void EvmWatch::read_again(const types::ServiceId& service, std::uint64_t from) {
    for (const auto& pair : pairs_of(service)) {
        coverage_.unread(pair, from);
    }
    became_unread(from);
}

void EvmWatch::became_unread(std::uint64_t from) {
    stale_ = true;
    unread_from_ = std::min(unread_from_.value_or(from), from);
}

void EvmWatch::reorganised(std::uint64_t from) {
    const auto replaced = [from](const auto& entry) { return entry.second.block >= from; };
    std::erase_if(changing_, replaced);
    std::erase_if(given_up_, replaced);
    std::erase_if(told_, replaced);
    update_holds();
    for (const auto& pair : wanted().pairs) {
        coverage_.unread(pair, from);
    }
    became_unread(from);
    for (const auto& [address, service] : wanted().managers) {
        if (service->in_force_from && service->in_force_from->block >= from) {
            telemetry::log_warn(
                "triggers",
                "the manifest in force was announced in a block that the chain replaced, it stays "
                "until another is announced",
                {{"service", types::to_string(service->id)},
                 {"chain", chain_.str()},
                 {"block", service->in_force_from->block},
                 {"remedy",
                  "when the chain does not announce it again, register the service anew to take "
                  "the URI that its manager has now"}});
        }
    }
}

void EvmWatch::read(const chain_evm::LogFilter& filter, BlockRange range) {
    const auto end = unread_from_ ? std::min(range.to + 1, *unread_from_) : range.to + 1;
    if (range.from < end) {
        coverage_.add(filter, {range.from, end - 1});
    }
}

void EvmWatch::update_holds() {
    std::map<Coverage::Pair, std::uint64_t> holds;
    for (const auto& [service, at] : changing_) {
        for (const auto& pair : pairs_of(service)) {
            const auto [slot, fresh] = holds.try_emplace(pair, at.block);
            slot->second = std::min(slot->second, at.block);
        }
    }
    coverage_.set_holds(std::move(holds));
}

void EvmWatch::on_head(std::uint64_t settled) {
    if (!live_ || stale_) {
        return;
    }
    if (const auto missing = coverage_.first_missing(*live_, settled)) {
        coverage_.add(*live_, {*missing, settled});
    }
}

EvmWatch::Seen EvmWatch::see(const chain_evm::EvmLog& log) {
    Seen seen;
    if (log.topics.empty()) {
        return seen;
    }
    const Coverage::Pair pair(log.address, log.topics[0]);
    const ChainPosition at{log.block_number.value_or(0), log.log_index.value_or(0)};
    for (const auto& target : index_->match(chain_, pair)) {
        const auto after = coverage_.started(workflow_of(target), pair);
        const auto change = changing_.find(target.service->id);
        if (!after || at <= *after || (change != changing_.end() && at > change->second)) {
            continue;
        }
        auto data = chain_evm::to_trigger_data(log, chain_);
        if (!data.has_value()) {
            telemetry::log_failure(telemetry::Level::Warn, "triggers", "log ignored", data.error(),
                                   {{"chain", chain_.str()}});
            break;
        }
        seen.events.push_back(
            {target.service,
             {{target.service->id, target.workflow, target.trigger}, std::move(data.value())}});
    }
    if (pair == manager_pair(log.address)) {
        seen.change = announcement(log, at);
    }
    return seen;
}

std::uint64_t EvmWatch::firm_height(const types::RegisteredService& service) const {
    const auto pair = manager_pair_of(service, chain_);
    if (!pair) {
        return UINT64_MAX;
    }
    // Logs are seen in the order of the chain, so what comes before this one has been.
    if (const auto change = changing_.find(service.id); change != changing_.end()) {
        return change->second.block;
    }
    return coverage_.first_unread(*pair).value_or(0);
}

std::optional<EvmWatch::Unread> EvmWatch::announcements_below(
    std::uint64_t height, std::span<const types::RegisteredServicePtr> services) const {
    if (!live_ || stale_) {
        return std::nullopt;
    }
    Unread out{{{}, {chain_evm::service_uri_updated_topic()}}, {height, height - 1}};
    for (const auto& service : services) {
        const auto pair = manager_pair_of(*service, chain_);
        if (!pair || changing_.contains(service->id) || !has_address(*live_, pair->first)) {
            continue;
        }
        const auto unread = coverage_.first_unread(*pair);
        if (unread && *unread < height) {
            out.filter.addresses.push_back(pair->first);
            out.range.from = std::min(out.range.from, *unread);
        }
    }
    if (out.filter.addresses.empty()) {
        return std::nullopt;
    }
    std::sort(out.filter.addresses.begin(), out.filter.addresses.end());
    return out;
}

std::optional<types::ServiceUriChange> EvmWatch::announcement(const chain_evm::EvmLog& log,
                                                              ChainPosition at) {
    const auto service = index_->managed_by(chain_, log.address);
    if (!service) {
        return std::nullopt;
    }
    const auto first = coverage_.first_block(manager_pair(log.address));
    const auto given_up = given_up_.find(service->id);
    const auto told = told_.find(service->id);
    if (!first || at.block < *first || (service->in_force_from && at <= *service->in_force_from) ||
        (given_up != given_up_.end() && at <= given_up->second) ||
        (told != told_.end() && at <= told->second && changing_.contains(service->id))) {
        return std::nullopt;  // known
    }
    auto uri = chain_evm::decode_string(log.data);
    if (!uri.has_value()) {
        telemetry::log_failure(
            telemetry::Level::Error, "triggers",
            "an announced service URI cannot be read, the service stays as it is", uri.error(),
            {{"service", types::to_string(service->id)}});
        return std::nullopt;
    }
    told_[service->id] = at;
    // One behind another that is being followed is only told: it comes again, in its turn.
    if (changing_.try_emplace(service->id, at).second) {
        update_holds();
    }
    return types::ServiceUriChange{service->id, std::move(uri.value()), at};
}

}  // namespace wavs::triggers
