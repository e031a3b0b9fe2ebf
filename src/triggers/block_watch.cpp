// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/block_watch.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <tuple>

namespace wavs::triggers {
namespace {

types::Bytes32 digest_of(const types::BlockIntervalTrigger& trigger) {
    types::Encoder out;
    out.number(trigger.n_blocks);
    for (const auto& bound : {trigger.start_block, trigger.end_block}) {
        out.byte(bound ? 1 : 0);
        out.number(bound.value_or(0));
    }
    return SchedulePositions::digest_of(std::move(out));
}

/// The first height above `done`; the grid begins at the start, or at 0, which itself is none.
std::optional<std::uint64_t> next_of(const types::BlockIntervalTrigger& trigger,
                                     std::uint64_t done) {
    const auto first = trigger.start_block.value_or(0);
    auto next = first;
    if (done >= first) {
        const auto past = (done - first) % trigger.n_blocks;
        const std::uint64_t step = trigger.n_blocks - past;
        if (UINT64_MAX - done < step) {
            return std::nullopt;
        }
        next = done + step;
    }
    return trigger.end_block && next > *trigger.end_block ? std::nullopt : std::optional(next);
}

}  // namespace

std::string BlockWatch::key_prefix(const types::ChainKey& chain) {
    return "blocks/" + chain.str() + "/";
}

bool BlockWatch::needs_head(std::span<const TriggerIndex::BlockTarget> targets) const {
    return std::any_of(targets.begin(), targets.end(), [this](const auto& target) {
        if (moment_on(*target.service, chain_)) {
            return false;
        }
        const Workflow workflow(target.service->id, target.workflow);
        const auto entry = entries_.find(workflow);
        if (entry != entries_.end() && entry->second.trigger == target.trigger) {
            return entry->second.pending;
        }
        return !positions_.restored(workflow, digest_of(target.trigger));
    });
}

void BlockWatch::set_targets(std::span<const TriggerIndex::BlockTarget> targets,
                             std::optional<std::uint64_t> head) {
    auto at = entries_.begin();
    for (const auto& target : targets) {
        const auto key = std::tie(target.service->id, target.workflow);
        while (at != entries_.end() && std::tie(at->first.first, at->first.second) < key) {
            at = forget(at);
        }
        const bool known =
            at != entries_.end() && std::tie(at->first.first, at->first.second) == key;
        if (!known) {
            at = entries_.emplace_hint(at, Workflow(target.service->id, target.workflow), Entry());
        }
        if (known && !at->second.pending && at->second.trigger == target.trigger) {
            at->second.service = target.service;
        } else {
            start(at->first, at->second, target, head);
        }
        ++at;
    }
    while (at != entries_.end()) {
        at = forget(at);
    }
    positions_.drop_restored();
}

void BlockWatch::start_pending(std::uint64_t head) {
    for (auto at = entries_.begin(); pending_ > 0 && at != entries_.end(); ++at) {
        if (at->second.pending) {
            begin(at->first, at->second, head);
        }
    }
}

void BlockWatch::start(const Workflow& workflow, Entry& entry,
                       const TriggerIndex::BlockTarget& target, std::optional<std::uint64_t> head) {
    unschedule(workflow, entry);
    entry.service = target.service;
    entry.trigger = target.trigger;
    entry.position.trigger = digest_of(target.trigger);
    if (const auto done = positions_.go_on(workflow, entry.position.trigger)) {
        entry.position.done = *done;
        schedule(workflow, entry);
    } else if (const auto moment = moment_on(*target.service, chain_)) {
        // A height is the beginning of its block, so that of the announcement came before.
        begin(workflow, entry, moment->block);
    } else if (head) {
        begin(workflow, entry, *head);
    } else {
        set_pending(entry, true);
    }
}

void BlockWatch::begin(const Workflow& workflow, Entry& entry, std::uint64_t after) {
    set_pending(entry, false);
    entry.position.done = after;
    positions_.changed(workflow);
    schedule(workflow, entry);
    if (!entry.next) {
        const auto bound = [](std::optional<std::uint64_t> block) {
            return block ? std::to_string(*block) : std::string("none");
        };
        telemetry::log_warn("triggers", "a block interval trigger never fires from now on",
                            {{"service", types::to_string(workflow.first)},
                             {"workflow", workflow.second.str()},
                             {"chain", chain_.str()},
                             {"block", after},
                             {"n_blocks", entry.trigger.n_blocks},
                             {"start_block", bound(entry.trigger.start_block)},
                             {"end_block", bound(entry.trigger.end_block)},
                             {"remedy", "announce a manifest whose end_block is still to come"}});
    }
}

void BlockWatch::set_pending(Entry& entry, bool pending) {
    pending_ += pending ? 1 : 0;
    pending_ -= entry.pending ? 1 : 0;
    entry.pending = pending;
}

void BlockWatch::schedule(const Workflow& workflow, Entry& entry) {
    entry.next = next_of(entry.trigger, entry.position.done);
    if (entry.next) {
        queue_.insert({*entry.next, &workflow, &entry});
    }
}

void BlockWatch::unschedule(const Workflow& workflow, Entry& entry) {
    if (entry.next) {
        queue_.erase({*entry.next, &workflow, &entry});
        entry.next.reset();
    }
}

BlockWatch::Entries::iterator BlockWatch::forget(Entries::iterator at) {
    unschedule(at->first, at->second);
    set_pending(at->second, false);
    positions_.changed(at->first);
    return entries_.erase(at);
}

std::optional<std::uint64_t> BlockWatch::next() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->height);
}

bool BlockWatch::has_work(std::uint64_t height) const {
    return positions_.has_changes() || (!queue_.empty() && queue_.begin()->height <= height);
}

std::vector<types::RegisteredServicePtr> BlockWatch::due_services(std::uint64_t height) const {
    std::map<types::ServiceId, types::RegisteredServicePtr> found;
    for (auto at = queue_.begin(); at != queue_.end() && at->height <= height; ++at) {
        found.emplace(at->workflow->first, at->entry->service);
    }
    std::vector<types::RegisteredServicePtr> out;
    for (auto& [id, service] : found) {
        out.push_back(std::move(service));
    }
    return out;
}

BlockWatch::Dropped BlockWatch::drop_old(std::uint64_t height, const Limit& limit) {
    Dropped dropped;
    if (options_.max_catchup == 0) {
        return dropped;
    }
    const std::uint64_t most = options_.max_catchup;
    std::vector<Scheduled> due;
    for (auto at = queue_.begin(); at != queue_.end() && at->height <= height; ++at) {
        due.push_back(*at);
    }
    for (const auto& one : due) {
        auto& entry = *one.entry;
        const auto until =
            std::min({height, limit(*entry.service), entry.trigger.end_block.value_or(height)});
        if (until < one.height || (until - one.height) / entry.trigger.n_blocks < most) {
            continue;
        }
        const auto count = (until - one.height) / entry.trigger.n_blocks + 1 - most;
        unschedule(*one.workflow, entry);
        entry.position.done = one.height + (count - 1) * entry.trigger.n_blocks;
        schedule(*one.workflow, entry);
        positions_.changed(*one.workflow);
        dropped.heights += count;
        dropped.service = one.workflow->first;
        dropped.workflow = one.workflow->second;
        ++dropped.workflows;
    }
    return dropped;
}

BlockWatch::Due BlockWatch::take(std::uint64_t height, const Limit& limit, std::size_t most) {
    Due due;
    auto at = queue_.begin();
    while (due.events.size() < most && at != queue_.end() && at->height <= height) {
        const auto one = *at;
        auto& entry = *one.entry;
        if (limit(*entry.service) < one.height) {
            ++at;
            continue;
        }
        types::TriggerAction action;
        action.config = {one.workflow->first, one.workflow->second, entry.trigger};
        action.data = types::BlockIntervalData{chain_, one.height};
        due.events.push_back({entry.service, std::move(action)});
        unschedule(*one.workflow, entry);
        entry.position.done = one.height;
        schedule(*one.workflow, entry);
        positions_.changed(*one.workflow);
        // Its next height may be the one that comes now.
        at = queue_.upper_bound(one);
    }
    due.positions = positions_.take_changes([this](const Workflow& workflow) {
        const auto found = entries_.find(workflow);
        return found == entries_.end() || found->second.pending
                   ? std::nullopt
                   : std::optional(found->second.position);
    });
    return due;
}

}  // namespace wavs::triggers
