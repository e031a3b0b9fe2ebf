// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>

#include <string_view>

namespace wavs::net {

/// Operations complete with their error code instead of throwing.
inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

/// "<where>: <reason>", Cancelled for a cancelled operation, else Unavailable.
inline base::Error io_error(base::ErrorCode code, std::string_view where,
                            const boost::system::error_code& error) {
    if (error == boost::asio::error::operation_aborted) {
        return async::cancelled_error(std::string(where));
    }
    return {base::ErrorKind::Unavailable, code, fmt::format("{}: {}", where, error.message())};
}

}  // namespace wavs::net
