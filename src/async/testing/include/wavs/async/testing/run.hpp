// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>

namespace wavs::async::testing {

/// Runs one coroutine to its end on `context`, on the calling thread. An exception is rethrown.
template <typename T>
T run(boost::asio::io_context& context, Task<T> task) {
    std::optional<T> value;
    std::exception_ptr error;
    boost::asio::co_spawn(context, std::move(task), [&](const std::exception_ptr& e, T result) {
        error = e;
        value.emplace(std::move(result));
    });
    context.restart();
    while (!value && context.run_one() > 0) {
    }
    if (error) {
        std::rethrow_exception(error);
    }
    return std::move(*value);
}

}  // namespace wavs::async::testing
