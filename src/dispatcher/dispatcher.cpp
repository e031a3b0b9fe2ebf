// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/dispatcher.hpp"

#include "job_queue.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/async/outermost.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {
namespace {

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
    ~RunPlace() { jobs_.ran(service_); }
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

std::string what_of(const std::exception_ptr& fault) {
    try {
        std::rethrow_exception(fault);
    } catch (const std::exception& error) {
        return error.what();
    }
}

}  // namespace

// Those who wait for the runs of one request.
struct Dispatcher::Request {
    explicit Request(std::size_t events, async::Completion<void> when_done)
        : left(events), done(std::move(when_done)) {}

    void one_ended(std::mutex& mutex, const Outcome& outcome) {
        {
            const std::lock_guard lock(mutex);
            if (!outcome.has_value() && first.has_value()) {
                first = outcome;
            }
            if (--left > 0) {
                return;
            }
        }
        done.set(std::move(first));
    }

    std::size_t left;
    Outcome first = base::ok();
    async::Completion<void> done;
};

Dispatcher::Dispatcher(DispatcherDeps deps, DispatcherOptions options, async::Executor executor)
    : deps_(deps),
      options_(options),
      executor_(std::move(executor)),
      done_(deps.metrics.counter("wavs_events_done_total", "Events whose run ended well")),
      failed_(deps.metrics.counter("wavs_events_failed_total", "Events whose run failed")),
      jobs_(std::make_unique<JobQueue>(
          JobQueueOptions{options.queue_capacity, options.max_running,
                          options.max_running_per_service,
                          options.max_running * options.storing_per_running, options.ordered},
          [this](std::uint64_t sequence) { return load(sequence); })),
      waits_(async::make_strand(executor_), "dispatcher",
             [](std::string_view task, std::string_view what) {
                 telemetry::log_error("dispatcher", "a wait threw",
                                      {{"task", task}, {"what", what}});
             }) {}

Dispatcher::~Dispatcher() = default;

async::Task<base::Result<void>> Dispatcher::start(std::vector<types::EventId> crashed) {
    WAVS_CO_TRY(co_await deps_.journal.count_crashes(std::move(crashed), options_.max_attempts));
    WAVS_CO_TRY(const auto results, deps_.journal.work(types::WorkKind::OpenResult));
    WAVS_CO_TRY(const auto events, deps_.journal.work(types::WorkKind::OpenEvent));
    if (!results.empty() || !events.empty()) {
        telemetry::log_info("dispatcher", "unfinished work goes on",
                            {{"events", events.size()}, {"results", results.size()}});
    }
    for (const auto& event : events) {
        jobs_->push(event.service, event.sequence);
    }
    start_runs();
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
    stop_.request_stop();
    auto left = co_await waits_.stop(deps_.timers, deadline);
    const async::OneShot<bool> drained(executor_);
    {
        const std::lock_guard lock(mutex_);
        drained_ = drained;
    }
    if (jobs_->picked() > 0) {
        using boost::asio::experimental::awaitable_operators::operator||;
        co_await (drained.wait() || deps_.timers.sleep_for(deadline));
    }
    if (const auto running = jobs_->picked(); running > 0) {
        left.push_back(fmt::format("dispatcher/{} events", running));
    }
    // Those whose events were not begun.
    std::unordered_map<std::uint64_t, std::shared_ptr<Request>> followed;
    {
        const std::lock_guard lock(mutex_);
        followed.swap(followed_);
    }
    for (auto& [sequence, request] : followed) {
        request->one_ended(mutex_, async::cancelled_error("event"));
    }
    co_return left;
}

async::Task<base::Result<void>> Dispatcher::run_retention() {
    const auto age =
        static_cast<std::uint64_t>(options_.event_retention.count()) * 1'000'000'000ULL;
    const base::Duration every = std::min<base::Duration>(kPruneEvery, options_.event_retention);
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
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(every));
    }
}

async::Flow<base::Result<void>> Dispatcher::trigger(ManualRequest request) {
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
    std::vector<Journal::Accept> events(request.count, {&request.action, service->digest});
    WAVS_CO_TRY(auto records, co_await deps_.journal.accept(std::move(events), "manual", {},
                                                            Journal::Repeats::Accept));
    WAVS_FLOW_FAULT(waits_, deps_.timers, base::FaultPoint::AfterAccept);
    fired(request.action.data).add(static_cast<double>(records.size()));
    if (request.wait == ManualRequest::Wait::No || records.empty()) {
        queue(std::move(records), service);
        co_return base::ok();
    }
    co_return co_await async::suspend<void>([&](async::Completion<void> done) {
        follow(records, std::move(done));
        queue(std::move(records), service);
    });
}

void Dispatcher::follow(const std::vector<types::EventRecord>& records,
                        async::Completion<void> done) {
    const auto request = std::make_shared<Request>(records.size(), std::move(done));
    const std::lock_guard lock(mutex_);
    for (const auto& record : records) {
        followed_.emplace(record.sequence, request);
    }
}

void Dispatcher::queue(std::vector<types::EventRecord> records,
                       const types::RegisteredServicePtr& service) {
    for (auto& record : records) {
        auto shared = std::make_shared<const types::EventRecord>(std::move(record));
        jobs_->push(
            std::make_shared<const types::EventJob>(types::EventJob{service, std::move(shared)}));
    }
    start_runs();
}

void Dispatcher::start_runs() {
    const async::Outermost<Dispatcher> outermost(this);
    if (!outermost) {
        return;
    }
    while (auto job = jobs_->pick()) {
        const auto event = job->event;
        async::start(handle(std::move(job)),
                     [this, event](const async::FlowEnd<Outcome>& end) { left(*event, end); });
    }
}

// The last one to leave may still be in here when `stop()` comes back: engine and runtime, which
// own its thread, wait for it before anything is destroyed.
void Dispatcher::left(const types::EventRecord& event, const async::FlowEnd<Outcome>& end) {
    const auto sequence = event.sequence;
    if (end.fault) {
        telemetry::log_error("dispatcher", "an event threw, it waits for the next start",
                             {{"sequence", sequence},
                              {"what", what_of(end.fault)},
                              {"remedy", "report this fault of the node, and start it again"}});
        ended(sequence, async::cancelled_error("event"));
    } else {
        ended(sequence, *end.value);
    }
    jobs_->stored(event.action.config);
    start_runs();
    std::optional<async::OneShot<bool>> drained;
    {
        const std::lock_guard lock(mutex_);
        drained = drained_;
    }
    if (drained && jobs_->picked() == 0) {
        drained->set(true);
    }
}

async::Flow<Dispatcher::Outcome> Dispatcher::handle(Job job) {
    auto outcome = co_await process(job);
    if (outcome.has_value()) {
        done_.add();
        if (any_errors_) {
            remember(*job, std::nullopt);
        }
    } else if (outcome.error().kind() != base::ErrorKind::Cancelled) {
        (void)co_await fail(job, outcome.error());
    }
    co_return outcome;
}

async::Flow<Dispatcher::Outcome> Dispatcher::process(const Job& job) {
    // The place is given up before the outcome is stored, so that a run does not wait for the disk.
    std::optional<RunPlace> place(std::in_place, *jobs_, job->event->action.config.service_id);
    WAVS_FLOW_FAULT(waits_, deps_.timers, base::FaultPoint::Worker);
    const auto current = deps_.services.find(job->event->action.config.service_id);
    if (!job->service || !current) {
        co_return co_await skip_job(job, "its service is not registered any more");
    }
    if (!current->active()) {
        co_return co_await skip_job(job, "the service was paused");
    }
    if (job->workflow() == nullptr) {
        co_return co_await skip_job(job, "the workflow is gone");
    }
    if (deps_.journal.is_void(*job->event)) {
        co_return base::ok();
    }
    WAVS_CO_TRY(auto run, co_await run_and_sign(job));
    place.reset();
    start_runs();
    co_return co_await store(job, std::move(run));
}

async::Flow<base::Result<SignedRun>> Dispatcher::run_and_sign(const Job& job) {
    WAVS_CO_TRY(auto responses, co_await run_component(job));
    WAVS_FLOW_FAULT(waits_, deps_.timers, base::FaultPoint::AfterRun);
    const auto current = deps_.services.find(job->service->id);
    if (!current || !current->active()) {
        SignedRun nothing;
        nothing.skipped = "the service was paused or removed during the run";
        co_return std::move(nothing);
    }
    if (deps_.journal.is_void(*job->event)) {
        SignedRun nothing;
        nothing.skipped = "its block was replaced during the run";
        co_return std::move(nothing);
    }
    WAVS_CO_TRY(auto run, co_await deps_.submission.sign(*job, current, std::move(responses)));
    WAVS_FLOW_FAULT(waits_, deps_.timers, base::FaultPoint::AfterSign);
    co_return std::move(run);
}

async::Flow<Dispatcher::Outcome> Dispatcher::store(const Job& job, SignedRun run) {
    if (!run.skipped.empty()) {
        co_return co_await skip_job(job, std::move(run.skipped));
    }
    // What is signed must not be thrown away: until the disk takes it, it is tried again.
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::seconds(30), deps_.random);
    while (true) {
        auto stored = co_await deps_.journal.finish(*job->event, run.results, run.batch);
        if (stored.has_value() && !stored.value()) {
            co_return base::ok();  // retracted: the signatures have not left this process
        }
        if (stored.has_value()) {
            break;
        }
        if (stored.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(stored).error();
        }
        telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                               "a result is not stored yet, again later", stored.error(),
                               {{"event", types::to_string(job->event->default_event_id)}});
        WAVS_CO_TRY(
            co_await async::as_flow(waits_, "store", deps_.timers.sleep_for(backoff.next())));
    }
    run.hold.reset();
    for (auto& result : run.results) {
        deps_.aggregator.submit(std::move(result));
    }
    co_return base::ok();
}

async::Flow<Dispatcher::Outcome> Dispatcher::skip_job(const Job& job, std::string reason) {
    co_return co_await deps_.journal.set_state(*job->event, types::EventState::Skipped,
                                               std::move(reason));
}

async::Flow<base::Result<std::vector<types::WasmResponse>>> Dispatcher::run_component(
    const Job& job) {
    auto responses = co_await deps_.engine.run(*job, stop_.get_token());
    if (responses.has_value() || !worth_a_second_run(responses.error())) {
        co_return std::move(responses);
    }
    telemetry::log_failure(telemetry::Level::Warn, "dispatcher", "run failed, once more",
                           responses.error(),
                           {{"event", types::to_string(job->event->default_event_id)}});
    co_return co_await deps_.engine.run(*job, stop_.get_token());
}

// What is not stored is told here; there is nothing else to be done about it.
async::Flow<Dispatcher::Outcome> Dispatcher::fail(const Job& job, base::Error error) {
    failed_.add();
    remember(*job, error.full_text());
    telemetry::log_failure(telemetry::Level::Error, "dispatcher", "event failed", error,
                           {{"service", types::to_string(job->event->action.config.service_id)},
                            {"workflow", job->event->action.config.workflow_id.str()},
                            {"event", types::to_string(job->event->default_event_id)},
                            {"trace", types::to_string(job->event->trace_id)}});
    auto record = *job->event;
    // What is refused has not been tried.
    if (error.code() != base::ErrorCode("quarantined")) {
        ++record.attempts;
    }
    const bool too_often = record.attempts > options_.max_attempts;
    auto stored = co_await deps_.journal.set_state(
        std::move(record), too_often ? types::EventState::Parked : types::EventState::Failed,
        error.full_text());
    if (!stored.has_value() && stored.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(
            telemetry::Level::Error, "dispatcher",
            "the failure of an event is not stored, it will run again after a restart",
            stored.error(), {{"event", types::to_string(job->event->default_event_id)}});
    }
    co_return stored;
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
    WAVS_CO_TRY(co_await async::as_task(
        deps_.journal.set_state(std::move(event), types::EventState::Accepted, "")));
    jobs_->push(service, sequence);
    start_runs();
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::skip(std::uint64_t sequence) {
    WAVS_CO_TRY(auto event, failed_event(sequence));
    co_return co_await async::as_task(deps_.journal.set_state(
        std::move(event), types::EventState::Skipped, "given up by the operator"));
}

async::Task<base::Result<std::size_t>> Dispatcher::retry_all(std::string reason) {
    WAVS_CO_TRY(const auto failed, deps_.journal.work(types::WorkKind::FailedEvent));
    std::size_t count = 0;
    for (const auto& one : failed) {
        WAVS_CO_TRY(const auto event, deps_.journal.event(one.sequence));
        if (event && event->state == types::EventState::Failed &&
            event->reason.starts_with(reason)) {
            WAVS_CO_TRY(co_await retry(one.sequence));
            ++count;
        }
    }
    co_return count;
}

void Dispatcher::ended(std::uint64_t sequence, const Outcome& outcome) {
    std::shared_ptr<Request> request;
    {
        const std::lock_guard lock(mutex_);
        const auto found = followed_.find(sequence);
        if (found == followed_.end()) {
            return;
        }
        request = std::move(found->second);
        followed_.erase(found);
    }
    request->one_ended(mutex_, outcome);
}

void Dispatcher::remember(const types::EventJob& job, std::optional<std::string> error) {
    const std::pair key(job.service->id, job.event->action.config.workflow_id);
    const std::lock_guard lock(mutex_);
    if (error) {
        last_errors_[key] = std::move(*error);
    } else {
        last_errors_.erase(key);
    }
    any_errors_ = !last_errors_.empty();
}

std::optional<std::string> Dispatcher::last_error(const types::ServiceId& service,
                                                  const types::WorkflowId& workflow) const {
    const std::lock_guard lock(mutex_);
    const auto found = last_errors_.find({service, workflow});
    return found == last_errors_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace wavs::dispatcher
