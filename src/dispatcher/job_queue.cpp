// SPDX-License-Identifier: Apache-2.0
#include "job_queue.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {

JobQueue::JobQueue(async::Executor executor, JobQueueOptions options, Load load)
    : executor_(std::move(executor)),
      options_(options),
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
        wake_locked();
    }
}

// The one that went idle last: what it works with is still in the caches.
void JobQueue::wake_locked() {
    while (!idle_.empty()) {
        const bool woken = idle_.back().set(true);
        idle_.pop_back();
        if (woken) {
            return;
        }
    }
}

std::optional<std::pair<types::ServiceId, JobQueue::Item>> JobQueue::pick_locked() {
    if (ring_.empty() || running_ >= options_.running) {
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
    --waiting_;
    in_memory_ -= item.job ? 1 : 0;
    stats_->depth.store(waiting_, std::memory_order_relaxed);
    offer_locked(service, line);
    return std::pair(service, std::move(item));
}

async::Task<base::Result<JobQueue::Job>> JobQueue::take() {
    while (true) {
        std::optional<std::pair<types::ServiceId, Item>> picked;
        std::optional<async::OneShot<bool>> turn;
        {
            const std::lock_guard lock(mutex_);
            if (closed_) {
                co_return async::cancelled_error("take from queue " + stats_->name);
            }
            picked = pick_locked();
            if (!picked) {
                turn.emplace(executor_);
                idle_.push_back(*turn);
            }
        }
        if (turn) {
            if (!co_await turn->wait()) {
                if (!turn->set(false)) {
                    const std::lock_guard lock(mutex_);
                    wake_locked();
                }
                co_return async::cancelled_error("take from queue " + stats_->name);
            }
            continue;
        }
        auto& [service, item] = *picked;
        if (item.job) {
            co_return std::move(item.job);
        }
        auto loaded = load_(item.sequence);
        if (loaded.has_value() && loaded.value()) {
            co_return std::move(loaded.value());
        }
        if (!loaded.has_value()) {
            telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                                   "an event cannot be read, it waits for the next start",
                                   loaded.error(), {{"sequence", item.sequence}});
        }
        done(service);
    }
}

void JobQueue::done(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    const auto found = lines_.find(service);
    --found->second.running;
    --running_;
    if (!ring_.empty()) {
        wake_locked();
    }
    if (found->second.items.empty() && found->second.running == 0) {
        lines_.erase(found);
        return;
    }
    offer_locked(service, found->second);
}

void JobQueue::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& waiter : idle_) {
        waiter.set(true);
    }
    idle_.clear();
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

}  // namespace wavs::dispatcher
