// SPDX-License-Identifier: Apache-2.0
#include "open_queue.hpp"

#include "aggregator_parts.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::aggregator {

const Aggregator::Member& Aggregator::OpenQueue::speaker() const {
    const auto own = std::find_if(members.begin(), members.end(),
                                  [](const auto& one) { return one.work->own != nullptr; });
    return own == members.end() ? members.back() : *own;
}

void Aggregator::join(WorkPtr work, types::SubmitAction action) {
    const auto target = types::target_of(action);
    auto key = types::queue_key(work->event(), target);
    OpenQueuePtr queue;
    bool is_new = false;
    {
        const std::lock_guard lock(mutex_);
        auto& slot = open_[key];
        is_new = !slot;
        if (is_new) {
            slot = std::make_shared<OpenQueue>(key, work->event(), target);
        }
        queue = slot;
        const std::lock_guard queue_lock(queue->mutex);
        queue->incoming.push_back({std::move(work), std::move(action)});
        if (queue->wake) {
            queue->wake->set(true);
        }
    }
    if (is_new) {
        tasks_.spawn_on(async::make_strand(executor_), "queue", drive(std::move(queue)));
    }
}

async::Task<void> Aggregator::drive(OpenQueuePtr queue) {
    auto delay = options_.first_retry;
    while (true) {
        queue->look_again.reset();
        auto step = co_await look_at(*queue);
        if (step.has_value() && step.value() == Step::Done) {
            if (close(*queue)) {
                co_return;
            }
            delay = options_.first_retry;
            continue;
        }
        if (!step.has_value()) {
            if (step.error().kind() == base::ErrorKind::Cancelled) {
                co_return;
            }
            // Its states are stored, so it goes on where it was.
            telemetry::log_failure(telemetry::Level::Error, "aggregator",
                                   "following a result failed, again later", step.error(),
                                   {{"event", types::to_string(queue->event)}});
        }
        const auto most = queue->look_again.value_or(delay);
        auto woken = co_await wait(*queue, std::min<base::Duration>(most, delay));
        if (!woken.has_value()) {
            co_return;
        }
        if (woken.value()) {
            delay = options_.first_retry;
        } else if (!queue->look_again) {
            delay = std::min(delay * 2, options_.last_retry);
        }
    }
}

// False when somebody has added to it meanwhile.
bool Aggregator::close(OpenQueue& queue) {
    const std::lock_guard lock(mutex_);
    const std::lock_guard queue_lock(queue.mutex);
    if (!queue.incoming.empty()) {
        return false;
    }
    open_.erase(queue.key);
    return true;
}

// True when something was added.
async::Task<base::Result<bool>> Aggregator::wait(OpenQueue& queue, base::Duration most) {
    std::optional<async::OneShot<bool>> wake;
    {
        const std::lock_guard lock(queue.mutex);
        if (!queue.incoming.empty()) {
            co_return true;
        }
        wake.emplace(executor_);
        queue.wake = wake;
    }
    auto woken = co_await async::wait_at_most(deps_.timers, most, std::move(*wake));
    {
        const std::lock_guard lock(queue.mutex);
        queue.wake.reset();
    }
    if (!woken.has_value()) {
        co_return std::move(woken).error();
    }
    co_return woken.value().has_value();
}

async::Task<base::Result<Aggregator::Step>> Aggregator::look_at(OpenQueue& queue) {
    WAVS_CO_TRY(co_await take_in(queue));
    if (queue.stored && types::is_final(queue.record().state)) {
        co_return co_await settled_before(queue);
    }
    if (expired(queue)) {
        WAVS_CO_TRY(co_await settle(
            queue, {types::ResultState::Expired, {}, "no quorum in time: " + queue.told}));
        co_return Step::Done;
    }
    if (!deps_.services(queue.record().service_id)) {
        WAVS_CO_TRY(
            co_await settle(queue, {types::ResultState::Expired, {}, "the service was removed"}));
        co_return Step::Done;
    }
    co_return co_await attempt(queue);
}

// What was added meanwhile is on disk before it counts.
async::Task<base::Result<void>> Aggregator::take_in(OpenQueue& queue) {
    std::vector<Member> incoming;
    {
        const std::lock_guard lock(queue.mutex);
        incoming.swap(queue.incoming);
    }
    queue.members.insert(queue.members.end(), incoming.begin(), incoming.end());
    if (!queue.stored) {
        WAVS_CO_TRY(queue.stored, queues_.load(queue.event, queue.target));
    }
    const bool is_settled = queue.stored && types::is_final(queue.record().state) &&
                            queue.record().state != types::ResultState::Retracted;
    if (incoming.empty() || is_settled) {
        co_return base::ok();
    }
    auto committed = co_await queues_.commit(add(queue, incoming));
    if (!committed.has_value()) {
        // Read again, with what is on disk; the submissions come back in.
        queue.stored.reset();
        std::erase_if(queue.members, [&](const auto& member) {
            return std::any_of(incoming.begin(), incoming.end(),
                               [&](const auto& one) { return one.work == member.work; });
        });
        const std::lock_guard lock(queue.mutex);
        queue.incoming.insert(queue.incoming.begin(), incoming.begin(), incoming.end());
    }
    co_return std::move(committed);
}

storage::Batch Aggregator::add(OpenQueue& queue, const std::vector<Member>& incoming) {
    const auto now = deps_.clock.wall_now();
    if (!queue.stored) {
        queue.stored.emplace();
        queue.record().state = types::ResultState::Retracted;
    }
    auto& record = queue.record();
    if (record.state == types::ResultState::Retracted) {
        // New; or the chain has the event again, and what was collected for it counts.
        const auto& first = *incoming.front().work;
        record.event_id = queue.event;
        record.target = queue.target;
        record.service_id = first.input.service->id;
        record.workflow_id = first.submission->trigger_action.config.workflow_id;
        record.trace_id = first.input.trace_id;
        record.opened_at = now;
        record.state = types::ResultState::Collecting;
        record.reason.clear();
        queue.from_block.reset();
        queue.reached.reset();
        queue.refusals = 0;
    }
    record.updated_at = now;
    storage::Batch batch;
    put(batch, record);
    for (const auto& one : incoming) {
        collect(*queue.stored, batch, {*one.work->submission, one.work->signer, one.work->peer},
                now);
        if (one.work->own) {
            auto result = *one.work->own;
            result.state = record.state;
            result.updated_at = now;
            put(batch, result);
        }
    }
    queue.told.clear();
    queue.in_line.reset();
    if (std::exchange(queue.held, false)) {
        // All operators were held: they take turns from now on.
        queue.reached.reset();
    }
    return batch;
}

async::Task<base::Result<Aggregator::Step>> Aggregator::settled_before(OpenQueue& queue) {
    const auto& record = queue.record();
    storage::Batch batch;
    for (const auto& [work, action] : queue.members) {
        // Of a peer it is the usual thing: it signed when others had posted.
        telemetry::log(
            work->own ? telemetry::Level::Warn : telemetry::Level::Debug, "aggregator",
            "the event was settled before, nothing is posted",
            {{"event", types::to_string(queue.event)}, {"state", types::to_string(record.state)}});
        batch.append(ended_action(*work, action, {record.state, record.tx_hash, "settled before"}));
    }
    queue.members.clear();
    if (!batch.empty()) {
        WAVS_CO_TRY(co_await queues_.commit(std::move(batch)));
    }
    co_return Step::Done;
}

bool Aggregator::expired(const OpenQueue& queue) const {
    return queue.record().state != types::ResultState::Submitting &&
           queue.record().opened_at < earlier(deps_.clock.wall_now(), options_.open_ttl);
}

async::Task<base::Result<void>> Aggregator::settle(OpenQueue& queue, Settled settled) {
    auto& record = queue.record();
    record.state = settled.state;
    record.updated_at = deps_.clock.wall_now();
    record.tx_hash = settled.hash;
    record.reason = settled.reason;
    put(settled.batch, record);
    for (const auto& [work, action] : queue.members) {
        types::EndedAction ended{settled.state, settled.hash, settled.reason};
        if (settled.posted &&
            *settled.posted != types::envelope_digest(work->submission->envelope)) {
            ended.state = types::ResultState::Superseded;
            ended.reason = kOtherResult;
        }
        settled.batch.append(ended_action(*work, action, std::move(ended)));
    }
    auto committed = co_await queues_.commit(std::move(settled.batch));
    if (!committed.has_value()) {
        queue.stored.reset();
        co_return std::move(committed);
    }
    const auto event = types::to_string(queue.event);
    if (settled.state == types::ResultState::Burned && settled.hash) {
        telemetry::log_info("aggregator", "result is on chain",
                            {{"event", event},
                             {"state", types::to_string(settled.state)},
                             {"tx", types::to_string(*settled.hash)}});
        co_await call_back(queue, *settled.hash);
    } else {
        if (settled.state == types::ResultState::Failed ||
            settled.state == types::ResultState::Expired) {
            failed_.add();
        }
        telemetry::log_warn("aggregator", "result given up: " + settled.reason,
                            {{"event", event}, {"state", types::to_string(settled.state)}});
        if (queue.told != settled.reason) {
            co_await call_back(queue, std::move(settled.reason));
        }
    }
    queue.members.clear();
    co_return base::ok();
}

async::Task<void> Aggregator::tell(OpenQueue& queue, std::string text) {
    if (queue.told == text) {
        co_return;
    }
    telemetry::log_warn("aggregator", "not posted yet: " + text,
                        {{"event", types::to_string(queue.event)}});
    queue.told = text;
    queue.told_code.reset();
    co_await call_back(queue, std::move(text));
}

async::Task<void> Aggregator::tell(OpenQueue& queue, const base::Error& error) {
    // How much of a budget is used changes with every other result.
    const bool numbers_change = error.code() == base::ErrorCode("tx_over_budget");
    if (queue.told == error.message() || (numbers_change && queue.told_code == error.code())) {
        co_return;
    }
    telemetry::log_failure(telemetry::Level::Warn, "aggregator", "posting failed, again later",
                           error, {{"event", types::to_string(queue.event)}});
    queue.told = error.message();
    queue.told_code = error.code();
    co_await call_back(queue, error.message());
}

async::Task<void> Aggregator::call_back(const OpenQueue& queue, SubmitResult result) {
    auto called =
        co_await deps_.components.submit_callback(queue.speaker().work->input, std::move(result));
    if (!called.has_value() && called.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Warn, "aggregator", "submit callback failed",
                               called.error(), {{"event", types::to_string(queue.event)}});
    }
}

}  // namespace wavs::aggregator
