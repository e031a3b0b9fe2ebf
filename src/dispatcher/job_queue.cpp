// SPDX-License-Identifier: Apache-2.0
#include "job_queue.hpp"

#include "wavs/telemetry/log.hpp"

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
    const auto service = job->service->id;
    const auto sequence = job->event->sequence;
    if (in_memory_ >= options_.in_memory) {
        job.reset();
        stats_->full_count.fetch_add(1, std::memory_order_relaxed);
    } else {
        ++in_memory_;
    }
    add_locked(service, {sequence, std::move(job)});
}

void JobQueue::push(const types::ServiceId& service, std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    add_locked(service, {sequence, nullptr});
}

void JobQueue::add_locked(const types::ServiceId& service, Item item) {
    auto& line = lines_[service];
    line.items.push_back(std::move(item));
    ++waiting_;
    stats_->sent.fetch_add(1, std::memory_order_relaxed);
    stats_->depth.store(waiting_, std::memory_order_relaxed);
    offer_locked(service, line);
}

void JobQueue::offer_locked(const types::ServiceId& service, Line& line) {
    if (!line.in_ring && !line.items.empty() && line.running < options_.running_per_service) {
        line.in_ring = true;
        ring_.push_back(service);
    }
}

std::optional<std::pair<types::ServiceId, JobQueue::Item>> JobQueue::pick_item() {
    const std::lock_guard lock(mutex_);
    if (closed_ || ring_.empty() || running_ >= options_.running || picked_ >= options_.picked) {
        return std::nullopt;
    }
    const auto service = ring_.front();
    ring_.pop_front();
    auto& line = lines_.at(service);
    line.in_ring = false;
    auto item = std::move(line.items.front());
    line.items.pop_front();
    ++line.running;
    ++running_;
    ++picked_;
    --waiting_;
    in_memory_ -= item.job ? 1 : 0;
    stats_->depth.store(waiting_, std::memory_order_relaxed);
    offer_locked(service, line);
    return std::pair(service, std::move(item));
}

JobQueue::Job JobQueue::pick() {
    while (auto picked = pick_item()) {
        auto& [service, item] = *picked;
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
        ran(service);
        stored();
    }
    return nullptr;
}

void JobQueue::ran(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(service);
    --found->second.running;
    --running_;
    if (found->second.items.empty() && found->second.running == 0) {
        lines_.erase(found);
        return;
    }
    offer_locked(service, found->second);
}

void JobQueue::stored() {
    const std::lock_guard lock(mutex_);
    --picked_;
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
    const auto found = lines_.find(service);
    return found == lines_.end() ? 0 : found->second.items.size();
}

std::size_t JobQueue::picked() const {
    const std::lock_guard lock(mutex_);
    return picked_;
}

}  // namespace wavs::dispatcher
