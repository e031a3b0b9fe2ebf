// SPDX-License-Identifier: Apache-2.0
#pragma once

// <coroutine> first: Asio 1.26 decides by it whether `awaitable` exists.
#include <coroutine>

#include "wavs/base/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace wavs::async {

/// A coroutine. It starts when awaited or when given to a `TaskGroup`; it is never detached.
template <typename T>
using Task = boost::asio::awaitable<T>;

using Executor = boost::asio::any_io_executor;

/// An executor that never runs two of its handlers at once, on top of `executor`.
Executor make_strand(const Executor& executor);

/// The error that a cancelled operation ends with, whatever was cancelled.
base::Error cancelled_error(std::string what);

/// Lets other handlers of the current executor run.
Task<void> yield_now();

/// Moves the current coroutine to `executor` for what follows.
Task<void> resume_on(Executor executor);

}  // namespace wavs::async
