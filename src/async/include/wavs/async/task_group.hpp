// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace wavs::async {

/// Owns running tasks by name: nothing in the node runs without a group that can stop it and wait
/// for it. `executor` must be a strand (or single-threaded), since a task is cancelled on it. A
/// task that throws anything but a cancellation is reported through `on_fault` (our bug); the group
/// goes on. Methods are thread-safe. Destroying a group with running tasks cancels them without
/// waiting.
class TaskGroup {
public:
    using FaultHandler = std::function<void(std::string_view task, std::string_view what)>;

    TaskGroup(Executor executor, std::string name, FaultHandler on_fault = {});
    ~TaskGroup();
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    /// False when the group is stopping: the task never starts, and the caller must count it.
    bool spawn(std::string task_name, Task<void> task);
    /// The same on another strand than the group's.
    bool spawn_on(Executor strand, std::string task_name, Task<void> task);

    /// Cancels every task and waits up to `deadline`. Returns the names of those that did not end.
    Task<std::vector<std::string>> stop(Timers& timers, base::Duration deadline);

    std::size_t running() const;
    const Executor& executor() const { return executor_; }

private:
    struct State;
    Executor executor_;
    std::shared_ptr<State> state_;
};

}  // namespace wavs::async
