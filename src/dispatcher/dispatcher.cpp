// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/dispatcher.hpp"

#include "job_queue.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {
namespace {

// So many batches of the sources share one commit at most.
constexpr std::size_t kBatchesPerCommit = 256;
constexpr auto kDiskPoll = std::chrono::seconds(1);
constexpr auto kPruneEvery = std::chrono::minutes(10);
constexpr std::size_t kEventsPerPruning = 1'000;

base::Error not_found(const types::TriggerConfig& config,
                      const types::RegisteredServicePtr& service) {
    if (!service) {
        return {base::ErrorKind::NotFound, "service_unknown",
                fmt::format("no service {} on this node", types::to_string(config.service_id)),
                "register it with POST /services"};
    }
    return {base::ErrorKind::NotFound, "workflow_unknown",
            fmt::format("service {} has no workflow {}", types::to_string(config.service_id),
                        config.workflow_id.str())};
}

// One of the places the queue limits runs to.
class RunPlace {
public:
    RunPlace(JobQueue& jobs, const types::ServiceId& service) : jobs_(jobs), service_(service) {}
    ~RunPlace() { jobs_.done(service_); }
    RunPlace(const RunPlace&) = delete;
    RunPlace& operator=(const RunPlace&) = delete;

private:
    JobQueue& jobs_;
    types::ServiceId service_;
};

// Faults of the host, and running out of time on a busy machine, may not happen again.
bool worth_a_second_run(const base::Error& error) {
    return error.kind() == base::ErrorKind::Unavailable || error.kind() == base::ErrorKind::Bug ||
           error.code() == base::ErrorCode("out_of_time");
}

}  // namespace

Dispatcher::Dispatcher(DispatcherDeps deps, DispatcherOptions options, async::Executor executor)
    : deps_(deps),
      options_(options),
      executor_(std::move(executor)),
      done_(deps.metrics.counter("wavs_events_done_total", "Events whose run ended well")),
      failed_(deps.metrics.counter("wavs_events_failed_total", "Events whose run failed")),
      jobs_(std::make_unique<JobQueue>(executor_,
                                       JobQueueOptions{options.queue_capacity, options.max_running,
                                                       options.max_running_per_service},
                                       [this](std::uint64_t sequence) { return load(sequence); })),
      workers_(async::make_strand(executor_), "dispatcher",
               [](std::string_view task, std::string_view what) {
                   telemetry::log_error("dispatcher", "a worker threw",
                                        {{"task", task}, {"what", what}});
               }) {}

Dispatcher::~Dispatcher() = default;

async::Task<base::Result<void>> Dispatcher::start() {
    for (std::size_t i = 0; i < options_.max_running * options_.storing_per_running; ++i) {
        workers_.spawn_on(async::make_strand(executor_), "worker", work());
    }
    WAVS_CO_TRY(const auto results, deps_.journal.work(types::WorkKind::OpenResult));
    WAVS_CO_TRY(const auto events, deps_.journal.work(types::WorkKind::OpenEvent));
    if (!results.empty() || !events.empty()) {
        telemetry::log_info("dispatcher", "unfinished work goes on",
                            {{"events", events.size()}, {"results", results.size()}});
    }
    for (const auto& event : events) {
        jobs_->push(event.service, event.sequence);
    }
    for (const auto& result : results) {
        deps_.aggregator.resume(result.service, result.sequence, result.response_index);
    }
    co_return base::ok();
}

base::Result<Dispatcher::Job> Dispatcher::load(std::uint64_t sequence) {
    WAVS_TRY(auto event, deps_.journal.event(sequence));
    if (!event || types::work_of(event->state) != types::WorkKind::OpenEvent) {
        return Job();
    }
    WAVS_TRY(auto revision,
             deps_.services.revision(event->action.config.service_id, event->revision));
    auto job = std::make_shared<types::EventJob>();
    job->service = std::move(revision);
    job->event = std::make_shared<const types::EventRecord>(std::move(*event));
    return Job(std::move(job));
}

async::Task<std::vector<std::string>> Dispatcher::stop(base::Duration deadline) {
    jobs_->close();
    co_return co_await workers_.stop(deps_.timers, deadline);
}

async::Task<base::Result<void>> Dispatcher::run_batches() {
    while (true) {
        if (unaccepted_.empty()) {
            WAVS_CO_TRY(auto batch, co_await deps_.batches.receive());
            unaccepted_.push_back(std::move(batch));
        }
        gather();
        if (!unaccepted_.front().events.empty()) {
            WAVS_CO_FAULT(deps_.timers, base::FaultPoint::Batches);
        }
        WAVS_CO_TRY(co_await accept(unaccepted_.front()));
        unaccepted_.pop_front();
    }
}

// What has arrived meanwhile joins the first batch, as long as it is of the same source.
void Dispatcher::gather() {
    auto& batch = unaccepted_.front();
    for (std::size_t i = 1;
         i < kBatchesPerCommit && batch.changes.empty() && unaccepted_.size() == 1; ++i) {
        auto more = deps_.batches.try_receive();
        if (!more) {
            return;
        }
        if (more->source != batch.source) {
            unaccepted_.push_back(std::move(*more));
            return;
        }
        std::move(more->events.begin(), more->events.end(), std::back_inserter(batch.events));
        std::move(more->positions.begin(), more->positions.end(),
                  std::back_inserter(batch.positions));
        batch.changes = std::move(more->changes);
    }
}

async::Task<base::Result<void>> Dispatcher::wait_for_disk() {
    if (!deps_.disk.low()) {
        co_return base::ok();
    }
    telemetry::log_error("dispatcher", "the disk is low: no new events are taken",
                         {{"free_bytes", deps_.disk.free_bytes()},
                          {"min_free_bytes", deps_.disk.watermark()},
                          {"remedy", "free space on the disk of the data directory"}});
    while (deps_.disk.low()) {
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(kDiskPoll));
    }
    telemetry::log_info("dispatcher", "the disk has room again");
    co_return base::ok();
}

telemetry::Counter& Dispatcher::fired(const types::TriggerData& data) {
    const auto type = types::metric_name(data);
    const std::lock_guard lock(mutex_);
    const auto found = fired_.find(type);
    if (found != fired_.end()) {
        return found->second;
    }
    auto counter = deps_.metrics.counter("wavs_triggers_fired_total", "Events accepted",
                                         {{"type", std::string(type)}});
    return fired_.emplace(type, std::move(counter)).first->second;
}

async::Task<base::Result<void>> Dispatcher::accept(const types::TriggerBatch& batch) {
    if (!batch.events.empty()) {
        WAVS_CO_TRY(co_await wait_for_disk());
    }
    std::vector<Journal::Accept> events;
    std::map<types::ServiceDigest, types::RegisteredServicePtr> revisions;
    for (const auto& [service, action] : batch.events) {
        const auto current = deps_.services.find(action.config.service_id);
        if (!current || !current->active()) {
            telemetry::log_debug("dispatcher", "event dropped: its service is not active",
                                 {{"service", types::to_string(action.config.service_id)},
                                  {"workflow", action.config.workflow_id.str()}});
            continue;
        }
        events.push_back({&action, service->digest});
        revisions[service->digest] = service;
    }
    WAVS_CO_TRY(auto records,
                co_await deps_.journal.accept(std::move(events), batch.source, batch.positions,
                                              Journal::Repeats::DropKnown));
    if (!records.empty()) {
        WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterAccept);
    }
    for (auto& record : records) {
        fired(record.action.data).add();
        auto shared = std::make_shared<const types::EventRecord>(std::move(record));
        jobs_->push(std::make_shared<const types::EventJob>(
            types::EventJob{revisions.at(shared->revision), shared}));
    }
    for (const auto& change : batch.changes) {
        deps_.services.announce(change);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::run_retention() {
    const auto age =
        static_cast<std::uint64_t>(options_.event_retention.count()) * 1'000'000'000ULL;
    while (true) {
        const auto now = deps_.clock.wall_now().nanos;
        std::optional<std::uint64_t> from = 0;
        std::size_t erased = 0;
        while (from && now > age) {
            WAVS_CO_TRY(const auto pruned,
                        co_await deps_.journal.prune({now - age}, *from, kEventsPerPruning));
            from = pruned.next;
            erased += pruned.events;
        }
        if (erased > 0) {
            telemetry::log_info("dispatcher", "old events erased", {{"events", erased}});
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(kPruneEvery));
    }
}

async::Task<base::Result<void>> Dispatcher::trigger(ManualRequest request) {
    const auto& config = request.action.config;
    const auto service = deps_.services.find(config.service_id);
    if (!service || service->service.find(config.workflow_id) == nullptr) {
        co_return not_found(config, service);
    }
    if (!service->active()) {
        co_return base::Error(base::ErrorKind::Conflict, "service_paused", "service is paused",
                              "publish a manifest with status active");
    }
    if (deps_.disk.low()) {
        co_return base::Error(
            base::ErrorKind::Unavailable, "disk_low",
            fmt::format("the disk has {} bytes left, below min_free_bytes = {}: no new events",
                        deps_.disk.free_bytes(), deps_.disk.watermark()),
            "free space on the disk of the data directory");
    }
    if (jobs_->waiting(config.service_id) + request.count > options_.queue_capacity) {
        co_return base::Error(
            base::ErrorKind::Overloaded, "queue_full",
            fmt::format("{} events of service {} wait already", jobs_->waiting(config.service_id),
                        types::to_string(config.service_id)),
            "try again later");
    }
    const std::vector<Journal::Accept> events(request.count, {&request.action, service->digest});
    WAVS_CO_TRY(auto records,
                co_await deps_.journal.accept(events, "manual", {}, Journal::Repeats::Accept));
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterAccept);
    fired(request.action.data).add(static_cast<double>(records.size()));
    std::vector<async::OneShot<Outcome>> outcomes;
    for (auto& record : records) {
        if (request.wait == ManualRequest::Wait::UntilRun) {
            const std::lock_guard lock(mutex_);
            outcomes.emplace_back(executor_);
            waiting_.emplace(record.sequence, outcomes.back());
        }
        auto shared = std::make_shared<const types::EventRecord>(std::move(record));
        jobs_->push(std::make_shared<const types::EventJob>(types::EventJob{service, shared}));
    }
    Outcome first = base::ok();
    for (auto& outcome : outcomes) {
        auto ended = co_await outcome.wait();
        if (ended && !ended->has_value() && first.has_value()) {
            first = std::move(*ended);
        }
    }
    co_return first;
}

async::Task<void> Dispatcher::work() {
    while (true) {
        auto taken = co_await jobs_->take();
        if (!taken.has_value()) {
            co_return;
        }
        const auto job = std::move(taken.value());
        auto outcome = co_await process(job);
        if (outcome.has_value()) {
            done_.add();
            remember(*job, std::nullopt);
        } else if (outcome.error().kind() != base::ErrorKind::Cancelled) {
            co_await fail(job, outcome.error());
        }
        ended(job->event->sequence, outcome);
    }
}

async::Task<base::Result<void>> Dispatcher::process(Job job) {
    // The place is given up before the outcome is stored, so that a run does not wait for the disk.
    std::optional<RunPlace> place(std::in_place, *jobs_, job->event->action.config.service_id);
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::Worker);
    const auto current = deps_.services.find(job->event->action.config.service_id);
    if (!job->service || !current) {
        co_return co_await skip_job(std::move(job), "its service is not registered any more");
    }
    if (!current->active()) {
        co_return co_await skip_job(std::move(job), "the service was paused");
    }
    if (job->workflow() == nullptr) {
        co_return co_await skip_job(std::move(job), "the workflow is gone");
    }
    WAVS_CO_TRY(auto run, co_await run_and_sign(job));
    place.reset();
    co_return co_await store(std::move(job), std::move(run));
}

async::Task<base::Result<SignedRun>> Dispatcher::run_and_sign(Job job) {
    WAVS_CO_TRY(auto responses, co_await run_component(job));
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterRun);
    const auto current = deps_.services.find(job->service->id);
    if (!current || !current->active()) {
        SignedRun nothing;
        nothing.skipped = "the service was paused or removed during the run";
        co_return std::move(nothing);
    }
    WAVS_CO_TRY(auto run, co_await deps_.submission.sign(*job, current, std::move(responses)));
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterSign);
    co_return std::move(run);
}

async::Task<base::Result<void>> Dispatcher::store(Job job, SignedRun run) {
    if (!run.skipped.empty()) {
        co_return co_await skip_job(std::move(job), std::move(run.skipped));
    }
    // What is signed must not be thrown away: until the disk takes it, it is tried again.
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::seconds(30), deps_.random);
    while (true) {
        auto stored = co_await deps_.journal.finish(*job->event, run.results, run.batch);
        if (stored.has_value()) {
            break;
        }
        if (stored.error().kind() == base::ErrorKind::Cancelled) {
            co_return stored;
        }
        telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                               "a result is not stored yet, again later", stored.error(),
                               {{"event", types::to_string(job->event->default_event_id)}});
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(backoff.next()));
    }
    run.hold.reset();
    for (auto& result : run.results) {
        deps_.aggregator.submit(std::move(result));
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::skip_job(Job job, std::string reason) {
    co_return co_await deps_.journal.set_state(*job->event, types::EventState::Skipped,
                                               std::move(reason));
}

async::Task<base::Result<std::vector<types::WasmResponse>>> Dispatcher::run_component(Job job) {
    auto responses = co_await deps_.engine.run(*job);
    if (responses.has_value() || !worth_a_second_run(responses.error())) {
        co_return std::move(responses);
    }
    telemetry::log_failure(telemetry::Level::Warn, "dispatcher", "run failed, once more",
                           responses.error(),
                           {{"event", types::to_string(job->event->default_event_id)}});
    co_return co_await deps_.engine.run(*job);
}

async::Task<void> Dispatcher::fail(Job job, base::Error error) {
    failed_.add();
    remember(*job, error.full_text());
    telemetry::log_failure(telemetry::Level::Error, "dispatcher", "event failed", error,
                           {{"service", types::to_string(job->event->action.config.service_id)},
                            {"workflow", job->event->action.config.workflow_id.str()},
                            {"event", types::to_string(job->event->default_event_id)},
                            {"trace", types::to_string(job->event->trace_id)}});
    auto record = *job->event;
    const bool too_often = ++record.attempts >= options_.max_attempts;
    auto stored = co_await deps_.journal.set_state(
        std::move(record), too_often ? types::EventState::Parked : types::EventState::Failed,
        error.full_text());
    if (!stored.has_value() && stored.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(
            telemetry::Level::Error, "dispatcher",
            "the failure of an event is not stored, it will run again after a restart",
            stored.error(), {{"event", types::to_string(job->event->default_event_id)}});
    }
}

base::Result<types::EventRecord> Dispatcher::failed_event(std::uint64_t sequence) const {
    WAVS_TRY(auto event, deps_.journal.event(sequence));
    if (!event) {
        return base::Error(base::ErrorKind::NotFound, "event_unknown",
                           fmt::format("no event {} on this node", sequence),
                           "GET /node/events?state=failed lists those that failed");
    }
    if (types::work_of(event->state) != types::WorkKind::FailedEvent) {
        return base::Error(base::ErrorKind::Conflict, "event_not_failed",
                           fmt::format("event {} is {}, only failed and parked events can be run "
                                       "again or skipped",
                                       sequence, types::to_string(event->state)));
    }
    return std::move(*event);
}

async::Task<base::Result<void>> Dispatcher::retry(std::uint64_t sequence) {
    WAVS_CO_TRY(auto event, failed_event(sequence));
    const auto service = event.action.config.service_id;
    WAVS_CO_TRY(
        co_await deps_.journal.set_state(std::move(event), types::EventState::Accepted, ""));
    jobs_->push(service, sequence);
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::skip(std::uint64_t sequence) {
    WAVS_CO_TRY(auto event, failed_event(sequence));
    co_return co_await deps_.journal.set_state(std::move(event), types::EventState::Skipped,
                                               "given up by the operator");
}

void Dispatcher::ended(std::uint64_t sequence, const Outcome& outcome) {
    const std::lock_guard lock(mutex_);
    const auto waiter = waiting_.find(sequence);
    if (waiter != waiting_.end()) {
        waiter->second.set(outcome);
        waiting_.erase(waiter);
    }
}

void Dispatcher::remember(const types::EventJob& job, std::optional<std::string> error) {
    const std::pair key(job.service->id, job.event->action.config.workflow_id);
    const std::lock_guard lock(mutex_);
    if (error) {
        last_errors_[key] = std::move(*error);
    } else {
        last_errors_.erase(key);
    }
}

std::optional<std::string> Dispatcher::last_error(const types::ServiceId& service,
                                                  const types::WorkflowId& workflow) const {
    const std::lock_guard lock(mutex_);
    const auto found = last_errors_.find({service, workflow});
    return found == last_errors_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace wavs::dispatcher
