// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/async/task_group.hpp"

#include <memory>
#include <string>

namespace wavs::async {
namespace detail {

// Cancelled when the task goes away without a result.
template <typename T>
class Delivery {
public:
    explicit Delivery(Completion<T> done) : done_(std::move(done)) {}
    Delivery(const Delivery&) = delete;
    Delivery& operator=(const Delivery&) = delete;
    ~Delivery() { done_.set(value_ ? std::move(*value_) : cancelled_error("task")); }
    void take(base::Result<T> value) { value_.emplace(std::move(value)); }

private:
    Completion<T> done_;
    std::optional<base::Result<T>> value_;
};

template <typename T>
Task<void> deliver(Task<base::Result<T>> task, std::unique_ptr<Delivery<T>> to) {
    to->take(co_await std::move(task));
}

}  // namespace detail

/// A task in a flow, owned by `group`: Cancelled when the group stops. The flow goes on on the
/// group's executor. For what is rare: it costs what the flow saves.
template <typename T>
Flow<base::Result<T>> as_flow(TaskGroup& group, std::string name, Task<base::Result<T>> task) {
    co_return co_await suspend<T>([&](Completion<T> done) {
        // A group that is stopping destroys the task, and with it the delivery.
        group.spawn(std::move(name),
                    detail::deliver(std::move(task),
                                    std::make_unique<detail::Delivery<T>>(std::move(done))));
    });
}

}  // namespace wavs::async
