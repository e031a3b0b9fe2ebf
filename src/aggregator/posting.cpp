// SPDX-License-Identifier: Apache-2.0
#include "aggregator_parts.hpp"
#include "wavs/aggregator/aggregator.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

constexpr unsigned kMaxRefusals = 3;

const types::EventId& event_of(const Input& input) { return input.result->submission.event_id; }

// Bounds the gas limit of a result whose manifest names one (the older form of manifests).
std::optional<std::uint64_t> max_gas_of(const Input& input, const types::SubmitAction& target) {
    const auto* workflow =
        input.service->service.find(input.result->submission.trigger_action.config.workflow_id);
    const auto* aggregator = workflow == nullptr ? nullptr : workflow->aggregator();
    const auto* evm = std::get_if<types::EvmSubmitAction>(&target);
    if (aggregator == nullptr || evm == nullptr ||
        !types::is_embedded_aggregator(aggregator->component)) {
        return std::nullopt;
    }
    const auto destinations = types::destinations_of(aggregator->component);
    if (!destinations.has_value()) {
        return std::nullopt;
    }
    for (const auto& destination : destinations.value()) {
        if (destination.chain == evm->chain && destination.address == evm->address) {
            return destination.max_gas;
        }
    }
    return std::nullopt;
}

// The manifest sets the bound, so its author must know which one it was.
std::string over_max_gas(const Input& input, const base::Error& error) {
    return fmt::format("{} of service {} ({}), workflow {}", error.message(),
                       types::to_string(input.service->id), input.service->service.name,
                       input.result->submission.trigger_action.config.workflow_id.str());
}

}  // namespace

/// Only one posting works on a queue at a time. The lock is dropped with its last user.
struct Aggregator::QueueLock {
    QueueLock(std::shared_ptr<Locks> of, base::Bytes queue, const async::Executor& executor)
        : locks(std::move(of)), key(std::move(queue)) {
        const std::lock_guard lock(locks->mutex);
        auto& slot = locks->queues[key];
        if (!slot) {
            slot = std::make_shared<async::Mutex>(executor);
        }
        mutex = slot;
    }
    QueueLock(const QueueLock&) = delete;
    QueueLock& operator=(const QueueLock&) = delete;
    ~QueueLock() {
        const std::lock_guard lock(locks->mutex);
        mutex.reset();
        const auto slot = locks->queues.find(key);
        if (slot != locks->queues.end() && slot->second.use_count() == 1) {
            locks->queues.erase(slot);
        }
    }
    std::shared_ptr<Locks> locks;
    base::Bytes key;
    std::shared_ptr<async::Mutex> mutex;
};

async::Task<base::Result<void>> Aggregator::post(WorkPtr work, types::SubmitAction action) {
    const auto& event = event_of(work->input);
    const auto target = types::target_of(action);
    const QueueLock place(locks_, types::queue_key(event, target), executor_);
    WAVS_CO_TRY(const auto guard, co_await place.mutex->lock());
    WAVS_CO_TRY(auto stored, queues_.load(event, target));
    if (stored && stored->record.state == types::ResultState::Retracted) {
        // The chain has the event again: what was collected for it counts.
        stored->record.state = types::ResultState::Collecting;
        stored->record.opened_at = deps_.clock.wall_now();
        stored->record.reason.clear();
    }
    if (stored && types::is_final(stored->record.state)) {
        telemetry::log_warn("aggregator", "the event was settled before, nothing is posted",
                            {{"event", types::to_string(event)},
                             {"state", types::to_string(stored->record.state)}});
        types::EndedAction before{stored->record.state, stored->record.tx_hash, "settled before"};
        co_return co_await end_action(*work, action, std::move(before));
    }
    auto result = *work->input.result;
    result.state = stored ? stored->record.state : types::ResultState::Collecting;
    result.updated_at = deps_.clock.wall_now();
    WAVS_CO_TRY(auto queue, co_await queues_.collect(std::move(stored), result, target,
                                                     work->input.service->id, "self"));
    Posting posting{std::move(work), std::move(action)};
    posting.queue = std::move(queue.record);
    posting.signatures =
        std::move(queue.envelopes[types::envelope_digest(result.submission.envelope)].signatures);
    co_return co_await attempt_until_settled(std::move(posting));
}

bool Aggregator::expired(const Posting& posting) const {
    return posting.queue.opened_at < earlier(deps_.clock.wall_now(), options_.open_ttl);
}

async::Task<base::Result<void>> Aggregator::attempt_until_settled(Posting posting) {
    auto delay = options_.first_retry;
    while (true) {
        WAVS_CO_TRY(const Step step, co_await attempt(posting));
        if (step == Step::Done) {
            co_return base::ok();
        }
        if (expired(posting)) {
            co_return co_await settle(posting, types::ResultState::Expired, std::nullopt,
                                      "no quorum in time: " + posting.told);
        }
        if (!deps_.services(posting.work->input.service->id)) {
            co_return co_await settle(posting, types::ResultState::Expired, std::nullopt,
                                      "the service was removed");
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(delay));
        delay = std::min(delay * 2, options_.last_retry);
    }
}

async::Task<base::Result<Aggregator::Step>> Aggregator::attempt(Posting& posting) {
    if (posting.queue.state == types::ResultState::Submitting) {
        // A transaction is on its way, from before a restart or an earlier attempt.
        auto target = co_await deps_.targets(posting.action);
        if (!target.has_value()) {
            co_await tell(posting, target.error().message());
            co_return Step::Again;
        }
        auto known = co_await target.value()->resume(
            types::queue_key(posting.queue.event_id, posting.queue.target), on_signed(posting));
        if (!known.has_value()) {
            co_return co_await take_outcome(posting, std::move(known).error());
        }
        if (known.value()) {
            co_return co_await take_outcome(posting, std::move(*known.value()));
        }
    }
    co_return co_await attempt_anew(posting);
}

// By the name the contracts give it: what holds up results shows on the metrics page.
void Aggregator::count_refusal(const QuorumCheck& check) const {
    if (check.state != QuorumCheck::State::Reached) {
        deps_.metrics
            .counter("wavs_quorum_refusals_total", "Quorum checks that did not pass, by reason",
                     {{"reason", check.reason.empty() ? "unknown" : check.reason}})
            .add();
    }
}

// True when the event was retracted: then the posting has ended.
async::Task<base::Result<bool>> Aggregator::retracted(Posting& posting) {
    WAVS_CO_TRY(const bool gone, queues_.is_retracted(*posting.work->input.result));
    if (gone) {
        WAVS_CO_TRY(co_await settle(posting, types::ResultState::Retracted, std::nullopt,
                                    std::string(kRetracted)));
    }
    co_return gone;
}

async::Task<base::Result<Aggregator::Step>> Aggregator::attempt_anew(Posting& posting) {
    WAVS_CO_TRY(const bool gone, co_await retracted(posting));
    if (gone) {
        co_return Step::Done;
    }
    auto target = co_await deps_.targets(posting.action);
    if (!target.has_value()) {
        co_await tell(posting, target.error().message());
        co_return Step::Again;
    }
    CheckRequest question{posting.action, posting.work->input.service,
                          posting.work->input.result->submission.envelope, posting.signatures};
    auto check = co_await target.value()->check(std::move(question));
    if (!check.has_value()) {
        if (check.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(check).error();
        }
        if (!is_transient(check.error())) {
            WAVS_CO_TRY(co_await settle(posting, types::ResultState::Failed, std::nullopt,
                                        check.error().message()));
            co_return Step::Done;
        }
        co_await tell(posting, check.error().message());
        co_return Step::Again;
    }
    count_refusal(check.value());
    if (check.value().state == QuorumCheck::State::Refused) {
        WAVS_CO_TRY(
            co_await settle(posting, types::ResultState::Failed, std::nullopt, check.value().text));
        co_return Step::Done;
    }
    if (check.value().state == QuorumCheck::State::Waiting) {
        co_await tell(posting, check.value().text);
        co_return Step::Again;
    }
    co_return co_await send(posting, std::move(target.value()), check.value().reference_block);
}

async::Task<base::Result<Aggregator::Step>> Aggregator::send(Posting& posting,
                                                             std::shared_ptr<Target> target,
                                                             std::uint32_t reference_block) {
    // Once more, for the chain's answer took time: from here on it is posted.
    WAVS_CO_TRY(const bool gone, co_await retracted(posting));
    if (gone) {
        co_return Step::Done;
    }
    PostRequest request;
    request.action = posting.action;
    request.service = posting.work->input.service->id;
    request.envelope = posting.work->input.result->submission.envelope;
    request.signatures = posting.signatures;
    request.reference_block = reference_block;
    request.max_gas = max_gas_of(posting.work->input, posting.action);
    request.reference = types::queue_key(posting.queue.event_id, posting.queue.target);
    request.on_signed = on_signed(posting);
    auto posted = co_await target->post(std::move(request));
    // However it ended: a transaction may be recorded, and the next attempt asks for it first.
    posting.queue.state = types::ResultState::Submitting;
    co_return co_await take_outcome(posting, std::move(posted));
}

// The state that is stored together with the record of the transaction.
OnSigned Aggregator::on_signed(const Posting& posting) const {
    return [queue = posting.queue, result = posting.work->input.result,
            &clock = deps_.clock](const types::TxHash& hash) {
        auto next_queue = queue;
        next_queue.state = types::ResultState::Submitting;
        next_queue.updated_at = clock.wall_now();
        next_queue.tx_hash = hash;
        auto next_result = *result;
        next_result.state = types::ResultState::Submitting;
        next_result.updated_at = next_queue.updated_at;
        next_result.tx_hash = hash;
        storage::Batch batch;
        put(batch, next_queue);
        put(batch, next_result);
        return batch;
    };
}

async::Task<base::Result<Aggregator::Step>> Aggregator::take_outcome(Posting& posting,
                                                                     base::Result<Posted> outcome) {
    if (!outcome.has_value()) {
        const auto& error = outcome.error();
        if (error.kind() == base::ErrorKind::Cancelled) {
            co_return error;
        }
        if (error.code() == base::ErrorCode("tx_max_gas")) {
            auto text = over_max_gas(posting.work->input, error);
            WAVS_CO_TRY(co_await settle(posting, types::ResultState::Failed, std::nullopt,
                                        std::move(text)));
            co_return Step::Done;
        }
        if (error.code() == base::ErrorCode("tx_reverted")) {
            co_return co_await refused_by_handler(posting, error.message());
        }
        co_await tell(posting, error);
        co_return Step::Again;
    }
    auto& posted = outcome.value();
    if (posted.state == Posted::State::HandlerRefused) {
        co_return co_await refused_by_handler(posting, std::move(posted.text));
    }
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterReceipt);
    posted_.add();
    WAVS_CO_TRY(const bool gone, queues_.is_retracted(*posting.work->input.result));
    if (gone) {
        telemetry::log_warn("aggregator",
                            "a result is on chain although its event was retracted: its "
                            "transaction was on its way",
                            {{"event", types::to_string(posting.queue.event_id)}});
    }
    WAVS_CO_TRY(co_await settle(posting, types::ResultState::Burned, posted.tx_hash,
                                std::string(gone ? kRetracted : ""), std::move(posted.settled)));
    co_return Step::Done;
}

// Before it was sent or in a block, where each refusal is paid for.
async::Task<base::Result<Aggregator::Step>> Aggregator::refused_by_handler(Posting& posting,
                                                                           std::string text) {
    co_await tell(posting, text);
    if (++posting.refusals < kMaxRefusals) {
        co_return Step::Again;
    }
    WAVS_CO_TRY(
        co_await settle(posting, types::ResultState::Superseded, std::nullopt, std::move(text)));
    co_return Step::Done;
}

async::Task<base::Result<void>> Aggregator::settle(Posting& posting, types::ResultState state,
                                                   std::optional<types::TxHash> hash,
                                                   std::string reason, storage::Batch batch) {
    posting.queue.state = state;
    posting.queue.updated_at = deps_.clock.wall_now();
    posting.queue.tx_hash = hash;
    posting.queue.reason = reason;
    put(batch, posting.queue);
    types::EndedAction ended{state, hash, reason};
    WAVS_CO_TRY(
        co_await end_action(*posting.work, posting.action, std::move(ended), std::move(batch)));
    const auto event = types::to_string(posting.queue.event_id);
    if (state == types::ResultState::Burned && hash) {
        telemetry::log_info("aggregator", "result is on chain",
                            {{"event", event},
                             {"state", types::to_string(state)},
                             {"tx", types::to_string(*hash)}});
        co_await call_back(posting, *hash);
        co_return base::ok();
    }
    if (state == types::ResultState::Failed || state == types::ResultState::Expired) {
        failed_.add();
    }
    telemetry::log_warn("aggregator", "result given up: " + reason,
                        {{"event", event}, {"state", types::to_string(state)}});
    if (posting.told != reason) {
        co_await call_back(posting, std::move(reason));
    }
    co_return base::ok();
}

async::Task<void> Aggregator::tell(Posting& posting, std::string text) {
    if (posting.told == text) {
        co_return;
    }
    telemetry::log_warn("aggregator", "not posted yet: " + text,
                        {{"event", types::to_string(posting.queue.event_id)}});
    posting.told = text;
    posting.told_code.reset();
    co_await call_back(posting, std::move(text));
}

async::Task<void> Aggregator::tell(Posting& posting, const base::Error& error) {
    // How much of a budget is used changes with every other result.
    const bool numbers_change = error.code() == base::ErrorCode("tx_over_budget");
    if (posting.told == error.message() || (numbers_change && posting.told_code == error.code())) {
        co_return;
    }
    telemetry::log_failure(telemetry::Level::Warn, "aggregator", "posting failed, again later",
                           error, {{"event", types::to_string(posting.queue.event_id)}});
    posting.told = error.message();
    posting.told_code = error.code();
    co_await call_back(posting, error.message());
}

async::Task<void> Aggregator::call_back(const Posting& posting, SubmitResult result) {
    auto called = co_await deps_.components.submit_callback(posting.work->input, std::move(result));
    if (!called.has_value() && called.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Warn, "aggregator", "submit callback failed",
                               called.error(),
                               {{"event", types::to_string(posting.queue.event_id)}});
    }
}

}  // namespace wavs::aggregator
