// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <deque>
#include <memory>
#include <mutex>

namespace wavs::http {

/// At most `count` holders at a time; others wait in the order they came, up to a limit.
/// Thread-safe.
class Slots {
public:
    struct Limits {
        std::size_t count;
        std::size_t waiting;
    };
    Slots(async::Executor executor, const Limits& limits)
        : state_(std::make_shared<State>(std::move(executor), limits)) {}

    /// Gives the slot back when destroyed.
    class Guard;
    /// Overloaded when too many wait already; Cancelled when the waiting coroutine is stopped.
    async::Task<base::Result<Guard>> acquire();

private:
    struct State {
        State(async::Executor resume_on, const Limits& of)
            : executor(std::move(resume_on)), limits(of) {}
        void release();

        const async::Executor executor;
        const Limits limits;
        std::mutex mutex;
        std::size_t held = 0;
        std::deque<async::OneShot<bool>> waiters;
    };
    std::shared_ptr<State> state_;
};

class Slots::Guard {
public:
    Guard(Guard&&) = default;
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
        if (state_) {
            state_->release();
        }
    }

private:
    friend class Slots;
    explicit Guard(std::shared_ptr<State> state) : state_(std::move(state)) {}
    std::shared_ptr<State> state_;
};

}  // namespace wavs::http
