// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <deque>
#include <memory>
#include <mutex>
#include <utility>

namespace wavs::sources {

struct SlotsState {
    void give_back();

    std::mutex mutex;
    unsigned free = 0;
    std::deque<async::OneShot<bool>> waiters;
};

/// At most N holders at a time across `co_await`, first come first served. Thread-safe.
class Slots {
public:
    explicit Slots(unsigned count);

    /// Gives its slot to the next one when destroyed.
    class Hold {
    public:
        Hold(Hold&&) = default;
        Hold& operator=(Hold&&) = delete;
        ~Hold();

    private:
        friend class Slots;
        explicit Hold(std::shared_ptr<SlotsState> state) : state_(std::move(state)) {}
        std::shared_ptr<SlotsState> state_;
    };

    /// Cancelled when the waiting coroutine is stopped.
    async::Task<base::Result<Hold>> acquire();

private:
    std::shared_ptr<SlotsState> state_;
};

}  // namespace wavs::sources
