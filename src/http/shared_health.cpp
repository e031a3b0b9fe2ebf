// SPDX-License-Identifier: Apache-2.0
#include "shared_health.hpp"

#include "guarded.hpp"

namespace wavs::http {

async::Task<SharedHealth::Answer> SharedHealth::get() {
    async::OneShot<Answer> done(co_await boost::asio::this_coro::executor);
    bool start = false;
    {
        const std::lock_guard lock(mutex_);
        if (last_ != nullptr && clock_.steady_now() - last_at_ < keep_) {
            co_return last_;
        }
        waiting_.push_back(done);
        start = !running_;
        running_ = true;
    }
    if (start && !group_.spawn("health", check())) {
        finish(async::cancelled_error("health check"));
    }
    auto answer = co_await done.wait();
    if (!answer.has_value()) {
        co_return async::cancelled_error("health check");
    }
    co_return std::move(*answer);
}

async::Task<void> SharedHealth::check() {
    auto status = co_await guarded(node_.health());
    if (status.has_value()) {
        finish(std::make_shared<const HealthStatus>(std::move(status).value()));
    } else {
        finish(status.error());
    }
}

void SharedHealth::finish(const Answer& answer) {
    const std::lock_guard lock(mutex_);
    if (answer.has_value()) {
        last_ = answer.value();
        last_at_ = clock_.steady_now();
    }
    for (const auto& waiter : waiting_) {
        waiter.set(answer);
    }
    waiting_.clear();
    running_ = false;
}

}  // namespace wavs::http
