// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/tools.hpp"

#include <algorithm>

namespace wavs::cli {

Poller::Poller(const Tools& tools, base::Duration limit, std::string what)
    : timers_(tools.timers),
      clock_(tools.clock),
      deadline_(tools.clock.steady_now() + limit),
      limit_(limit),
      what_(std::move(what)),
      backoff_(std::chrono::milliseconds(4), std::chrono::milliseconds(60), tools.random) {}

async::Task<base::Result<void>> Poller::pause() {
    const auto now = clock_.steady_now();
    if (now >= deadline_) {
        co_return async::timeout_error(what_, limit_);
    }
    co_return co_await timers_.sleep_for(std::min(backoff_.next(), deadline_ - now));
}

}  // namespace wavs::cli
