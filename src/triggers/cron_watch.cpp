// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/cron_watch.hpp"

#include "wavs/telemetry/log.hpp"
#include "wavs/types/codec.hpp"

#include <algorithm>
#include <tuple>

namespace wavs::triggers {
namespace {

constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

base::WallTime at_second(std::uint64_t second) { return {second * kNanosPerSecond}; }

types::Bytes32 digest_of(const types::CronTrigger& trigger) {
    types::Encoder out;
    out.text(trigger.schedule);
    for (const auto& bound : {trigger.start_time, trigger.end_time}) {
        out.byte(bound ? 1 : 0);
        out.number(bound ? bound->nanos : 0);
    }
    return SchedulePositions::digest_of(std::move(out));
}

std::optional<base::WallTime> next_of(const types::CronSchedule& schedule,
                                      const types::CronTrigger& trigger, std::uint64_t done) {
    const auto after = std::max(at_second(done), trigger.start_time.value_or(types::Timestamp()));
    auto next = schedule.next_after(after);
    if (next && trigger.end_time && *trigger.end_time < *next) {
        next.reset();
    }
    return next;
}

/// The second behind which come the newest `most` matches up to `until`, of which there are more
/// since `after`. The span to be searched grows from its end: it may be long, and its start need
/// not be looked at.
std::uint64_t second_before_newest(const types::CronSchedule& schedule, std::uint64_t after,
                                   std::uint64_t until, std::uint64_t most) {
    const auto enough = [&](std::uint64_t from) {
        return schedule.count(at_second(from), at_second(until)) >= most;
    };
    std::uint64_t span = most;
    while (until - after > span && !enough(until - span)) {
        span *= 2;
    }
    auto low = until - after > span ? until - span : after;
    auto high = until;
    while (high - low > 1) {
        const auto middle = low + (high - low) / 2;
        (enough(middle) ? low : high) = middle;
    }
    return low;
}

}  // namespace

void CronWatch::set_targets(std::span<const TriggerIndex::CronTarget> targets, base::WallTime now) {
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
        if (known && at->second.trigger == target.trigger) {
            at->second.service = target.service;
        } else {
            start(at->first, at->second, target, now);
        }
        ++at;
    }
    while (at != entries_.end()) {
        at = forget(at);
    }
    positions_.drop_restored();
}

void CronWatch::start(const Workflow& workflow, Entry& entry,
                      const TriggerIndex::CronTarget& target, base::WallTime now) {
    unschedule(workflow, entry);
    auto schedule_of = types::CronSchedule::parse(target.trigger.schedule);
    entry.service = target.service;
    entry.trigger = target.trigger;
    entry.schedule = schedule_of.has_value() ? schedule_of.value() : types::CronSchedule();
    entry.position = {digest_of(target.trigger), now.seconds()};
    const bool goes_on = go_on(workflow, entry, now);
    schedule(workflow, entry);
    if (!goes_on && !entry.next) {
        telemetry::log_warn("triggers", "a cron trigger never fires from now on",
                            {{"service", types::to_string(workflow.first)},
                             {"workflow", workflow.second.str()},
                             {"schedule", entry.trigger.schedule},
                             {"remedy",
                              "announce a manifest whose schedule has a time to come, "
                              "before its end_time"}});
    }
}

// False when nothing is stored of this trigger.
bool CronWatch::go_on(const Workflow& workflow, Entry& entry, base::WallTime now) {
    const auto done = positions_.go_on(workflow, entry.position.trigger);
    if (!done) {
        positions_.changed(workflow);
        return false;
    }
    entry.position.done =
        options_.restart == CronOptions::Restart::CatchUp ? *done : std::max(*done, now.seconds());
    const auto missed = next_of(entry.schedule, entry.trigger, *done);
    if (missed && missed->seconds() <= entry.position.done) {
        // Another start, told to make up for it, must not fire what this one skips.
        positions_.changed(workflow);
    }
    return true;
}

void CronWatch::schedule(const Workflow& workflow, Entry& entry) {
    entry.next = next_of(entry.schedule, entry.trigger, entry.position.done);
    if (entry.next) {
        queue_.insert({*entry.next, &workflow, &entry});
    }
}

void CronWatch::unschedule(const Workflow& workflow, Entry& entry) {
    if (entry.next) {
        queue_.erase({*entry.next, &workflow, &entry});
        entry.next.reset();
    }
}

CronWatch::Entries::iterator CronWatch::forget(Entries::iterator at) {
    unschedule(at->first, at->second);
    positions_.changed(at->first);
    return entries_.erase(at);
}

std::optional<base::WallTime> CronWatch::next() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.begin()->at);
}

CronWatch::Dropped CronWatch::drop_old(base::WallTime now) {
    const std::uint64_t most = options_.max_catchup;
    std::vector<Scheduled> late;
    for (const auto& one : queue_) {
        // No more than one a second can have fallen due.
        if (one.at.seconds() + most > now.seconds()) {
            break;
        }
        late.push_back(one);
    }
    Dropped dropped;
    for (const auto& one : late) {
        auto& entry = *one.entry;
        const auto until = std::min(now, entry.trigger.end_time.value_or(now)).seconds();
        const auto before = one.at.seconds() - 1;
        if (entry.schedule.count(at_second(before), at_second(until)) <= most) {
            continue;
        }
        const auto kept = second_before_newest(entry.schedule, before, until, most);
        dropped.occurrences += entry.schedule.count(at_second(before), at_second(kept));
        dropped.service = one.workflow->first;
        dropped.workflow = one.workflow->second;
        ++dropped.workflows;
        unschedule(*one.workflow, entry);
        entry.position.done = kept;
        schedule(*one.workflow, entry);
    }
    return dropped;
}

CronWatch::Due CronWatch::take(base::WallTime until, std::size_t limit) {
    Due due;
    while (due.events.size() < limit && !queue_.empty() && queue_.begin()->at <= until) {
        const auto one = *queue_.begin();
        auto& entry = *one.entry;
        types::TriggerAction action;
        action.config = {one.workflow->first, one.workflow->second, entry.trigger};
        action.data = types::CronData{one.at};
        due.events.push_back({entry.service, std::move(action)});
        unschedule(*one.workflow, entry);
        entry.position.done = one.at.seconds();
        schedule(*one.workflow, entry);
        positions_.changed(*one.workflow);
    }
    due.positions = positions_.take_changes([this](const Workflow& workflow) {
        const auto found = entries_.find(workflow);
        return found == entries_.end() ? std::nullopt : std::optional(found->second.position);
    });
    return due;
}

}  // namespace wavs::triggers
