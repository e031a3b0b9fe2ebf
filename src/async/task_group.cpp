// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/task_group.hpp"

#include "wavs/async/one_shot.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>

#include <map>
#include <mutex>

namespace wavs::async {

struct TaskGroup::State : std::enable_shared_from_this<TaskGroup::State> {
    struct Entry {
        std::string name;
        Executor strand;
        boost::asio::cancellation_signal signal;
    };

    std::string name;
    FaultHandler on_fault;
    mutable std::mutex mutex;
    bool stopping = false;
    std::uint64_t next_id = 0;
    std::map<std::uint64_t, std::shared_ptr<Entry>> entries;
    std::vector<OneShot<bool>> waiting_for_empty;

    void finished(std::uint64_t id, const std::string& task, const std::exception_ptr& error) {
        if (error) {
            report(task, error);
        }
        const std::lock_guard lock(mutex);
        entries.erase(id);
        if (entries.empty()) {
            for (auto& waiter : waiting_for_empty) {
                waiter.set(true);
            }
            waiting_for_empty.clear();
        }
    }

    void report(const std::string& task, const std::exception_ptr& error) const {
        try {
            std::rethrow_exception(error);
        } catch (const boost::system::system_error& e) {
            if (e.code() != boost::asio::error::operation_aborted && on_fault) {
                on_fault(task, e.what());
            }
        } catch (const std::exception& e) {
            if (on_fault) {
                on_fault(task, e.what());
            }
        }
    }

    void cancel_all() {
        const std::lock_guard lock(mutex);
        stopping = true;
        for (const auto& item : entries) {
            boost::asio::dispatch(item.second->strand, [entry = item.second] {
                entry->signal.emit(boost::asio::cancellation_type::terminal);
            });
        }
    }

    std::vector<std::string> names() const {
        const std::lock_guard lock(mutex);
        std::vector<std::string> out;
        for (const auto& [id, entry] : entries) {
            out.push_back(name + "/" + entry->name);
        }
        return out;
    }
};

TaskGroup::TaskGroup(Executor executor, std::string name, FaultHandler on_fault)
    : executor_(std::move(executor)), state_(std::make_shared<State>()) {
    state_->name = std::move(name);
    state_->on_fault = std::move(on_fault);
}

TaskGroup::~TaskGroup() { state_->cancel_all(); }

bool TaskGroup::spawn(std::string task_name, Task<void> task) {
    return spawn_on(executor_, std::move(task_name), std::move(task));
}

bool TaskGroup::spawn_on(Executor strand, std::string task_name, Task<void> task) {
    auto entry = std::make_shared<State::Entry>();
    entry->name = task_name;
    entry->strand = strand;
    std::uint64_t id = 0;
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->stopping) {
            return false;
        }
        id = state_->next_id++;
        state_->entries.emplace(id, entry);
    }
    // The entry is captured too: its signal must outlive the coroutine that listens to it.
    boost::asio::co_spawn(
        strand, std::move(task),
        boost::asio::bind_cancellation_slot(
            entry->signal.slot(), [state = state_, entry, id](const std::exception_ptr& error) {
                state->finished(id, entry->name, error);
            }));
    return true;
}

Task<std::vector<std::string>> TaskGroup::stop(Timers& timers, base::Duration deadline) {
    auto state = state_;
    OneShot<bool> empty(executor_);
    state->cancel_all();
    {
        const std::lock_guard lock(state->mutex);
        if (state->entries.empty()) {
            co_return std::vector<std::string>{};
        }
        state->waiting_for_empty.push_back(empty);
    }
    using boost::asio::experimental::awaitable_operators::operator||;
    co_await (empty.wait() || timers.sleep_for(deadline));
    co_return state->names();
}

std::size_t TaskGroup::running() const {
    const std::lock_guard lock(state_->mutex);
    return state_->entries.size();
}

}  // namespace wavs::async
