// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace wavs::rt::testing {

template <typename T>
async::Task<void> keep(async::Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
}

/// Runs one coroutine on `context` until it ends, also while it waits for another thread. For
/// results that cannot be default-constructed, which `co_spawn` would ask for.
template <typename T>
T wait(boost::asio::io_context& context, async::Task<T> task) {
    std::optional<T> value;
    std::exception_ptr error;
    bool ended = false;
    boost::asio::co_spawn(context, keep(std::move(task), value), [&](const std::exception_ptr& e) {
        error = e;
        ended = true;
    });
    context.restart();
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

}  // namespace wavs::rt::testing
