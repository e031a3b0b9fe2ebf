// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/dispatcher/services.hpp"
#include "wavs/storage/disk_space.hpp"

#include <atomic>
#include <deque>
#include <set>
#include <stop_token>
#include <unordered_map>

namespace wavs::dispatcher {

class JobQueue;

struct DispatcherOptions {
    /// Components that run at once, of all services and of one.
    std::size_t max_running = 256;
    std::size_t max_running_per_service = 128;
    /// Runs whose outcome is being stored at once, for each that runs: a run gives its place up
    /// before the disk has answered.
    std::size_t storing_per_running = 4;
    /// Waiting events kept in memory; the others are read back from the journal. A service with so
    /// many waiting takes no more triggers by hand.
    std::size_t queue_capacity = 10'000;
    /// After more attempts that ended badly an event is parked.
    std::uint32_t max_attempts = 3;
    std::chrono::seconds event_retention{7 * 86'400};
    /// Workflows whose events run one after the other, in the order they were accepted, each when
    /// the outcome of the one before is stored.
    std::set<std::pair<types::ServiceId, types::WorkflowId>> ordered = {};
};

/// An event given by hand, `POST /dev/triggers`.
struct ManualRequest {
    types::TriggerAction action;
    std::size_t count = 1;
    enum class Wait { No, UntilRun } wait = Wait::No;
};

/// The modules the hub works with; all outlive it.
struct DispatcherDeps {
    Services& services;
    Journal& journal;
    EnginePort& engine;
    SubmissionPort& submission;
    AggregatorPort& aggregator;
    async::Channel<types::TriggerBatch>& batches;
    const storage::DiskSpace& disk;
    const base::Clock& clock;
    async::Timers& timers;
    base::RandomSource& random;
    telemetry::Metrics& metrics;
};

/// The hub: journals what the sources saw, has each event run and its responses signed, and hands
/// the stored results to the aggregator. An event is on disk before it runs, its results before
/// they leave. While the disk is low nothing new is taken. Owned by `app`; methods are callable
/// from any executor.
class Dispatcher {
public:
    Dispatcher(DispatcherDeps deps, DispatcherOptions options, async::Executor executor);
    ~Dispatcher();

    /// Starts the workers and puts every unfinished event and result back on its way. `crashed` as
    /// in `Journal::count_crashes`.
    async::Task<base::Result<void>> start(std::vector<types::EventId> crashed = {});
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    /// The loop over what the sources deliver; runs until stopped. Started again after a failure,
    /// it goes on with the batch it failed at.
    async::Task<base::Result<void>> run_batches();
    /// Erases what is older than the retention, now and then; runs until stopped.
    async::Task<base::Result<void>> run_retention();

    /// Accepts the event `count` times. With `UntilRun` it ends when every run has ended; the first
    /// failure is returned, after all have ended.
    async::Flow<base::Result<void>> trigger(ManualRequest request);

    /// A failed or parked event, by sequence: run it again, or give it up for good. Errors:
    /// `event_unknown`, `event_not_failed`.
    async::Task<base::Result<void>> retry(std::uint64_t sequence);
    async::Task<base::Result<void>> skip(std::uint64_t sequence);
    /// Runs every failed event again whose reason begins so; how many there were.
    async::Task<base::Result<std::size_t>> retry_all(std::string reason);

    /// The last failure of a workflow; empty when its last run was fine.
    std::optional<std::string> last_error(const types::ServiceId& service,
                                          const types::WorkflowId& workflow) const;

private:
    using Outcome = base::Result<void>;
    using Job = std::shared_ptr<const types::EventJob>;

    struct Request;

    void gather();
    async::Task<base::Result<void>> accept(const types::TriggerBatch& batch);
    async::Task<base::Result<void>> retract(const types::TriggerBatch& batch);
    async::Task<base::Result<void>> wait_for_disk();
    void follow(const std::vector<types::EventRecord>& records, async::Completion<void> done);
    void queue(std::vector<types::EventRecord> records, const types::RegisteredServicePtr& service);
    base::Result<Job> load(std::uint64_t sequence);

    // The path of an event: flows, from the thread that stored it over the guest thread that ran it
    // to the one that stored its results.
    void start_runs();
    async::Flow<Outcome> handle(Job job);
    async::Flow<Outcome> process(const Job& job);
    async::Flow<base::Result<SignedRun>> run_and_sign(const Job& job);
    async::Flow<base::Result<std::vector<types::WasmResponse>>> run_component(const Job& job);
    async::Flow<Outcome> store(const Job& job, SignedRun run);
    async::Flow<Outcome> skip_job(const Job& job, std::string reason);
    async::Flow<Outcome> fail(const Job& job, base::Error error);
    void left(const types::EventRecord& event, const async::FlowEnd<Outcome>& end);

    base::Result<types::EventRecord> failed_event(std::uint64_t sequence) const;
    void ended(std::uint64_t sequence, const Outcome& outcome);
    void remember(const types::EventJob& job, std::optional<std::string> error);
    telemetry::Counter& fired(const types::TriggerData& data);

    DispatcherDeps deps_;
    DispatcherOptions options_;
    async::Executor executor_;
    telemetry::Counter done_;
    telemetry::Counter failed_;
    std::unique_ptr<JobQueue> jobs_;
    // What an event waits for that takes time: delays, and the next try to store it.
    async::TaskGroup waits_;
    std::stop_source stop_;
    // Received and not journaled yet. Only `run_batches()` touches it.
    std::deque<types::TriggerBatch> unaccepted_;

    mutable std::mutex mutex_;
    // By sequence: who waits for the end of its run.
    std::unordered_map<std::uint64_t, std::shared_ptr<Request>> followed_;
    // Set once no event is on its way any more.
    std::optional<async::OneShot<bool>> drained_;
    std::map<std::pair<types::ServiceId, types::WorkflowId>, std::string> last_errors_;
    // Spares the lock and the look-up while all is well.
    std::atomic<bool> any_errors_{false};
    std::map<std::string_view, telemetry::Counter> fired_;
};

}  // namespace wavs::dispatcher
