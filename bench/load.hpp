// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/types/trigger_data.hpp"

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

namespace wavs::bench {

/// Gives one trigger and ends when its signed result is stored.
using Fire = std::function<async::Flow<base::Result<void>>(types::TriggerAction action)>;

/// Closed loop: so many clients, each gives its next trigger when the last one has ended. No two
/// triggers are equal, also over several loads of one process.
class Load {
public:
    Load(types::TriggerConfig config, Fire fire);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void start(unsigned clients);
    /// Ends when every client has had its last answer; throws the first failure.
    void stop();

    std::uint64_t completed() const { return completed_.load(); }
    bool running() const { return running_ > 0; }
    /// Latencies in microseconds from now on are kept.
    void begin_window();
    std::vector<double> end_window();

private:
    async::Flow<base::Result<void>> client();
    void wait_for_clients();

    types::TriggerConfig config_;
    Fire fire_;
    std::atomic<unsigned> running_{0};
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> completed_{0};
    std::mutex mutex_;
    std::atomic<bool> recording_{false};
    std::vector<double> latencies_;
    std::optional<base::Error> failure_;
};

}  // namespace wavs::bench
