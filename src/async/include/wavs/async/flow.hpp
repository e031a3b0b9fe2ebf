// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"

#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace wavs::async {

template <typename T>
class Flow;

/// How a flow ended: with its value, or with what it threw.
template <typename T>
struct FlowEnd {
    std::exception_ptr fault;
    std::optional<T> value;

    /// The value; throws what the flow threw.
    T take() && {
        if (fault) {
            std::rethrow_exception(fault);
        }
        return std::move(*value);
    }
};

namespace detail {

template <typename T>
struct FlowPromise {
    struct End {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(
            std::coroutine_handle<FlowPromise> ended) const noexcept {
            return ended.promise().waiter;
        }
        void await_resume() const noexcept {}
    };

    Flow<T> get_return_object() noexcept;
    std::suspend_always initial_suspend() const noexcept { return {}; }
    End final_suspend() const noexcept { return {}; }
    template <typename U>
    void return_value(U&& value) {
        end.value.emplace(std::forward<U>(value));
    }
    void unhandled_exception() noexcept { end.fault = std::current_exception(); }

    std::coroutine_handle<> waiter;
    FlowEnd<T> end;
};

// The outermost frame: belongs to nobody and ends by itself.
struct FlowRoot {
    // NOLINTNEXTLINE(readability-identifier-naming): the language looks for this name
    struct promise_type {
        FlowRoot get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};

}  // namespace detail

/// A coroutine without executor and without cancellation: it goes on at once, on the thread that
/// completes what it waits for. For the path of an event, where a hand-over per step would cost
/// more than the step; everything else is a `Task`. It starts when awaited by another flow or given
/// to `start()`. What can take long takes a `std::stop_token`, and ends the flow with Cancelled.
template <typename T>
class [[nodiscard]] Flow {
public:
    using promise_type = detail::FlowPromise<T>;

    explicit Flow(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
    Flow(Flow&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Flow& operator=(Flow&&) = delete;
    ~Flow() {
        if (handle_) {
            handle_.destroy();
        }
    }

    /// The value of the flow, or what it threw.
    auto operator co_await() && noexcept {
        struct Awaiter : Ending {
            T await_resume() { return std::move(this->handle.promise().end).take(); }
        };
        return Awaiter{{handle_}};
    }
    /// As above, with what it threw as a value.
    auto ended() && noexcept {
        struct Awaiter : Ending {
            FlowEnd<T> await_resume() noexcept { return std::move(this->handle.promise().end); }
        };
        return Awaiter{{handle_}};
    }

private:
    struct Ending {
        std::coroutine_handle<promise_type> handle;
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) const noexcept {
            handle.promise().waiter = waiter;
            return handle;
        }
    };

    std::coroutine_handle<promise_type> handle_;
};

namespace detail {

template <typename T>
Flow<T> FlowPromise<T>::get_return_object() noexcept {
    return Flow<T>(std::coroutine_handle<FlowPromise>::from_promise(*this));
}

template <typename T, typename Done>
FlowRoot run_root(Flow<T> flow, Done done) {
    done(co_await std::move(flow).ended());
}

template <typename T>
struct CompletionPlace {
    enum class State : std::uint8_t { Starting, Waiting, Set };
    std::optional<base::Result<T>> value;
    std::coroutine_handle<> waiter;
    std::atomic<State> state{State::Starting};
};

}  // namespace detail

/// Runs `flow` on this thread up to where it waits. `done` gets its `FlowEnd<T>`, on whatever
/// thread that is; it must not throw.
template <typename T, typename Done>
void start(Flow<T> flow, Done done) {
    detail::run_root(std::move(flow), std::move(done));
}

/// The right to end somebody's wait, from any thread, exactly once: `set()` goes on with the flow
/// before it returns, so no lock may be held. Dropped without, the flow waits for ever.
template <typename T>
class Completion {
public:
    explicit Completion(detail::CompletionPlace<T>* place) : place_(place) {}
    Completion(Completion&& other) noexcept : place_(std::exchange(other.place_, nullptr)) {}
    Completion& operator=(Completion&& other) noexcept {
        place_ = std::exchange(other.place_, nullptr);
        return *this;
    }
    ~Completion() = default;

    void set(base::Result<T> value) {
        auto* place = std::exchange(place_, nullptr);
        place->value.emplace(std::move(value));
        using State = typename detail::CompletionPlace<T>::State;
        // Before the flow has given up its thread, that thread goes on with it.
        if (place->state.exchange(State::Set, std::memory_order_acq_rel) == State::Waiting) {
            place->waiter.resume();
        }
    }

private:
    detail::CompletionPlace<T>* place_;
};

namespace detail {

template <typename T, typename Start>
class Suspension {
public:
    explicit Suspension(Start start) : start_(std::move(start)) {}
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiter) {
        using State = typename CompletionPlace<T>::State;
        place_.waiter = waiter;
        start_(Completion<T>(&place_));
        // Until this exchange nobody resumes, so `start_` may finish what it does.
        return place_.state.exchange(State::Waiting, std::memory_order_acq_rel) != State::Set;
    }
    base::Result<T> await_resume() { return std::move(*place_.value); }

private:
    Start start_;
    CompletionPlace<T> place_;
};

}  // namespace detail

/// In a flow: `co_await suspend<T>([&](Completion<T> done) {…})` waits for what the function began;
/// a `base::Result<T>`. The function must not throw once it has given `done` away.
template <typename T, typename Start>
auto suspend(Start start) {
    return detail::Suspension<T, Start>(std::move(start));
}

/// A flow in a task. It goes on when the task is cancelled, and its result is dropped.
template <typename T>
Task<base::Result<T>> as_task(Flow<base::Result<T>> flow) {
    using End = FlowEnd<base::Result<T>>;
    const OneShot<End> end(co_await boost::asio::this_coro::executor);
    start(std::move(flow), [end](End value) { end.set(std::move(value)); });
    auto ended = co_await end.wait();
    if (!ended) {
        co_return cancelled_error("wait");
    }
    co_return std::move(*ended).take();
}

}  // namespace wavs::async
