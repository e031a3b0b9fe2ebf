// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/task.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace wavs::async {

Executor make_strand(const Executor& executor) { return boost::asio::make_strand(executor); }

base::Error cancelled_error(std::string what) {
    return {base::ErrorKind::Cancelled, "cancelled", std::move(what) + ": cancelled"};
}

Task<void> yield_now() { co_await boost::asio::post(boost::asio::use_awaitable); }

Task<void> resume_on(Executor executor) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
}

}  // namespace wavs::async
