// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/types/ids.hpp"

#include <cstddef>
#include <memory>
#include <stop_token>

namespace wavs::engine {

struct SchedulerState;

/// Decides whose run starts next: at most so many in flight, on the whole and of one service;
/// aggregator runs first, since collected signatures wait for them; among services in turn, so that
/// a busy one delays the others by one run each; within a service first come, first served. Runs
/// that wait are counted in the queue "engine.runs"; one more than its capacity is Overloaded.
/// Thread-safe; a flow whose turn comes goes on at the thread that gave its slot back.
class Scheduler {
public:
    struct Options {
        std::size_t max_running = 256;
        std::size_t max_running_per_service = 128;
        std::size_t capacity = 10'000;
    };
    enum class Class : std::uint8_t { Aggregator, Operator };

    /// A run in flight; gives its slot back when destroyed.
    class Permit {
    public:
        Permit(Permit&&) noexcept = default;
        Permit& operator=(Permit&&) = delete;
        ~Permit();

    private:
        friend class Scheduler;
        Permit(std::shared_ptr<SchedulerState> state, const types::ServiceId& service)
            : state_(std::move(state)), service_(service) {}
        std::shared_ptr<SchedulerState> state_;
        types::ServiceId service_;
    };

    explicit Scheduler(const Options& options);
    ~Scheduler();
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;

    /// Cancelled when `stop` asks for it before its turn.
    async::Flow<base::Result<Permit>> acquire(types::ServiceId service, Class priority,
                                              std::stop_token stop);
    /// Who waits, and who comes later, is Cancelled.
    void close();

    std::size_t running() const;
    std::size_t waiting() const;

private:
    std::shared_ptr<SchedulerState> state_;
};

}  // namespace wavs::engine
