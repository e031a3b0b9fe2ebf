// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/task.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace wavs::async {

// On the concrete executor where it is known: a strand over the type-erased one allocates for every
// question that is asked through it, about fifty times an event.
Executor make_strand(const Executor& executor) {
    if (const auto* io = executor.target<boost::asio::io_context::executor_type>()) {
        return boost::asio::make_strand(*io);
    }
    if (const auto* pool = executor.target<boost::asio::thread_pool::executor_type>()) {
        return boost::asio::make_strand(*pool);
    }
    return boost::asio::make_strand(executor);
}

base::Error cancelled_error(std::string what) {
    return {base::ErrorKind::Cancelled, "cancelled", std::move(what) + ": cancelled"};
}

Task<void> yield_now() { co_await boost::asio::post(boost::asio::use_awaitable); }

Task<void> resume_on(Executor executor) {
    co_await boost::asio::post(executor, boost::asio::use_awaitable);
}

}  // namespace wavs::async
