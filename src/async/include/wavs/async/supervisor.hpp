// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"

#include <map>
#include <mutex>
#include <optional>

namespace wavs::async {

/// What the supervisor knows of one long-lived task.
struct TaskStatus {
    enum class State { Running, Restarting, Stopped };
    std::string name;
    State state = State::Stopped;
    std::uint64_t restarts = 0;
    std::optional<std::string> last_error;
};

/// Runs the node's long-lived tasks. One that ends unasked, with an error or without, is started
/// again after a back-off (1 s to 30 s), reported, and visible in `status()`; it never ends the
/// node. Thread-safe; owned by `app`.
class Supervisor {
public:
    using Factory = std::function<Task<base::Result<void>>()>;
    using Report = std::function<void(const TaskStatus&)>;

    Supervisor(Executor executor, Timers& timers, base::RandomSource& random, Report report);

    /// `factory` makes the task anew for every start; it runs on `strand`.
    void run(std::string name, Executor strand, Factory factory);
    std::vector<TaskStatus> status() const;
    Task<std::vector<std::string>> stop(base::Duration deadline);

private:
    Task<void> supervise(std::string name, Factory factory);
    void update(const std::string& name, TaskStatus::State state, std::optional<std::string> error);

    Timers& timers_;
    base::RandomSource& random_;
    Report report_;
    mutable std::mutex mutex_;
    std::map<std::string, TaskStatus> tasks_;
    TaskGroup group_;
};

}  // namespace wavs::async
