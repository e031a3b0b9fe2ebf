// SPDX-License-Identifier: Apache-2.0
#include "slots.hpp"

namespace wavs::http {

void Slots::State::release() {
    const std::lock_guard lock(mutex);
    while (!waiters.empty()) {
        const auto next = waiters.front();
        waiters.pop_front();
        if (next.set(true)) {
            return;  // the slot goes to the woken one
        }
    }
    --held;
}

async::Task<base::Result<Slots::Guard>> Slots::acquire() {
    auto state = state_;
    async::OneShot<bool> turn(state->executor);
    bool must_wait = false;
    {
        const std::lock_guard lock(state->mutex);
        must_wait = state->held >= state->limits.count;
        if (must_wait && state->waiters.size() >= state->limits.waiting) {
            co_return base::Error(base::ErrorKind::Overloaded, "uploads_busy",
                                  "too many components are waiting to be compiled",
                                  "try again later");
        }
        if (must_wait) {
            state->waiters.push_back(turn);
        } else {
            ++state->held;
        }
    }
    if (must_wait && !co_await turn.wait()) {
        // `set` fails only when the slot was handed to us already: pass it on.
        if (!turn.set(false)) {
            state->release();
        }
        co_return async::cancelled_error("wait for a turn to compile");
    }
    co_return Guard(std::move(state));
}

}  // namespace wavs::http
