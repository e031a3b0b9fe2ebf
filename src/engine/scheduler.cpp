// SPDX-License-Identifier: Apache-2.0
#include "scheduler.hpp"

#include "wavs/async/one_shot.hpp"
#include "wavs/async/queue_stats.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <unordered_map>

namespace wavs::engine {
namespace {

struct Waiter {
    enum class State : std::uint8_t { Waiting, Granted, Taken, Gone };
    Waiter(const types::ServiceId& of, Scheduler::Class in, const async::Executor& executor)
        : service(of), priority(in), turn(executor) {}

    const types::ServiceId service;
    const Scheduler::Class priority;
    // Guarded by the scheduler's mutex.
    State state = State::Waiting;
    async::OneShot<bool> turn;
};
using WaiterPtr = std::shared_ptr<Waiter>;

// Those who wait in one class. A service stands in `ring` exactly while it has waiters.
struct Line {
    std::unordered_map<types::ServiceId, std::deque<WaiterPtr>, base::FixedBytesHash> by_service;
    std::deque<types::ServiceId> ring;

    void add(const WaiterPtr& waiter) {
        auto& queue = by_service[waiter->service];
        if (queue.empty()) {
            ring.push_back(waiter->service);
        }
        queue.push_back(waiter);
    }

    void remove(const WaiterPtr& waiter) {
        const auto found = by_service.find(waiter->service);
        std::erase(found->second, waiter);
        if (found->second.empty()) {
            std::erase(ring, waiter->service);
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

    void finish_locked(const types::ServiceId& service) {
        --running;
        const auto found = running_of.find(service);
        if (--found->second == 0) {
            running_of.erase(found);
        }
        grant_locked();
    }

    Line& line_of(Scheduler::Class priority) {
        return lines.at(static_cast<std::size_t>(priority));
    }

    void grant_locked() {
        for (auto& line : lines) {
            while (grant_one_locked(line)) {
            }
        }
    }

    // The first service in turn that is below its share; it goes to the end of the ring.
    bool grant_one_locked(Line& line) {
        for (std::size_t left = line.ring.size(); left > 0 && running < options.max_running;
             --left) {
            const auto service = line.ring.front();
            if (!may_run_locked(service)) {
                line.ring.pop_front();
                line.ring.push_back(service);
                continue;
            }
            const auto waiter = line.by_service.at(service).front();
            line.ring.pop_front();
            line.ring.push_back(service);
            leave_locked(waiter, Waiter::State::Granted);
            start_locked(service);
            waiter->turn.set(true);
            return true;
        }
        return false;
    }

    void leave_locked(const WaiterPtr& waiter, Waiter::State next) {
        waiter->state = next;
        line_of(waiter->priority).remove(waiter);
        --waiting;
        stats->depth.store(waiting, std::memory_order_relaxed);
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

// A place in the line. Leaves it when the coroutine goes away in any way, and passes on a turn that
// came too late.
class Place {
public:
    Place(std::shared_ptr<SchedulerState> state, WaiterPtr waiter)
        : state_(std::move(state)), waiter_(std::move(waiter)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
        const std::lock_guard lock(state_->mutex);
        if (waiter_->state == Waiter::State::Waiting) {
            state_->leave_locked(waiter_, Waiter::State::Gone);
        } else if (waiter_->state == Waiter::State::Granted) {
            waiter_->state = Waiter::State::Gone;
            state_->finish_locked(waiter_->service);
        }
    }

    async::Task<bool> wait() { co_return (co_await waiter_->turn.wait()).value_or(false); }
    void take() {
        const std::lock_guard lock(state_->mutex);
        waiter_->state = Waiter::State::Taken;
    }

private:
    std::shared_ptr<SchedulerState> state_;
    WaiterPtr waiter_;
};

}  // namespace

Scheduler::Scheduler(const Options& options) : state_(std::make_shared<SchedulerState>(options)) {}
Scheduler::~Scheduler() { close(); }

Scheduler::Permit::~Permit() {
    if (state_ != nullptr) {
        const std::lock_guard lock(state_->mutex);
        state_->finish_locked(service_);
    }
}

async::Task<base::Result<Scheduler::Permit>> Scheduler::acquire(types::ServiceId service,
                                                                Class priority) {
    const auto state = state_;
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    WaiterPtr waiter;
    {
        const std::lock_guard lock(state->mutex);
        if (state->closed) {
            co_return async::cancelled_error("component run");
        }
        state->stats->sent.fetch_add(1, std::memory_order_relaxed);
        // Nobody is passed over: whoever waits while this one may start is held by its own share.
        if (state->may_run_locked(service)) {
            state->start_locked(service);
            co_return Permit(state, service);
        }
        if (state->waiting >= state->options.capacity) {
            co_return state->full_error_locked();
        }
        waiter = std::make_shared<Waiter>(service, priority, executor);
        state->line_of(priority).add(waiter);
        ++state->waiting;
        state->stats->depth.store(state->waiting, std::memory_order_relaxed);
    }
    Place place(state, waiter);
    if (!co_await place.wait()) {
        co_return async::cancelled_error("component run");
    }
    place.take();
    co_return Permit(state, service);
}

void Scheduler::close() {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    for (auto& line : state_->lines) {
        while (!line.ring.empty()) {
            const auto waiter = line.by_service.at(line.ring.front()).front();
            state_->leave_locked(waiter, Waiter::State::Gone);
            waiter->turn.set(false);
        }
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
