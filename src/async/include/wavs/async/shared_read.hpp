// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/base/clock.hpp"

#include <boost/asio/this_coro.hpp>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace wavs::async {

/// One question for everybody who asks it within a moment: who comes while it is under way waits
/// for the same answer, and the answer holds for a while, from when it was asked. Failures are told
/// to those who wait and not kept. Thread-safe.
template <typename T>
class SharedRead {
public:
    using Ask = std::function<Task<base::Result<T>>()>;

    /// How long an answer holds.
    using Holds = std::function<base::Duration(const T&)>;

    SharedRead(const base::Clock& clock, base::Duration holds)
        : SharedRead(clock, [holds](const T&) { return holds; }) {}
    SharedRead(const base::Clock& clock, Holds holds) : clock_(clock), holds_(std::move(holds)) {}

    Task<base::Result<T>> get(Ask ask) {
        while (true) {
            std::optional<Slot> slot;
            {
                const Executor executor = co_await boost::asio::this_coro::executor;
                const std::lock_guard lock(mutex_);
                if (value_ && clock_.steady_now() < holds_until_) {
                    co_return *value_;
                }
                if (asking_) {
                    slot.emplace(executor);
                    waiting_.push_back(*slot);
                }
                asking_ = true;
            }
            if (!slot) {
                co_return co_await lead(std::move(ask));
            }
            auto answer = co_await slot->wait();
            if (!answer) {
                co_return cancelled_error("wait for an answer that somebody else asked for");
            }
            if (*answer) {
                co_return std::move(**answer);
            }
        }
    }

    /// The next one asks anew.
    void forget() {
        const std::lock_guard lock(mutex_);
        value_.reset();
        ++generation_;
    }

private:
    // Empty: the one who asked was stopped, somebody else has to.
    using Answer = std::optional<base::Result<T>>;
    using Slot = OneShot<Answer>;

    // However the asking ends, those who wait hear of it.
    struct Turn {
        explicit Turn(SharedRead& owner) : read(owner) {}
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;
        ~Turn() { read.finish(std::move(answer)); }
        SharedRead& read;
        Answer answer;
    };

    Task<base::Result<T>> lead(Ask ask) {
        Turn turn(*this);
        std::uint64_t generation = 0;
        {
            const std::lock_guard lock(mutex_);
            generation = generation_;
        }
        const auto asked_at = clock_.steady_now();
        auto result = co_await ask();
        {
            const std::lock_guard lock(mutex_);
            if (result.has_value() && generation == generation_) {
                value_ = result.value();
                holds_until_ = asked_at + holds_(result.value());
            }
        }
        if (result.has_value() || result.error().kind() != base::ErrorKind::Cancelled) {
            turn.answer = result;
        }
        co_return result;
    }

    void finish(Answer answer) {
        std::vector<Slot> slots;
        {
            const std::lock_guard lock(mutex_);
            asking_ = false;
            slots.swap(waiting_);
        }
        for (const auto& slot : slots) {
            slot.set(answer);
        }
    }

    const base::Clock& clock_;
    const Holds holds_;
    std::mutex mutex_;
    std::optional<T> value_;
    base::SteadyTime holds_until_{};
    std::uint64_t generation_ = 0;
    bool asking_ = false;
    std::vector<Slot> waiting_;
};

}  // namespace wavs::async
