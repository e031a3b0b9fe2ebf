// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/runtime.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <future>
#include <thread>
#include <vector>

namespace wavs::async {

struct Runtime::Impl {
    explicit Impl(const Options& options)
        : context(static_cast<int>(options.io_threads)),
          work(boost::asio::make_work_guard(context)),
          pool(options.blocking_threads) {
        for (unsigned i = 0; i < options.io_threads; ++i) {
            threads.emplace_back([this] { context.run(); });
        }
    }

    void stop() {
        work.reset();
        context.stop();
        for (auto& thread : threads) {
            if (thread.joinable()) {
                thread.join();
            }
        }
        pool.join();
    }

    boost::asio::io_context context;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work;
    boost::asio::thread_pool pool;
    std::vector<std::thread> threads;
};

Runtime::Runtime(const Options& options) : impl_(std::make_unique<Impl>(options)) {}
Runtime::~Runtime() { stop(); }

Executor Runtime::io() const { return impl_->context.get_executor(); }
Executor Runtime::blocking() const { return impl_->pool.get_executor(); }

int Runtime::run(Task<int> main) {
    std::promise<int> result;
    boost::asio::co_spawn(impl_->context, std::move(main),
                          [&result](const std::exception_ptr& error, int code) {
                              error ? result.set_exception(error) : result.set_value(code);
                          });
    return result.get_future().get();
}

void Runtime::stop() { impl_->stop(); }

void post(const Executor& executor, std::function<void()> function) {
    boost::asio::post(executor, std::move(function));
}

}  // namespace wavs::async
