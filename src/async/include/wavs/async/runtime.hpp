// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <functional>
#include <memory>
#include <type_traits>

namespace wavs::async {

/// The node's own threads: a few for I/O, and a pool for work that blocks or burns CPU (disk
/// writes, hashing of large inputs, DNS). Guests run elsewhere. Owned by `main`, outlives
/// everything else.
class Runtime {
public:
    struct Options {
        unsigned io_threads = 2;
        unsigned blocking_threads = 2;
    };
    explicit Runtime(const Options& options);
    ~Runtime();
    Runtime(const Runtime&) = delete;
    Runtime& operator=(const Runtime&) = delete;

    Executor io() const;
    Executor blocking() const;

    /// Runs `main` to its end on the I/O threads and returns its result; from the thread that owns
    /// the runtime.
    int run(Task<int> main);
    /// Ends the threads; what still waits is destroyed.
    void stop();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

void post(const Executor& executor, std::function<void()> function);

/// Runs `function` on `pool` (from `Runtime::blocking()`) and resumes the caller with its result.
/// When the caller is cancelled the function still runs to its end, so it must own what it touches.
template <typename Function>
Task<std::invoke_result_t<Function>> run_blocking(Executor pool, Executor resume,
                                                  Function function) {
    using Value = std::invoke_result_t<Function>;
    OneShot<Value> done(resume);
    post(pool,
         [done, work = std::make_shared<Function>(std::move(function))] { done.set((*work)()); });
    auto value = co_await done.wait();
    if (!value) {
        co_return cancelled_error("work on the blocking pool");
    }
    co_return std::move(*value);
}

}  // namespace wavs::async
