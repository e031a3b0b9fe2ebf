// SPDX-License-Identifier: Apache-2.0
#include "paced_load.hpp"

#include "client.hpp"

namespace wavs::bench {
namespace {

async::Task<int> stop_group(async::TaskGroup& group, async::Timers& timers) {
    static_cast<void>(co_await group.stop(timers, std::chrono::seconds(10)));
    co_return 0;
}

}  // namespace

PacedLoad::PacedLoad(async::Executor executor, types::TriggerConfig config, FireTask fire,
                     Pace pace)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      fire_(std::move(fire)),
      pace_(pace),
      clients_(async::make_strand(executor_), "load") {}

void PacedLoad::start() {
    start_ = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < pace_.clients; ++i) {
        clients_.spawn_on(async::make_strand(executor_), "client", client());
    }
}

void PacedLoad::stop(async::Runtime& threads) { threads.run(stop_group(clients_, timers_)); }

std::optional<base::Error> PacedLoad::first_failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
}

async::Task<void> PacedLoad::client() {
    while (true) {
        const auto number = next_.fetch_add(1);
        if (number >= pace_.total) {
            co_return;
        }
        const std::chrono::duration<double> offset(static_cast<double>(number) / pace_.per_second);
        const auto due = start_ + std::chrono::duration_cast<base::Duration>(offset);
        const auto now = std::chrono::steady_clock::now();
        if (due > now && !(co_await timers_.sleep_for(due - now)).has_value()) {
            co_return;
        }
        auto ended = co_await fire_(action_of(config_, number));
        if (ended.has_value()) {
            completed_.fetch_add(1);
            continue;
        }
        if (ended.error().kind() == base::ErrorKind::Cancelled) {
            co_return;
        }
        const std::lock_guard lock(mutex_);
        failure_ = failure_ ? failure_ : std::move(ended).error();
    }
}

}  // namespace wavs::bench
