// SPDX-License-Identifier: Apache-2.0
// What the sources saw, on its way into the journal.
#include "job_queue.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/dispatcher/dispatcher.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::dispatcher {
namespace {

// So many batches of the sources share one commit at most.
constexpr std::size_t kBatchesPerCommit = 256;
constexpr auto kDiskPoll = std::chrono::seconds(1);

}  // namespace

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
        if (unaccepted_.front().retraction) {
            WAVS_CO_TRY(co_await retract(unaccepted_.front()));
        } else {
            WAVS_CO_TRY(co_await accept(unaccepted_.front()));
        }
        unaccepted_.pop_front();
    }
}

// What has arrived meanwhile joins the first batch, as long as it is of the same source. What a
// retraction is about comes before it, and what is read again after.
void Dispatcher::gather() {
    auto& batch = unaccepted_.front();
    for (std::size_t i = 1; i < kBatchesPerCommit && batch.changes.empty() &&
                            unaccepted_.size() == 1 && !batch.retraction;
         ++i) {
        auto more = deps_.batches.try_receive();
        if (!more) {
            return;
        }
        if (more->source != batch.source || more->retraction) {
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
    WAVS_CO_TRY(auto records, co_await async::as_task(deps_.journal.accept(
                                  std::move(events), batch.source, batch.positions,
                                  Journal::Repeats::DropKnown)));
    if (!records.empty()) {
        WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterAccept);
    }
    for (auto& record : records) {
        fired(record.action.data).add();
        auto shared = std::make_shared<const types::EventRecord>(std::move(record));
        jobs_->push(std::make_shared<const types::EventJob>(
            types::EventJob{revisions.at(shared->revision), shared}));
    }
    start_runs();
    for (const auto& change : batch.changes) {
        deps_.services.announce(change);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Dispatcher::retract(const types::TriggerBatch& batch) {
    WAVS_CO_TRY(const auto retracted,
                co_await async::as_task(deps_.journal.retract(*batch.retraction, batch.positions)));
    for (const auto& [event, stage] : retracted) {
        deps_.metrics
            .counter("wavs_events_retracted_total", "Events whose block was replaced",
                     {{"state", std::string(to_string(stage))}})
            .add();
        const bool stands =
            stage == Journal::RetractedStage::Posted || stage == Journal::RetractedStage::Ended;
        telemetry::log_warn(
            "dispatcher",
            stands ? "an event lost its block after it was settled" : "an event is retracted",
            {{"service", types::to_string(event.action.config.service_id)},
             {"workflow", event.action.config.workflow_id.str()},
             {"event", types::to_string(event.default_event_id)},
             {"state", to_string(stage)},
             {"reason", event.reason},
             {"remedy", stands ? "look whether its result still holds; with `confirmations` the "
                                 "chain's events are taken later and not in vain"
                               : "none needed: what the chain has now is read again"}});
    }
    co_return base::ok();
}

}  // namespace wavs::dispatcher
