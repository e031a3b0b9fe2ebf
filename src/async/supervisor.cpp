// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/supervisor.hpp"

namespace wavs::async {

Supervisor::Supervisor(Executor executor, Timers& timers, base::RandomSource& random, Report report)
    : timers_(timers),
      random_(random),
      report_(std::move(report)),
      group_(std::move(executor), "supervisor") {}

void Supervisor::run(std::string name, Executor strand, Factory factory) {
    {
        const std::lock_guard lock(mutex_);
        tasks_[name] = TaskStatus{.name = name, .state = TaskStatus::State::Running};
    }
    group_.spawn_on(std::move(strand), name, supervise(name, std::move(factory)));
}

Task<void> Supervisor::supervise(std::string name, Factory factory) {
    Backoff backoff(std::chrono::seconds(1), std::chrono::seconds(30), random_);
    while (true) {
        std::string reason = "ended unasked";
        try {
            auto result = co_await factory();
            if (!result.has_value()) {
                if (result.error().kind() == base::ErrorKind::Cancelled) {
                    update(name, TaskStatus::State::Stopped, std::nullopt);
                    co_return;
                }
                reason = result.error().full_text();
            }
        } catch (const boost::system::system_error& e) {
            if (e.code() == boost::asio::error::operation_aborted) {
                update(name, TaskStatus::State::Stopped, std::nullopt);
                throw;
            }
            reason = e.what();
        } catch (const std::exception& e) {
            reason = e.what();
        }
        update(name, TaskStatus::State::Restarting, reason);
        if (auto slept = co_await timers_.sleep_for(backoff.next()); !slept.has_value()) {
            co_return;
        }
        update(name, TaskStatus::State::Running, reason);
    }
}

void Supervisor::update(const std::string& name, TaskStatus::State state,
                        std::optional<std::string> error) {
    TaskStatus copy;
    {
        const std::lock_guard lock(mutex_);
        auto& status = tasks_[name];
        status.restarts += state == TaskStatus::State::Restarting ? 1 : 0;
        status.state = state;
        status.last_error = std::move(error);
        copy = status;
    }
    if (report_) {
        report_(copy);
    }
}

std::vector<TaskStatus> Supervisor::status() const {
    const std::lock_guard lock(mutex_);
    std::vector<TaskStatus> out;
    for (const auto& [name, status] : tasks_) {
        out.push_back(status);
    }
    return out;
}

Task<std::vector<std::string>> Supervisor::stop(base::Duration deadline) {
    co_return co_await group_.stop(timers_, deadline);
}

}  // namespace wavs::async
