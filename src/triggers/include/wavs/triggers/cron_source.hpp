// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/triggers/cron_watch.hpp"
#include "wavs/triggers/trigger_batches.hpp"

#include <mutex>

namespace wavs::triggers {

/// What cron triggers deliver: one task for all of them, which sleeps until the next is due. The
/// timer is the machine's steady one, the schedule that of its wall clock, so it looks at the wall
/// clock every second: one that is put forward makes due what lies between, one that is put back
/// delays, and nothing comes twice. With no cron trigger there is no timer. The decisions are
/// `CronWatch`'s. `run()` is one task; the other methods are thread-safe. Owned by
/// `TriggerManager`.
class CronSource {
public:
    CronSource(CronOptions options, const storage::Store& store, TriggerBatches& batches,
               async::Timers& timers, const base::Clock& clock, telemetry::Metrics& metrics);

    /// The stored positions; once, before anything else.
    base::Result<void> load();

    /// Another set of services. False while there is nothing to run for.
    bool set_index(const TriggerIndex& index);

    async::Task<base::Result<void>> run();

private:
    async::Task<base::Result<void>> deliver_due();
    async::Task<base::Result<void>> send_unsent();
    async::Task<base::Result<void>> wait();
    void notice_set_back(base::WallTime now);

    const storage::Store& store_;
    TriggerBatches& batches_;
    async::Timers& timers_;
    const base::Clock& clock_;
    telemetry::Counter dropped_;

    // These two only `run()` touches: what it was handing over when it failed, which goes first
    // when it is started again; and when it last looked at the clock.
    std::optional<types::TriggerBatch> unsent_;
    base::WallTime looked_at_;

    std::mutex mutex_;
    CronWatch watch_;
    // The index changed since `run()` last looked; and how to wake it.
    bool changed_ = false;
    std::optional<async::OneShot<bool>> sleeper_;
};

}  // namespace wavs::triggers
