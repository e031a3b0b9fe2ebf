// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <string>

namespace wavs::http {

/// The one place where an exception of a handler becomes an error: no request ends without an
/// answer. A cancellation is no fault.
template <typename T>
async::Task<base::Result<T>> guarded(async::Task<base::Result<T>> task) {
    std::string what;
    try {
        co_return co_await std::move(task);
    } catch (const boost::system::system_error& error) {
        if (error.code() == boost::asio::error::operation_aborted) {
            co_return async::cancelled_error("request");
        }
        what = error.what();
    } catch (const std::exception& error) {
        what = error.what();
    }
    co_return base::Error(base::ErrorKind::Bug, "internal", "internal error: " + what,
                          "please report it with the node's log");
}

}  // namespace wavs::http
