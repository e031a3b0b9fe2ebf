// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

namespace wavs::async {

/// Lets so many in at the same time, first come first served. Thread-safe; a permit keeps the state
/// alive.
class Semaphore {
public:
    explicit Semaphore(std::size_t permits) : state_(std::make_shared<State>(permits)) {}

    /// Given back when destroyed.
    class Permit {
    public:
        Permit(Permit&&) = default;
        Permit& operator=(Permit&&) = delete;
        ~Permit();

    private:
        friend class Semaphore;
        explicit Permit(std::shared_ptr<struct SemaphoreState> state) : state_(std::move(state)) {}
        std::shared_ptr<struct SemaphoreState> state_;
    };

    /// Cancelled when the waiting coroutine is stopped.
    Task<base::Result<Permit>> acquire();

private:
    using State = struct SemaphoreState;
    std::shared_ptr<SemaphoreState> state_;
};

struct SemaphoreState {
    explicit SemaphoreState(std::size_t permits) : free(permits) {}
    void release();

    std::mutex mutex;
    std::size_t free;
    std::deque<OneShot<bool>> waiters;
};

}  // namespace wavs::async
