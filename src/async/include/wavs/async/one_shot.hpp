// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

namespace wavs::async {

/// One value from any thread to one waiting coroutine. Copies share the same slot, so a callback
/// may keep one. The value may be set before or after `wait()` starts; a second `set()` is ignored.
template <typename T>
class OneShot {
public:
    explicit OneShot(const Executor& executor) : state_(std::make_shared<State>(executor)) {}

    /// From any thread. False when a value was there already.
    bool set(T value) const {
        // The channel does not tell: after a cancelled receive it takes nothing.
        if (state_->set.exchange(true)) {
            return false;
        }
        state_->channel.try_send(boost::system::error_code(), std::optional<T>(std::move(value)));
        return true;
    }

    /// Empty when the waiting coroutine was cancelled.
    Task<std::optional<T>> wait() const {
        auto state = state_;
        auto [error, value] = co_await state->channel.async_receive(
            boost::asio::as_tuple(boost::asio::use_awaitable));
        if (error) {
            co_return std::nullopt;
        }
        co_return std::move(value);
    }

private:
    // `optional`, because a cancelled receive completes with a default-constructed value.
    struct State {
        explicit State(const Executor& executor) : channel(executor, 1) {}
        std::atomic<bool> set{false};
        boost::asio::experimental::concurrent_channel<void(boost::system::error_code,
                                                           std::optional<T>)>
            channel;
    };
    std::shared_ptr<State> state_;
};

}  // namespace wavs::async
