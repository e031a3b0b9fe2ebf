// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/aggregator.hpp"

#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

constexpr unsigned kMaxRefusals = 3;
constexpr auto kCleanUpEvery = std::chrono::hours(1);

types::Timestamp before(types::Timestamp now, std::chrono::seconds age) {
    const auto nanos = static_cast<std::uint64_t>(age.count()) * 1'000'000'000ULL;
    return {now.nanos > nanos ? now.nanos - nanos : 0};
}

// Later may be better: the chain, the node or the disk is not there now.
bool is_transient(const base::Error& error) {
    return error.kind() == base::ErrorKind::Unavailable ||
           error.kind() == base::ErrorKind::Timeout ||
           error.kind() == base::ErrorKind::Overloaded || error.kind() == base::ErrorKind::Bug;
}

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

}  // namespace

Aggregator::Aggregator(AggregatorDeps deps, AggregatorOptions options, async::Executor executor)
    : deps_(std::move(deps)),
      options_(options),
      executor_(std::move(executor)),
      queues_(deps_.store, deps_.clock),
      posted_(deps_.metrics.counter("wavs_results_posted_total", "Results this node put on chain")),
      failed_(deps_.metrics.counter("wavs_results_failed_total", "Results that were given up")),
      tasks_(async::make_strand(executor_), "aggregator",
             [](std::string_view task, std::string_view what) {
                 telemetry::log_error("aggregator", "a task threw",
                                      {{"task", task}, {"what", what}});
             }),
      waiting_(deps_.metrics.gauge("wavs_results_waiting",
                                   "Stored results that wait for their turn")) {}

void Aggregator::submit(types::ResultRecord result) {
    const auto service = result.submission.trigger_action.config.service_id;
    {
        const std::lock_guard lock(mutex_);
        auto& line = lines_[service];
        if (line.followed >= options_.followed_per_service) {
            line.waiting.push_back({result.event_sequence, result.response_index});
            waiting_.add(1);
            return;
        }
        ++line.followed;
    }
    start(service, std::move(result));
}

void Aggregator::resume(const types::ServiceId& service, std::uint64_t event_sequence,
                        std::uint32_t response_index) {
    {
        const std::lock_guard lock(mutex_);
        auto& line = lines_[service];
        line.waiting.push_back({event_sequence, response_index});
        waiting_.add(1);
        if (line.followed >= options_.followed_per_service) {
            return;
        }
        ++line.followed;
    }
    start(service, std::nullopt);
}

void Aggregator::start(const types::ServiceId& service, std::optional<types::ResultRecord> result) {
    tasks_.spawn_on(async::make_strand(executor_), "results", follow(service, std::move(result)));
}

async::Task<std::vector<std::string>> Aggregator::stop(base::Duration deadline) {
    co_return co_await tasks_.stop(deps_.timers, deadline);
}

// The next result of a service that waits; none when none does, and then the caller's place is free.
std::optional<types::ResultRecord> Aggregator::next(const types::ServiceId& service) {
    while (true) {
        Reference reference{};
        {
            const std::lock_guard lock(mutex_);
            auto& line = lines_[service];
            if (line.waiting.empty()) {
                if (--line.followed == 0) {
                    lines_.erase(service);
                }
                return std::nullopt;
            }
            reference = line.waiting.front();
            line.waiting.pop_front();
            waiting_.add(-1);
        }
        auto result = queues_.result(reference.event_sequence, reference.response_index);
        if (!result.has_value()) {
            telemetry::log_failure(telemetry::Level::Error, "aggregator",
                                   "a result cannot be read, it waits for the next start",
                                   result.error(), {{"sequence", reference.event_sequence}});
        } else if (result.value() && types::is_open(result.value()->state)) {
            return std::move(*result.value());
        }
    }
}

async::Task<void> Aggregator::follow(types::ServiceId service,
                                     std::optional<types::ResultRecord> result) {
    if (!result) {
        result = next(service);
    }
    auto delay = options_.first_retry;
    while (result) {
        auto ended = co_await follow_to_end(*result);
        if (ended.has_value()) {
            delay = options_.first_retry;
            result = next(service);
            continue;
        }
        if (ended.error().kind() == base::ErrorKind::Cancelled) {
            co_return;
        }
        // Its states are stored, so following goes on where it was.
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "following a result failed, again later", ended.error(),
                               {{"event", types::to_string(result->submission.event_id)}});
        if (auto slept = co_await deps_.timers.sleep_for(delay); !slept.has_value()) {
            co_return;
        }
        delay = std::min(delay * 2, options_.last_retry);
    }
}

async::Task<base::Result<void>> Aggregator::follow_to_end(types::ResultRecord result) {
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::Follow);
    const auto& config = result.submission.trigger_action.config;
    const auto service = deps_.services(config.service_id);
    const auto* workflow = service ? service->service.find(config.workflow_id) : nullptr;
    if (workflow == nullptr || workflow->aggregator() == nullptr) {
        co_return co_await end(std::move(result), types::ResultState::Expired,
                               "its service, workflow or aggregator is gone");
    }
    Input input{service, std::make_shared<const types::ResultRecord>(result)};
    auto actions = co_await ask_component(input);
    if (!actions.has_value()) {
        if (actions.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(actions).error();
        }
        failed_.add();
        telemetry::log_failure(telemetry::Level::Error, "aggregator", "aggregator component failed",
                               actions.error(),
                               {{"event", types::to_string(result.submission.event_id)}});
        co_return co_await end(std::move(result), types::ResultState::Failed,
                               actions.error().full_text());
    }
    if (actions.value().empty()) {
        co_return co_await end(std::move(result), types::ResultState::Superseded,
                               "the aggregator component asked for nothing");
    }
    co_return co_await perform(std::move(input), std::move(actions.value()));
}

// Faults of the host are tried again; what the component itself says stands.
async::Task<base::Result<std::vector<types::AggregatorAction>>> Aggregator::ask_component(
    Input input) {
    auto delay = options_.first_retry;
    while (true) {
        auto actions = co_await deps_.components.process_input(input);
        if (actions.has_value() || !is_transient(actions.error())) {
            co_return std::move(actions);
        }
        telemetry::log_failure(telemetry::Level::Warn, "aggregator",
                               "aggregator component not run, again later", actions.error(),
                               {{"event", types::to_string(input.result->submission.event_id)}});
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(delay));
        delay = std::min(delay * 2, options_.last_retry);
    }
}

async::Task<base::Result<void>> Aggregator::perform(Input input,
                                                    std::vector<types::AggregatorAction> actions) {
    for (auto& action : actions) {
        if (auto* submit = std::get_if<types::SubmitAction>(&action)) {
            WAVS_CO_TRY(co_await post(input, std::move(*submit)));
            continue;
        }
        const auto delay = std::get<types::TimerAction>(action).delay_secs;
        constexpr std::uint64_t kLongest = 10ULL * 365 * 24 * 3600;
        WAVS_CO_TRY(
            co_await deps_.timers.sleep_for(std::chrono::seconds(std::min(delay, kLongest))));
        auto more = co_await deps_.components.timer_callback(input);
        if (!more.has_value()) {
            failed_.add();
            co_return co_await end(*input.result, types::ResultState::Failed,
                                   more.error().full_text());
        }
        if (more.value().empty()) {
            co_return co_await end(*input.result, types::ResultState::Superseded,
                                   "the aggregator component asked for nothing after its timer");
        }
        WAVS_CO_TRY(co_await perform(input, std::move(more.value())));
    }
    co_return base::ok();
}

async::Task<base::Result<async::Mutex::Guard>> Aggregator::lock(const base::Bytes& queue) {
    std::shared_ptr<async::Mutex> mutex;
    {
        const std::lock_guard guard(mutex_);
        std::erase_if(locks_, [](const auto& slot) { return slot.second.expired(); });
        auto& slot = locks_[queue];
        mutex = slot.lock();
        if (!mutex) {
            mutex = std::make_shared<async::Mutex>(executor_);
            slot = mutex;
        }
    }
    co_return co_await mutex->lock();
}

async::Task<base::Result<void>> Aggregator::post(Input input, types::SubmitAction action) {
    const auto& event = input.result->submission.event_id;
    const auto target = types::target_of(action);
    const auto key = types::queue_key(event, target);
    WAVS_CO_TRY(auto guard, co_await lock(key));
    WAVS_CO_TRY(auto stored, queues_.load(event, target));
    auto result = *input.result;
    if (stored && types::is_final(stored->record.state)) {
        telemetry::log_warn("aggregator", "the event was settled before, nothing is posted",
                            {{"event", types::to_string(event)},
                             {"state", types::to_string(stored->record.state)}});
        result.tx_hash = stored->record.tx_hash;
        co_return co_await end(std::move(result), stored->record.state, "settled before");
    }
    result.state = types::ResultState::Collecting;
    result.updated_at = deps_.clock.wall_now();
    WAVS_CO_TRY(co_await queues_.collect(result, target, input.service->id, "self"));
    WAVS_CO_TRY(auto queue, queues_.load(event, target));
    Posting posting{input, std::move(result), std::move(action)};
    posting.queue = queue->record;
    posting.signatures = std::move(
        queue->envelopes[types::envelope_digest(input.result->submission.envelope)].signatures);
    co_return co_await attempt_until_settled(std::move(posting));
}

bool Aggregator::expired(const Posting& posting) const {
    return posting.queue.opened_at < before(deps_.clock.wall_now(), options_.open_ttl);
}

async::Task<base::Result<void>> Aggregator::attempt_until_settled(Posting posting) {
    auto delay = options_.first_retry;
    while (true) {
        WAVS_CO_TRY(const Step step, co_await attempt(posting));
        if (step == Step::Done) {
            co_return base::ok();
        }
        if (expired(posting)) {
            failed_.add();
            co_return co_await settle(posting, types::ResultState::Expired, std::nullopt,
                                      "no quorum in time: " + posting.told);
        }
        if (!deps_.services(posting.input.service->id)) {
            co_return co_await settle(posting, types::ResultState::Expired, std::nullopt,
                                      "the service was removed");
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(delay));
        delay = std::min(delay * 2, options_.last_retry);
    }
}

async::Task<base::Result<Aggregator::Step>> Aggregator::attempt(Posting& posting) {
    auto target = co_await deps_.targets(posting.action);
    if (!target.has_value()) {
        co_await tell(posting, target.error().message());
        co_return Step::Again;
    }
    if (posting.queue.tx_hash) {
        // Sent before a restart; it may have been mined meanwhile.
        auto outcome = co_await target.value()->outcome(*posting.queue.tx_hash);
        if (outcome.has_value() && outcome.value().value_or(false)) {
            const auto hash = *posting.queue.tx_hash;
            WAVS_CO_TRY(co_await settle(posting, types::ResultState::Burned, hash, ""));
            co_return Step::Done;
        }
    }
    auto check = co_await target.value()->check(posting.action, posting.result.submission.envelope,
                                                posting.signatures);
    if (!check.has_value()) {
        if (!is_transient(check.error())) {
            WAVS_CO_TRY(co_await settle(posting, types::ResultState::Failed, std::nullopt,
                                        check.error().message()));
            co_return Step::Done;
        }
        co_await tell(posting, check.error().message());
        co_return Step::Again;
    }
    if (check.value().state == QuorumCheck::State::Refused) {
        WAVS_CO_TRY(
            co_await settle(posting, types::ResultState::Failed, std::nullopt, check.value().text));
        co_return Step::Done;
    }
    if (check.value().state == QuorumCheck::State::Waiting) {
        co_await tell(posting, check.value().text);
        co_return Step::Again;
    }
    co_return co_await send(posting, std::move(target.value()));
}

async::Task<base::Result<Aggregator::Step>> Aggregator::send(Posting& posting,
                                                             std::shared_ptr<Target> target) {
    PostRequest request;
    request.action = posting.action;
    request.envelope = posting.result.submission.envelope;
    request.signatures = posting.signatures;
    request.max_gas = max_gas_of(posting.input, posting.action);
    request.before_send = [this, &posting](types::TxHash hash) {
        return settle(posting, types::ResultState::Submitting, std::move(hash), "");
    };
    auto posted = co_await target->post(std::move(request));
    if (!posted.has_value()) {
        const auto& error = posted.error();
        if (error.kind() == base::ErrorKind::Cancelled) {
            co_return error;
        }
        telemetry::log_failure(telemetry::Level::Warn, "aggregator", "posting failed, again later",
                               error, {{"event", types::to_string(posting.queue.event_id)}});
        co_await tell(posting, error.message());
        co_return Step::Again;
    }
    if (posted.value().state == Posted::State::HandlerRefused) {
        co_await tell(posting, posted.value().text);
        if (++posting.refusals < kMaxRefusals) {
            co_return Step::Again;
        }
        WAVS_CO_TRY(co_await settle(posting, types::ResultState::Superseded, std::nullopt,
                                    posted.value().text));
        co_return Step::Done;
    }
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterReceipt);
    posted_.add();
    WAVS_CO_TRY(co_await settle(posting, types::ResultState::Burned, posted.value().tx_hash, ""));
    co_return Step::Done;
}

async::Task<base::Result<void>> Aggregator::settle(Posting& posting, types::ResultState state,
                                                   std::optional<types::TxHash> hash,
                                                   std::string reason) {
    const auto now = deps_.clock.wall_now();
    posting.queue.state = state;
    posting.queue.updated_at = now;
    posting.queue.tx_hash = hash;
    posting.queue.reason = reason;
    posting.result.state = state;
    posting.result.updated_at = now;
    posting.result.tx_hash = hash;
    posting.result.reason = reason;
    WAVS_CO_TRY(co_await queues_.settle(posting.queue, posting.result));
    if (!types::is_final(state)) {
        co_return base::ok();
    }
    const auto text = hash ? types::to_string(*hash) : reason;
    telemetry::log_info(
        "aggregator",
        state == types::ResultState::Burned ? "result is on chain" : "result given up",
        {{"event", types::to_string(posting.queue.event_id)},
         {"state", types::to_string(state)},
         {"tx", text}});
    SubmitResult outcome = reason;
    if (state == types::ResultState::Burned && hash) {
        outcome = *hash;
    } else if (posting.told == reason) {
        co_return base::ok();
    }
    auto called = co_await deps_.components.submit_callback(posting.input, std::move(outcome));
    if (!called.has_value() && called.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Warn, "aggregator", "submit callback failed",
                               called.error(),
                               {{"event", types::to_string(posting.queue.event_id)}});
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
    SubmitResult outcome = std::move(text);
    auto called = co_await deps_.components.submit_callback(posting.input, std::move(outcome));
    if (!called.has_value() && called.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Warn, "aggregator", "submit callback failed",
                               called.error(),
                               {{"event", types::to_string(posting.queue.event_id)}});
    }
}

async::Task<base::Result<void>> Aggregator::end(types::ResultRecord result,
                                                types::ResultState state, std::string reason) {
    result.state = state;
    result.reason = std::move(reason);
    result.updated_at = deps_.clock.wall_now();
    co_return co_await queues_.settle(result);
}

async::Task<base::Result<void>> Aggregator::run_clean_up() {
    while (true) {
        auto erased =
            co_await queues_.clean_up(before(deps_.clock.wall_now(), options_.burned_ttl));
        if (!erased.has_value()) {
            co_return std::move(erased).error();
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(kCleanUpEvery));
    }
}

storage::Batch Aggregator::forget(const types::ServiceId& service) {
    auto batch = queues_.forget(service);
    if (!batch.has_value()) {
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "the queues of a removed service stay until they expire",
                               batch.error());
        return {};
    }
    return std::move(batch.value());
}

}  // namespace wavs::aggregator
