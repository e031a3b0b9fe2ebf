// SPDX-License-Identifier: Apache-2.0
#include "job_queue.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::dispatcher {

JobQueue::JobQueue(JobQueueOptions options, Load load)
    : options_(options),
      load_(std::move(load)),
      stats_(std::make_shared<async::QueueStats>("dispatcher.jobs", options.in_memory,
                                                 async::WhenFull::Wait)) {
    async::QueueRegistry::instance().add(stats_);
}

void JobQueue::push(Job job) {
    const std::lock_guard lock(mutex_);
    const auto& config = job->event->action.config;
    const auto service = config.service_id;
    const auto lane = lane_of(service, config.workflow_id);
    const auto sequence = job->event->sequence;
    if (in_memory_ >= options_.in_memory) {
        job.reset();
        stats_->full_count.fetch_add(1, std::memory_order_relaxed);
    } else {
        ++in_memory_;
    }
    add_locked(service, lane, {sequence, std::move(job)});
}

void JobQueue::push(const types::ServiceId& service, std::uint64_t sequence) {
    Lane lane;
    if (has_lanes(service)) {
        // What cannot be read is told when its turn comes.
        const auto job = load_(sequence);
        if (job.has_value() && job.value()) {
            lane = lane_of(service, job.value()->event->action.config.workflow_id);
        }
    }
    const std::lock_guard lock(mutex_);
    add_locked(service, lane, {sequence, nullptr});
}

JobQueue::Lane JobQueue::lane_of(const types::ServiceId& service,
                                 const types::WorkflowId& workflow) const {
    if (options_.ordered.empty() || !options_.ordered.contains({service, workflow})) {
        return std::nullopt;
    }
    return workflow;
}

bool JobQueue::has_lanes(const types::ServiceId& service) const {
    return std::ranges::any_of(options_.ordered,
                               [&](const auto& one) { return one.first == service; });
}

void JobQueue::add_locked(const types::ServiceId& service, const Lane& lane, Item item) {
    auto& group = groups_[service];
    auto& line = group.lines[lane];
    line.items.push_back(std::move(item));
    ++waiting_;
    stats_->sent.fetch_add(1, std::memory_order_relaxed);
    stats_->depth.store(waiting_, std::memory_order_relaxed);
    offer_locked(service, group, lane, line);
}

void JobQueue::offer_locked(const types::ServiceId& service, const Group& group, const Lane& lane,
                            Line& line) {
    if (!line.in_ring && !line.busy && !line.items.empty() &&
        group.running < options_.running_per_service) {
        line.in_ring = true;
        ring_.emplace_back(service, lane);
    }
}

std::optional<JobQueue::Picked> JobQueue::pick_item() {
    const std::lock_guard lock(mutex_);
    while (!closed_ && !ring_.empty() && running_ < options_.running && picked_ < options_.picked) {
        auto [service, lane] = std::move(ring_.front());
        ring_.pop_front();
        auto& group = groups_.at(service);
        auto& line = group.lines.at(lane);
        line.in_ring = false;
        if (group.running >= options_.running_per_service) {
            // Another line of the service took its last place; `ran()` offers this one again.
            continue;
        }
        auto item = std::move(line.items.front());
        line.items.pop_front();
        line.busy = lane.has_value();
        ++group.running;
        ++running_;
        ++picked_;
        --waiting_;
        in_memory_ -= item.job ? 1 : 0;
        stats_->depth.store(waiting_, std::memory_order_relaxed);
        offer_locked(service, group, lane, line);
        return Picked{service, std::move(lane), std::move(item)};
    }
    return std::nullopt;
}

JobQueue::Job JobQueue::pick() {
    while (auto picked = pick_item()) {
        auto& item = picked->item;
        if (item.job) {
            return std::move(item.job);
        }
        auto loaded = load_(item.sequence);
        if (loaded.has_value() && loaded.value()) {
            return std::move(loaded.value());
        }
        if (!loaded.has_value()) {
            telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                                   "an event cannot be read, it waits for the next start",
                                   loaded.error(), {{"sequence", item.sequence}});
        }
        ran(picked->service);
        stored(picked->service, picked->lane);
    }
    return nullptr;
}

void JobQueue::ran(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    auto& group = groups_.at(service);
    --group.running;
    --running_;
    for (auto& [lane, line] : group.lines) {
        offer_locked(service, group, lane, line);
    }
    tidy_locked(service);
}

void JobQueue::stored(const types::TriggerConfig& of) {
    stored(of.service_id, lane_of(of.service_id, of.workflow_id));
}

void JobQueue::stored(const types::ServiceId& service, const Lane& lane) {
    const std::lock_guard lock(mutex_);
    --picked_;
    if (!lane) {
        return;
    }
    auto& group = groups_.at(service);
    auto& line = group.lines.at(lane);
    line.busy = false;
    offer_locked(service, group, lane, line);
    tidy_locked(service);
}

// A service without work is forgotten; the lane of an ordered workflow lives until it is stored.
void JobQueue::tidy_locked(const types::ServiceId& service) {
    const auto group = groups_.find(service);
    if (group->second.running == 0 && std::ranges::all_of(group->second.lines, [](const auto& one) {
            return one.second.items.empty() && !one.second.busy;
        })) {
        groups_.erase(group);
    }
}

void JobQueue::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

std::size_t JobQueue::waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_;
}

std::size_t JobQueue::waiting(const types::ServiceId& service) const {
    const std::lock_guard lock(mutex_);
    const auto found = groups_.find(service);
    std::size_t sum = 0;
    if (found != groups_.end()) {
        for (const auto& [lane, line] : found->second.lines) {
            sum += line.items.size();
        }
    }
    return sum;
}

std::size_t JobQueue::picked() const {
    const std::lock_guard lock(mutex_);
    return picked_;
}

}  // namespace wavs::dispatcher
