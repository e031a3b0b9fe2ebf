// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/base/testing/fake_clock.hpp"

#include <map>
#include <mutex>

namespace wavs::async::testing {

/// Timers on a `FakeClock`: a sleeper wakes when `advance()` has moved the clock past its time.
class FakeTimers final : public Timers {
public:
    explicit FakeTimers(base::testing::FakeClock& clock) : clock_(clock) {}

    Task<base::Result<void>> sleep_for(base::Duration duration) override {
        OneShot<bool> woken(co_await boost::asio::this_coro::executor);
        {
            const std::lock_guard lock(mutex_);
            sleepers_.emplace(clock_.steady_now() + duration, woken);
        }
        if (!co_await woken.wait()) {
            co_return cancelled_error("sleep");
        }
        co_return base::ok();
    }

    void advance(base::Duration by) {
        clock_.advance(by);
        const std::lock_guard lock(mutex_);
        while (!sleepers_.empty() && sleepers_.begin()->first <= clock_.steady_now()) {
            sleepers_.begin()->second.set(true);
            sleepers_.erase(sleepers_.begin());
        }
    }

    std::size_t sleeping() const {
        const std::lock_guard lock(mutex_);
        return sleepers_.size();
    }

private:
    base::testing::FakeClock& clock_;
    mutable std::mutex mutex_;
    std::multimap<base::SteadyTime, OneShot<bool>> sleepers_;
};

}  // namespace wavs::async::testing
