// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include "wavs/async/outermost.hpp"
#include "wavs/async/queue_stats.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace wavs::engine {
namespace {

using Turn = async::Completion<void>;

struct Waiter;
using WaiterPtr = std::shared_ptr<Waiter>;

struct Waiter {
    const types::ServiceId service;
    const Scheduler::Class priority;
    // Guarded by the scheduler's mutex. Whoever takes it out of the line completes it.
    std::optional<Turn> turn;
    // While it is in the line.
    std::list<WaiterPtr>::iterator place;
};

// Those who wait in one class. A service stands in `ring` exactly while it has waiters.
struct Line {
    std::unordered_map<types::ServiceId, std::list<WaiterPtr>, base::FixedBytesHash> by_service;
    std::deque<types::ServiceId> ring;

    void add(const WaiterPtr& waiter) {
        auto& queue = by_service[waiter->service];
        if (queue.empty()) {
            ring.push_back(waiter->service);
        }
        waiter->place = queue.insert(queue.end(), waiter);
    }

    void remove(const Waiter& waiter) {
        const auto found = by_service.find(waiter.service);
        found->second.erase(waiter.place);
        if (found->second.empty()) {
            std::erase(ring, waiter.service);
            by_service.erase(found);
        }
    }
};

}  // namespace

struct SchedulerState {
    explicit SchedulerState(const Scheduler::Options& from)
        : options(from),
          stats(std::make_shared<async::QueueStats>("engine.runs", from.capacity,
                                                    async::WhenFull::Reject)) {
        async::QueueRegistry::instance().add(stats);
    }

    bool may_run_locked(const types::ServiceId& service) const {
        if (running >= options.max_running) {
            return false;
        }
        const auto found = running_of.find(service);
        return found == running_of.end() || found->second < options.max_running_per_service;
    }

    void start_locked(const types::ServiceId& service) {
        ++running;
        ++running_of[service];
    }

    void finish(const types::ServiceId& service) {
        {
            const std::lock_guard lock(mutex);
            --running;
            const auto found = running_of.find(service);
            if (--found->second == 0) {
                running_of.erase(found);
            }
        }
        grant();
    }

    Line& line_of(Scheduler::Class priority) {
        return lines.at(static_cast<std::size_t>(priority));
    }

    void grant() {
        const async::Outermost<SchedulerState> outermost(this);
        if (!outermost) {
            return;
        }
        while (auto turn = next()) {
            turn->set(base::ok());
        }
    }

    std::optional<Turn> next() {
        const std::lock_guard lock(mutex);
        for (auto& line : lines) {
            if (auto turn = next_locked(line)) {
                return turn;
            }
        }
        return std::nullopt;
    }

    // The first service in turn that is below its share; it goes to the end of the ring.
    std::optional<Turn> next_locked(Line& line) {
        for (std::size_t left = line.ring.size(); left > 0 && running < options.max_running;
             --left) {
            const auto service = line.ring.front();
            line.ring.pop_front();
            line.ring.push_back(service);
            if (may_run_locked(service)) {
                start_locked(service);
                return leave_locked(line.by_service.at(service).front());
            }
        }
        return std::nullopt;
    }

    // By value: the line may hold the only other reference.
    Turn leave_locked(WaiterPtr waiter) {
        Turn turn = std::move(*waiter->turn);
        waiter->turn.reset();
        line_of(waiter->priority).remove(*waiter);
        --waiting;
        stats->depth.store(waiting, std::memory_order_relaxed);
        return turn;
    }

    // The answer to who need not wait; otherwise `turn` has been taken over.
    std::optional<base::Result<void>> enter(const WaiterPtr& waiter, Turn& turn) {
        const std::lock_guard lock(mutex);
        if (closed) {
            return base::Result<void>(async::cancelled_error("component run"));
        }
        stats->sent.fetch_add(1, std::memory_order_relaxed);
        // Nobody is passed over: whoever waits while this one may start is held by its own share.
        if (may_run_locked(waiter->service)) {
            start_locked(waiter->service);
            return base::Result<void>(base::ok());
        }
        if (waiting >= options.capacity) {
            return base::Result<void>(full_error_locked());
        }
        waiter->turn.emplace(std::move(turn));
        line_of(waiter->priority).add(waiter);
        ++waiting;
        stats->depth.store(waiting, std::memory_order_relaxed);
        return std::nullopt;
    }

    void cancel(const WaiterPtr& waiter) {
        std::optional<Turn> turn;
        {
            const std::lock_guard lock(mutex);
            if (!waiter->turn) {
                return;
            }
            turn.emplace(leave_locked(waiter));
        }
        turn->set(async::cancelled_error("component run"));
    }

    base::Error full_error_locked() const {
        stats->full_count.fetch_add(1, std::memory_order_relaxed);
        return {base::ErrorKind::Overloaded, "queue_full",
                fmt::format("{} component runs wait already", options.capacity), "try again later"};
    }

    const Scheduler::Options options;
    std::shared_ptr<async::QueueStats> stats;
    std::mutex mutex;
    std::array<Line, 2> lines;
    std::unordered_map<types::ServiceId, std::size_t, base::FixedBytesHash> running_of;
    std::size_t running = 0;
    std::size_t waiting = 0;
    bool closed = false;
};

namespace {

// The caller's `stop` came. By value: the flow that goes on destroys this.
struct LeaveLine {
    std::shared_ptr<SchedulerState> state;
    WaiterPtr waiter;
    void operator()() const noexcept {
        const auto [from, who] = *this;
        from->cancel(who);
    }
};

}  // namespace

Scheduler::Scheduler(const Options& options) : state_(std::make_shared<SchedulerState>(options)) {}
Scheduler::~Scheduler() { close(); }

Scheduler::Permit::~Permit() {
    if (state_ != nullptr) {
        state_->finish(service_);
    }
}

async::Flow<base::Result<Scheduler::Permit>> Scheduler::acquire(types::ServiceId service,
                                                                Class priority,
                                                                std::stop_token stop) {
    const auto state = state_;
    std::optional<std::stop_callback<LeaveLine>> on_stop;
    WAVS_CO_TRY(co_await async::suspend<void>([&](Turn turn) {
        const auto waiter = std::make_shared<Waiter>(Waiter{service, priority, std::nullopt, {}});
        if (auto answer = state->enter(waiter, turn)) {
            turn.set(std::move(*answer));
            return;
        }
        on_stop.emplace(std::move(stop), LeaveLine{state, waiter});
    }));
    co_return Permit(state, service);
}

void Scheduler::close() {
    std::vector<Turn> turns;
    {
        const std::lock_guard lock(state_->mutex);
        state_->closed = true;
        for (auto& line : state_->lines) {
            while (!line.ring.empty()) {
                turns.push_back(
                    state_->leave_locked(line.by_service.at(line.ring.front()).front()));
            }
        }
    }
    for (auto& turn : turns) {
        turn.set(async::cancelled_error("component run"));
    }
}

std::size_t Scheduler::running() const {
    const std::lock_guard lock(state_->mutex);
    return state_->running;
}

std::size_t Scheduler::waiting() const {
    const std::lock_guard lock(state_->mutex);
    return state_->waiting;
}

}  // namespace wavs::engine
