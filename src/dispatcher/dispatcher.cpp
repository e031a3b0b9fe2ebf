// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/dispatcher.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {
namespace {

// So many batches of the sources share one commit at most.
constexpr std::size_t kBatchesPerCommit = 256;

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

// Faults of the host, and running out of time on a busy machine, may not happen again.
bool worth_a_second_run(const base::Error& error) {
    return error.kind() == base::ErrorKind::Unavailable || error.kind() == base::ErrorKind::Bug ||
           error.code() == base::ErrorCode("out_of_time");
}

}  // namespace

Dispatcher::Dispatcher(Services& services, Journal& journal, EnginePort& engine,
                       SubmissionPort& submission, AggregatorPort& aggregator,
                       async::Channel<types::TriggerBatch>& batches,
                       async::Channel<types::ServiceUriChange>& changes, async::Timers& timers,
                       telemetry::Metrics& metrics, DispatcherOptions options,
                       async::Executor executor)
    : services_(services),
      journal_(journal),
      engine_(engine),
      submission_(submission),
      aggregator_(aggregator),
      batches_(batches),
      changes_(changes),
      timers_(timers),
      metrics_(metrics),
      options_(options),
      executor_(std::move(executor)),
      done_(metrics.counter("wavs_events_done_total", "Events whose run ended well")),
      failed_(metrics.counter("wavs_events_failed_total", "Events whose run failed")),
      jobs_(executor_, "dispatcher.jobs", options.queue_capacity),
      workers_(async::make_strand(executor_), "dispatcher",
               [](std::string_view task, std::string_view what) {
                   telemetry::log_error("dispatcher", "a worker threw",
                                        {{"task", task}, {"what", what}});
               }) {}

async::Task<base::Result<void>> Dispatcher::start() {
    for (std::size_t i = 0; i < options_.workers; ++i) {
        workers_.spawn_on(async::make_strand(executor_), "worker", work());
    }
    WAVS_CO_TRY(auto results, journal_.unfinished_results());
    for (auto& result : results) {
        WAVS_CO_TRY(co_await aggregator_.submit(std::move(result)));
    }
    WAVS_CO_TRY(auto events, journal_.unfinished_events());
    for (auto& event : events) {
        auto revision = services_.revision(event.action.config.service_id, event.revision);
        if (!revision.has_value() || !revision.value()) {
            WAVS_CO_TRY(co_await journal_.set_state(std::move(event), types::EventState::Skipped,
                                                    "its service is not registered any more"));
            continue;
        }
        auto shared = std::make_shared<const types::EventRecord>(std::move(event));
        types::EventJob job{std::move(revision.value()), std::move(shared)};
        WAVS_CO_TRY(co_await jobs_.send(std::move(job)));
    }
    if (!results.empty() || !events.empty()) {
        telemetry::log_info("dispatcher", "unfinished work goes on",
                            {{"events", events.size()}, {"results", results.size()}});
    }
    co_return base::ok();
}

async::Task<std::vector<std::string>> Dispatcher::stop(base::Duration deadline) {
    jobs_.close();
    co_return co_await workers_.stop(timers_, deadline);
}

async::Task<base::Result<void>> Dispatcher::run_batches() {
    while (true) {
        WAVS_CO_TRY(auto batch, co_await batches_.receive());
        for (std::size_t i = 1; i < kBatchesPerCommit; ++i) {
            auto more = batches_.try_receive();
            if (!more) {
                break;
            }
            if (more->source != batch.source) {
                WAVS_CO_TRY(co_await accept(std::move(batch)));
                batch = std::move(*more);
                continue;
            }
            std::move(more->actions.begin(), more->actions.end(),
                      std::back_inserter(batch.actions));
            std::move(more->positions.begin(), more->positions.end(),
                      std::back_inserter(batch.positions));
        }
        WAVS_CO_TRY(co_await accept(std::move(batch)));
    }
}

async::Task<base::Result<void>> Dispatcher::accept(types::TriggerBatch batch) {
    std::vector<Journal::Accept> events;
    for (const auto& action : batch.actions) {
        const auto service = services_.find(action.config.service_id);
        if (!service || !service->active() ||
            service->service.find(action.config.workflow_id) == nullptr) {
            telemetry::log_debug("dispatcher", "event dropped: its workflow is not active",
                                 {{"service", types::to_string(action.config.service_id)},
                                  {"workflow", action.config.workflow_id.str()}});
            continue;
        }
        metrics_
            .counter("wavs_triggers_fired_total", "Events accepted",
                     {{"type", std::string(types::metric_name(action.data))}})
            .add();
        events.push_back({&action, service->digest});
    }
    WAVS_CO_TRY(auto records,
                co_await journal_.accept(std::move(events), batch.source,
                                         std::move(batch.positions), Journal::Repeats::DropKnown));
    for (auto& record : records) {
        auto service = services_.find(record.action.config.service_id);
        if (service) {
            auto shared = std::make_shared<const types::EventRecord>(std::move(record));
            types::EventJob job{std::move(service), std::move(shared)};
            WAVS_CO_TRY(co_await jobs_.send(std::move(job)));
        }
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::run_uri_changes() {
    while (true) {
        WAVS_CO_TRY(auto change, co_await changes_.receive());
        services_.announce(std::move(change));
    }
}

async::Task<base::Result<void>> Dispatcher::trigger(ManualRequest request) {
    const auto& config = request.action.config;
    const auto service = services_.find(config.service_id);
    if (!service || service->service.find(config.workflow_id) == nullptr) {
        co_return not_found(config, service);
    }
    if (!service->active()) {
        co_return base::Error(base::ErrorKind::Conflict, "service_paused", "service is paused",
                              "publish a manifest with status active");
    }
    metrics_.counter("wavs_triggers_fired_total", "Events accepted", {{"type", "manual"}})
        .add(static_cast<double>(request.count));
    const std::vector<Journal::Accept> events(request.count, {&request.action, service->digest});
    WAVS_CO_TRY(auto records,
                co_await journal_.accept(events, "manual", {}, Journal::Repeats::Accept));
    std::vector<async::OneShot<Outcome>> outcomes;
    for (auto& record : records) {
        if (request.wait == ManualRequest::Wait::UntilRun) {
            const std::lock_guard lock(mutex_);
            outcomes.emplace_back(executor_);
            waiting_.emplace(record.sequence, outcomes.back());
        }
        auto shared = std::make_shared<const types::EventRecord>(std::move(record));
        types::EventJob job{service, std::move(shared)};
        WAVS_CO_TRY(co_await jobs_.send(std::move(job)));
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
        auto job = co_await jobs_.receive();
        if (!job.has_value()) {
            co_return;
        }
        co_await process(std::move(job.value()));
    }
}

async::Task<void> Dispatcher::process(types::EventJob job) {
    auto outcome = co_await run_and_sign(job);
    if (outcome.has_value()) {
        done_.add();
        remember(job, std::nullopt);
    } else if (outcome.error().kind() != base::ErrorKind::Cancelled) {
        co_await fail(job, outcome.error());
    }
    ended(job.event->sequence, outcome);
}

async::Task<base::Result<void>> Dispatcher::run_and_sign(types::EventJob job) {
    auto current = services_.find(job.service->id);
    if (!current || !current->active() || job.workflow() == nullptr) {
        const std::string reason = !current             ? "the service was removed"
                                   : !current->active() ? "the service was paused"
                                                        : "the workflow is gone";
        co_return co_await journal_.set_state(*job.event, types::EventState::Skipped, reason);
    }
    WAVS_CO_TRY(auto responses, co_await run_component(job));
    current = services_.find(job.service->id);
    if (!current || !current->active()) {
        co_return co_await journal_.set_state(*job.event, types::EventState::Skipped,
                                              "the service was paused or removed during the run");
    }
    WAVS_CO_TRY(auto signed_run, co_await submission_.sign(job, current, std::move(responses)));
    auto stored =
        co_await journal_.finish(*job.event, signed_run.results, std::move(signed_run.batch));
    signed_run.hold.reset();
    WAVS_CO_TRY(std::move(stored));
    for (auto& result : signed_run.results) {
        WAVS_CO_TRY(co_await aggregator_.submit(std::move(result)));
    }
    co_return base::ok();
}

async::Task<base::Result<std::vector<types::WasmResponse>>> Dispatcher::run_component(
    types::EventJob job) {
    auto responses = co_await engine_.run(job);
    if (responses.has_value() || !worth_a_second_run(responses.error())) {
        co_return std::move(responses);
    }
    telemetry::log_failure(telemetry::Level::Warn, "dispatcher", "run failed, once more",
                           responses.error(),
                           {{"event", types::to_string(job.event->default_event_id)}});
    co_return co_await engine_.run(job);
}

async::Task<void> Dispatcher::fail(const types::EventJob& job, const base::Error& error) {
    failed_.add();
    remember(job, error.full_text());
    telemetry::log_failure(telemetry::Level::Error, "dispatcher", "event failed", error,
                           {{"service", types::to_string(job.service->id)},
                            {"workflow", job.event->action.config.workflow_id.str()},
                            {"event", types::to_string(job.event->default_event_id)},
                            {"trace", types::to_string(job.event->trace_id)}});
    auto record = *job.event;
    ++record.attempts;
    auto stored = co_await journal_.set_state(std::move(record), types::EventState::Failed,
                                              error.full_text());
    if (!stored.has_value()) {
        telemetry::log_failure(
            telemetry::Level::Error, "dispatcher",
            "the failure of an event is not stored, it will run again after a restart",
            stored.error(), {{"event", types::to_string(job.event->default_event_id)}});
    }
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
