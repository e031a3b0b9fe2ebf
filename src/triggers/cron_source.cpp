// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/cron_source.hpp"

#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::triggers {
namespace {

// How long a clock that was put forward may go unnoticed.
constexpr auto kLongestSleep = std::chrono::seconds(1);
// Small enough to be one commit, and for the queue to hold back what it cannot take.
constexpr std::size_t kEventsPerBatch = 256;
// Corrections of the clock below this are its daily business.
constexpr auto kSetBack = std::chrono::seconds(2);

async::Task<base::Result<bool>> woken(async::OneShot<bool> signal) {
    const auto value = co_await signal.wait();
    if (!value) {
        co_return async::cancelled_error("wait for a cron trigger");
    }
    co_return *value;
}

std::chrono::nanoseconds between(base::WallTime from, base::WallTime to) {
    return std::chrono::nanoseconds(to <= from ? 0 : to.nanos - from.nanos);
}

}  // namespace

CronSource::CronSource(CronOptions options, const storage::Store& store, TriggerBatches& batches,
                       async::Timers& timers, const base::Clock& clock, telemetry::Metrics& metrics)
    : store_(store),
      batches_(batches),
      timers_(timers),
      clock_(clock),
      dropped_(metrics.counter("wavs_cron_dropped_total",
                               "Occurrences of cron triggers left out because too many were late")),
      watch_(options) {}

base::Result<void> CronSource::load() {
    WAVS_TRY(const auto positions, store_.scan(storage::Keyspace::Coverage,
                                               {.prefix = base::to_bytes(CronWatch::kKeyPrefix)}));
    const std::lock_guard lock(mutex_);
    for (const auto& position : positions) {
        WAVS_TRY(watch_.restore(position));
    }
    return base::ok();
}

bool CronSource::set_index(const TriggerIndex& index) {
    const std::lock_guard lock(mutex_);
    watch_.set_targets(index.cron(), clock_.wall_now());
    changed_ = true;
    if (sleeper_) {
        sleeper_->set(true);
    }
    return watch_.has_work();
}

async::Task<base::Result<void>> CronSource::run() {
    while (true) {
        WAVS_CO_TRY(co_await deliver_due());
        WAVS_CO_TRY(co_await wait());
    }
}

async::Task<base::Result<void>> CronSource::deliver_due() {
    WAVS_CO_TRY(co_await send_unsent());
    const auto now = clock_.wall_now();
    notice_set_back(now);
    CronWatch::Dropped dropped;
    {
        const std::lock_guard lock(mutex_);
        dropped = watch_.drop_old(now);
    }
    if (dropped.occurrences > 0) {
        dropped_.add(static_cast<double>(dropped.occurrences));
        telemetry::log_warn(
            "triggers", "too many occurrences are late: the older ones are dropped",
            {{"occurrences", dropped.occurrences},
             {"workflows", dropped.workflows},
             {"one_of_them",
              fmt::format("{}/{}", types::to_string(dropped.service), dropped.workflow.str())},
             {"remedy", "raise cron_max_catchup to have more of them made up for"}});
    }
    while (true) {
        CronWatch::Due due;
        {
            const std::lock_guard lock(mutex_);
            due = watch_.take(now, kEventsPerBatch);
        }
        if (due.empty()) {
            co_return base::ok();
        }
        unsent_.emplace();
        unsent_->source = "cron";
        unsent_->events = std::move(due.events);
        unsent_->positions = std::move(due.positions);
        WAVS_CO_TRY(co_await send_unsent());
    }
}

async::Task<base::Result<void>> CronSource::send_unsent() {
    if (!unsent_) {
        co_return base::ok();
    }
    WAVS_CO_FAULT(timers_, base::FaultPoint::Source);
    auto batch = *unsent_;
    WAVS_CO_TRY(co_await batches_.send(std::move(batch)));
    unsent_.reset();
    co_return base::ok();
}

async::Task<base::Result<void>> CronSource::wait() {
    async::OneShot<bool> signal(co_await boost::asio::this_coro::executor);
    std::optional<base::WallTime> next;
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(changed_, false)) {
            co_return base::ok();
        }
        sleeper_ = signal;
        next = watch_.next();
    }
    if (!next) {
        WAVS_CO_TRY(co_await woken(std::move(signal)));
        co_return base::ok();
    }
    const auto left = between(clock_.wall_now(), *next);
    if (left == std::chrono::nanoseconds::zero()) {
        co_return base::ok();
    }
    const auto limit =
        std::min<base::Duration>(kLongestSleep, std::chrono::ceil<base::Duration>(left));
    auto wake = co_await async::with_timeout<bool>(timers_, limit, "next cron trigger",
                                                   woken(std::move(signal)));
    if (!wake.has_value() && wake.error().kind() != base::ErrorKind::Timeout) {
        co_return std::move(wake).error();
    }
    co_return base::ok();
}

void CronSource::notice_set_back(base::WallTime now) {
    const auto by = between(now, looked_at_);
    if (by > kSetBack) {
        telemetry::log_warn(
            "triggers", "the clock was set back: cron triggers wait until it is there again",
            {{"seconds", std::chrono::duration_cast<std::chrono::seconds>(by).count()}});
    }
    looked_at_ = now;
}

}  // namespace wavs::triggers
