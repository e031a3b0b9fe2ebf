// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/async/task.hpp"

#include "wavs/base/clock.hpp"
#include "wavs/base/random.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <variant>

namespace wavs::async {

/// The node's only way to wait for time to pass. Injected, so that tests and the simulator run on
/// virtual time. Owned by `app`; callable from any executor.
class Timers {
public:
    virtual ~Timers() = default;
    /// Ends on the caller's executor; Cancelled when the caller is stopped first.
    virtual Task<base::Result<void>> sleep_for(base::Duration duration) = 0;
};

/// Real time, by Asio timers: the only place of the node that uses them.
class SystemTimers final : public Timers {
public:
    Task<base::Result<void>> sleep_for(base::Duration duration) override;
};

base::Error timeout_error(std::string_view what, base::Duration limit);

/// The result of `task`, or Timeout after `limit`; the loser is cancelled and waited for.
template <typename T>
Task<base::Result<T>> with_timeout(Timers& timers, base::Duration limit, std::string what,
                                   Task<base::Result<T>> task) {
    using boost::asio::experimental::awaitable_operators::operator||;
    auto winner = co_await (std::move(task) || timers.sleep_for(limit));
    if (winner.index() == 0) {
        co_return std::get<0>(std::move(winner));
    }
    co_return timeout_error(what, limit);
}

/// The value, or none when `limit` passed first; Cancelled when the caller is stopped.
template <typename T>
Task<base::Result<std::optional<T>>> wait_at_most(Timers& timers, base::Duration limit,
                                                  OneShot<T> value) {
    using boost::asio::experimental::awaitable_operators::operator||;
    auto winner = co_await (value.wait() || timers.sleep_for(limit));
    if (winner.index() == 0) {
        auto got = std::get<0>(std::move(winner));
        if (!got) {
            co_return cancelled_error("wait");
        }
        co_return std::move(got);
    }
    auto slept = std::get<1>(std::move(winner));
    if (!slept.has_value()) {
        co_return std::move(slept).error();
    }
    co_return std::optional<T>();
}

/// Exponential back-off with jitter: each `next()` is between half of and the whole current step.
class Backoff {
public:
    Backoff(base::Duration first, base::Duration most, base::RandomSource& random)
        : first_(first), most_(most), step_(first), random_(&random) {}
    base::Duration next();
    void reset() { step_ = first_; }

private:
    base::Duration first_;
    base::Duration most_;
    base::Duration step_;
    base::RandomSource* random_;
};

}  // namespace wavs::async
