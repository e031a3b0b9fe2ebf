// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/mutex.hpp"

namespace wavs::async {

void MutexState::unlock() {
    const std::lock_guard lock(mutex);
    while (!waiters.empty()) {
        const auto next = waiters.front();
        waiters.pop_front();
        if (next.set(true)) {
            return;  // stays held, by the woken one
        }
    }
    held = false;
}

Mutex::Guard::~Guard() {
    if (state_) {
        state_->unlock();
    }
}

Task<base::Result<Mutex::Guard>> Mutex::lock() {
    auto state = state_;
    OneShot<bool> turn(state->executor);
    bool must_wait = false;
    {
        const std::lock_guard lock(state->mutex);
        must_wait = state->held;
        if (must_wait) {
            state->waiters.push_back(turn);
        }
        state->held = true;
    }
    if (must_wait && !co_await turn.wait()) {
        // `set` fails only when the turn was handed to us already: pass it on.
        if (!turn.set(false)) {
            state->unlock();
        }
        co_return cancelled_error("lock");
    }
    co_return Guard(std::move(state));
}

}  // namespace wavs::async
