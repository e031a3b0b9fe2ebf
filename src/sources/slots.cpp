// SPDX-License-Identifier: Apache-2.0
#include "slots.hpp"

#include <boost/asio/this_coro.hpp>

namespace wavs::sources {

void SlotsState::give_back() {
    const std::lock_guard lock(mutex);
    while (!waiters.empty()) {
        const auto next = waiters.front();
        waiters.pop_front();
        if (next.set(true)) {
            return;  // the slot is the woken one's now
        }
    }
    ++free;
}

Slots::Slots(unsigned count) : state_(std::make_shared<SlotsState>()) { state_->free = count; }

Slots::Hold::~Hold() {
    if (state_) {
        state_->give_back();
    }
}

async::Task<base::Result<Slots::Hold>> Slots::acquire() {
    auto state = state_;
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    const async::OneShot<bool> turn(executor);
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
        // `set` fails only when the slot was handed to us already: pass it on.
        if (!turn.set(false)) {
            state->give_back();
        }
        co_return async::cancelled_error("wait for a download slot");
    }
    co_return Hold(std::move(state));
}

}  // namespace wavs::sources
