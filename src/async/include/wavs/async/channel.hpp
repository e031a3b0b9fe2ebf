// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/async/queue_stats.hpp"

#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace wavs::async {

/// A bounded, named, metered queue between tasks of any threads. Items leave in the order they
/// came. After `close()` senders get Cancelled, receivers drain what is there and then get
/// Cancelled: no item is lost on stop. An item takes one place, or `queue_weight(item)` places when
/// there is such a function beside its type: the queue is full when its places are taken, and the
/// last item in may take more than are left. Owned by the composition root; must outlive its users.
template <typename T>
class Channel {
public:
    Channel(Executor executor, std::string name, std::size_t capacity,
            WhenFull policy = WhenFull::Wait)
        : executor_(std::move(executor)),
          stats_(std::make_shared<QueueStats>(std::move(name), capacity, policy)) {
        QueueRegistry::instance().add(stats_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// Waits for room under `WhenFull::Wait`; under `Reject` a full queue is Overloaded; under
    /// `DropOldest` the oldest item goes and is counted.
    Task<base::Result<void>> send(T item) {
        while (true) {
            std::optional<OneShot<bool>> room;
            {
                const std::lock_guard lock(mutex_);
                if (auto done = push_locked(item)) {
                    co_return std::move(*done);
                }
                room.emplace(executor_);
                senders_.push_back(*room);
            }
            if (!co_await room->wait()) {
                give_up(*room, senders_);
                co_return cancelled_error("send to queue " + stats_->name);
            }
        }
    }

    /// Never waits: a full queue is Overloaded whatever the policy, unless it drops its oldest.
    base::Result<void> try_send(T item) {
        const std::lock_guard lock(mutex_);
        if (auto done = push_locked(item)) {
            return std::move(*done);
        }
        return full_error_locked();
    }

    Task<base::Result<T>> receive() {
        while (true) {
            std::optional<OneShot<bool>> ready;
            {
                const std::lock_guard lock(mutex_);
                if (!items_.empty()) {
                    co_return pop_locked();
                }
                if (closed_) {
                    co_return cancelled_error("receive from queue " + stats_->name);
                }
                ready.emplace(executor_);
                receivers_.push_back(*ready);
            }
            if (!co_await ready->wait()) {
                give_up(*ready, receivers_);
                co_return cancelled_error("receive from queue " + stats_->name);
            }
        }
    }

    /// An item that is there already; never waits.
    std::optional<T> try_receive() {
        const std::lock_guard lock(mutex_);
        if (items_.empty()) {
            return std::nullopt;
        }
        return pop_locked();
    }

    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        wake_all_locked(senders_);
        wake_all_locked(receivers_);
    }

    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return items_.size();
    }
    const QueueStats& stats() const { return *stats_; }

private:
    using Waiters = std::deque<OneShot<bool>>;

    static std::size_t weight_of(const T& item) {
        if constexpr (requires { queue_weight(item); }) {
            return queue_weight(item);
        } else {
            return 1;
        }
    }

    // Empty optional: the queue is full and the policy is not to drop.
    std::optional<base::Result<void>> push_locked(T& item) {
        if (closed_) {
            return base::Result<void>(cancelled_error("send to queue " + stats_->name));
        }
        if (weight_ >= stats_->capacity) {
            stats_->full_count.fetch_add(1, std::memory_order_relaxed);
            if (stats_->policy == WhenFull::Reject) {
                return base::Result<void>(full_error_locked());
            }
            if (stats_->policy == WhenFull::Wait) {
                return std::nullopt;
            }
            weight_ -= weight_of(items_.front());
            items_.pop_front();
            stats_->dropped.fetch_add(1, std::memory_order_relaxed);
        }
        weight_ += weight_of(item);
        items_.push_back(std::move(item));
        stats_->sent.fetch_add(1, std::memory_order_relaxed);
        stats_->depth.store(weight_, std::memory_order_relaxed);
        wake_locked(receivers_);
        return base::Result<void>(base::ok());
    }

    T pop_locked() {
        T item = std::move(items_.front());
        items_.pop_front();
        weight_ -= weight_of(item);
        stats_->depth.store(weight_, std::memory_order_relaxed);
        wake_locked(senders_);
        return item;
    }

    base::Error full_error_locked() const {
        return {base::ErrorKind::Overloaded, "queue_full",
                fmt::format("queue {} is full ({} items)", stats_->name, stats_->capacity),
                "try again later"};
    }

    static void wake_locked(Waiters& waiters) {
        while (!waiters.empty()) {
            const bool woken = waiters.front().set(true);
            waiters.pop_front();
            if (woken) {
                return;
            }
        }
    }
    static void wake_all_locked(Waiters& waiters) {
        while (!waiters.empty()) {
            wake_locked(waiters);
        }
    }
    // A cancelled waiter marks its place as dead; if it had been woken already, the next one is
    // woken instead.
    void give_up(const OneShot<bool>& place, Waiters& waiters) {
        if (!place.set(false)) {
            const std::lock_guard lock(mutex_);
            wake_locked(waiters);
        }
    }

    Executor executor_;
    std::shared_ptr<QueueStats> stats_;
    mutable std::mutex mutex_;
    std::deque<T> items_;
    std::size_t weight_ = 0;
    Waiters senders_;
    Waiters receivers_;
    bool closed_ = false;
};

}  // namespace wavs::async
