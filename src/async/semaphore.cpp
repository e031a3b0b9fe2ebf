// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/semaphore.hpp"

#include <boost/asio/this_coro.hpp>

namespace wavs::async {

void SemaphoreState::release() {
    const std::lock_guard lock(mutex);
    while (!waiters.empty()) {
        const auto next = waiters.front();
        waiters.pop_front();
        if (next.set(true)) {
            return;  // stays taken, by the woken one
        }
    }
    ++free;
}

Semaphore::Permit::~Permit() {
    if (state_) {
        state_->release();
    }
}

Task<base::Result<Semaphore::Permit>> Semaphore::acquire() {
    auto state = state_;
    OneShot<bool> turn(co_await boost::asio::this_coro::executor);
    bool must_wait = false;
    {
        const std::lock_guard lock(state->mutex);
        must_wait = state->free == 0;
        if (must_wait) {
            state->waiters.push_back(turn);
        } else {
            --state->free;
        }
    }
    if (must_wait && !co_await turn.wait()) {
        // `set` fails only when the turn was handed to us already: pass it on.
        if (!turn.set(false)) {
            state->release();
        }
        co_return cancelled_error("acquire");
    }
    co_return Permit(std::move(state));
}

}  // namespace wavs::async
