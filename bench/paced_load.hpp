// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/types/trigger_data.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>

namespace wavs::bench {

using FireTask = std::function<async::Task<base::Result<void>>(types::TriggerAction action)>;

/// Open loop: triggers at a fixed rate, whatever the node does. One that is late is given as soon
/// as a client is free, so that the total is reached in any case. No two are equal.
class PacedLoad {
public:
    struct Pace {
        double per_second;
        std::uint64_t total;
        /// Triggers under way at most.
        unsigned clients;
    };
    PacedLoad(async::Executor executor, types::TriggerConfig config, FireTask fire, Pace pace);

    void start();
    bool running() const { return clients_.running() > 0; }
    /// Gives up what is under way; `threads` are those of the executor.
    void stop(async::Runtime& threads);
    std::uint64_t total() const { return pace_.total; }
    /// Ended well.
    std::uint64_t completed() const { return completed_.load(); }
    /// Why the first one failed.
    std::optional<base::Error> first_failure() const;

private:
    async::Task<void> client();

    async::Executor executor_;
    async::SystemTimers timers_;
    types::TriggerConfig config_;
    FireTask fire_;
    Pace pace_;
    std::chrono::steady_clock::time_point start_;
    std::atomic<std::uint64_t> next_{0};
    std::atomic<std::uint64_t> completed_{0};
    mutable std::mutex mutex_;
    std::optional<base::Error> failure_;
    // Last, so that its tasks go before what they use.
    async::TaskGroup clients_;
};

}  // namespace wavs::bench
