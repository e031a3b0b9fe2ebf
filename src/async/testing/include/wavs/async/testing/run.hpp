// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace wavs::async::testing {

namespace detail {

// co_spawn makes a value before the coroutine ends, and not every value can be made from nothing.
template <typename T>
Task<std::optional<T>> hold(Task<T> task) {
    co_return std::optional<T>(co_await std::move(task));
}

}  // namespace detail

/// Runs one coroutine to its end on `context`, on the calling thread. An exception is rethrown.
template <typename T>
T run(boost::asio::io_context& context, Task<T> task) {
    std::optional<T> value;
    std::exception_ptr error;
    bool ended = false;
    boost::asio::co_spawn(context, detail::hold(std::move(task)),
                          [&](const std::exception_ptr& e, std::optional<T> result) {
                              error = e;
                              if (result) {
                                  value.emplace(std::move(*result));
                              }
                              ended = true;
                          });
    context.restart();
    // What completes on another thread may leave the context without work for a moment.
    const auto work = boost::asio::make_work_guard(context);
    // NOLINTNEXTLINE(bugprone-infinite-loop): the handler above ends it
    while (!ended) {
        context.run_one();
    }
    if (error) {
        std::rethrow_exception(error);
    }
    return std::move(*value);
}

}  // namespace wavs::async::testing
