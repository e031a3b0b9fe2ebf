// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/timers.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace wavs::async {

Task<base::Result<void>> SystemTimers::sleep_for(base::Duration duration) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, duration);
    auto [error] = co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    if (error) {
        co_return cancelled_error("sleep");
    }
    co_return base::ok();
}

base::Error timeout_error(std::string_view what, base::Duration limit) {
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
    return {base::ErrorKind::Timeout, "timeout",
            fmt::format("{}: no answer within {} ms", what, millis)};
}

base::Duration Backoff::next() {
    const auto half = step_ / 2;
    const auto jitter = random_->below(static_cast<std::uint64_t>(half.count()) + 1);
    step_ = std::min(step_ * 2, most_);
    return half + base::Duration(static_cast<base::Duration::rep>(jitter));
}

}  // namespace wavs::async
