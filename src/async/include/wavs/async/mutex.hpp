// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <deque>
#include <memory>
#include <mutex>

namespace wavs::async {

/// Mutual exclusion across `co_await`, first come first served. Thread-safe. Never held while
/// waiting for anything without a time limit.
class Mutex {
public:
    explicit Mutex(Executor executor) : state_(std::make_shared<State>(std::move(executor))) {}

    /// Unlocks when destroyed; keeps the mutex's state alive.
    class Guard {
    public:
        Guard(Guard&&) = default;
        Guard& operator=(Guard&&) = delete;
        ~Guard();

    private:
        friend class Mutex;
        explicit Guard(std::shared_ptr<struct MutexState> state) : state_(std::move(state)) {}
        std::shared_ptr<struct MutexState> state_;
    };

    /// Cancelled when the waiting coroutine is stopped.
    Task<base::Result<Guard>> lock();

private:
    using State = struct MutexState;
    std::shared_ptr<MutexState> state_;
};

struct MutexState {
    explicit MutexState(Executor resume_on) : executor(std::move(resume_on)) {}
    void unlock();

    Executor executor;
    std::mutex mutex;
    bool held = false;
    std::deque<OneShot<bool>> waiters;
};

}  // namespace wavs::async
