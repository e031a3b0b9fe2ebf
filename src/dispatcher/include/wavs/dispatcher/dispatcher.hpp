// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/dispatcher/services.hpp"

#include <unordered_map>

namespace wavs::dispatcher {

struct DispatcherOptions {
    /// Events on their way through engine and signer at once; the others wait in the queue.
    std::size_t workers = 256;
    std::size_t queue_capacity = 10'000;
};

/// An event given by hand, `POST /dev/triggers`.
struct ManualRequest {
    types::TriggerAction action;
    std::size_t count = 1;
    enum class Wait { No, UntilRun } wait = Wait::No;
};

/// The hub: journals what the sources saw, has each event run and its responses signed, and hands
/// the stored results to the aggregator. An event is on disk before it runs, its results before
/// they leave. Owned by `app`; methods are callable from any executor.
class Dispatcher {
public:
    Dispatcher(Services& services, Journal& journal, EnginePort& engine, SubmissionPort& submission,
               AggregatorPort& aggregator, async::Channel<types::TriggerBatch>& batches,
               async::Channel<types::ServiceUriChange>& changes, async::Timers& timers,
               telemetry::Metrics& metrics, DispatcherOptions options, async::Executor executor);

    /// Starts the workers and puts every unfinished event and result back on its way.
    async::Task<base::Result<void>> start();
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    /// The two loops over what the sources deliver; each runs until stopped.
    async::Task<base::Result<void>> run_batches();
    async::Task<base::Result<void>> run_uri_changes();

    /// Accepts the event `count` times. With `UntilRun` it ends when every run has ended; the first
    /// failure is returned, after all have ended.
    async::Task<base::Result<void>> trigger(ManualRequest request);

    /// The last failure of a workflow; empty when its last run was fine.
    std::optional<std::string> last_error(const types::ServiceId& service,
                                          const types::WorkflowId& workflow) const;

private:
    using Outcome = base::Result<void>;

    async::Task<base::Result<void>> accept(types::TriggerBatch batch);
    async::Task<void> work();
    async::Task<void> process(types::EventJob job);
    async::Task<base::Result<void>> run_and_sign(types::EventJob job);
    async::Task<base::Result<std::vector<types::WasmResponse>>> run_component(types::EventJob job);
    async::Task<void> fail(const types::EventJob& job, const base::Error& error);
    void ended(std::uint64_t sequence, const Outcome& outcome);
    void remember(const types::EventJob& job, std::optional<std::string> error);

    Services& services_;
    Journal& journal_;
    EnginePort& engine_;
    SubmissionPort& submission_;
    AggregatorPort& aggregator_;
    async::Channel<types::TriggerBatch>& batches_;
    async::Channel<types::ServiceUriChange>& changes_;
    async::Timers& timers_;
    telemetry::Metrics& metrics_;
    DispatcherOptions options_;
    async::Executor executor_;
    telemetry::Counter done_;
    telemetry::Counter failed_;
    async::Channel<types::EventJob> jobs_;
    async::TaskGroup workers_;

    mutable std::mutex mutex_;
    std::unordered_map<std::uint64_t, async::OneShot<Outcome>> waiting_;
    std::map<std::pair<types::ServiceId, types::WorkflowId>, std::string> last_errors_;
};

}  // namespace wavs::dispatcher
