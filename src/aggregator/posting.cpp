// SPDX-License-Identifier: Apache-2.0
#include "aggregator_parts.hpp"
#include "open_queue.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::aggregator {
namespace {

constexpr unsigned kMaxRefusals = 3;
// A peer's clock, and the chain's, may be ahead of ours.
constexpr std::chrono::seconds kClockMargin{60};
// How long before its first signature an event without a time of its own may have been settled.
constexpr std::chrono::seconds kUntimedAge{300};

// Bounds the gas limit of a result whose manifest names one (the older form of manifests).
std::optional<std::uint64_t> max_gas_of(const Input& input, const types::SubmitAction& target) {
    const auto* workflow =
        input.service->service.find(input.submission->trigger_action.config.workflow_id);
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
                       input.submission->trigger_action.config.workflow_id.str());
}

// The block of the event itself, when it is one of the chain that is posted to.
std::optional<std::uint64_t> block_of(const types::TriggerData& data,
                                      const types::ChainKey& chain) {
    if (const auto* log = std::get_if<types::EvmEventData>(&data); log && log->chain == chain) {
        return log->block_number;
    }
    const auto* block = std::get_if<types::BlockIntervalData>(&data);
    if (block != nullptr && block->chain == chain) {
        return block->block_height;
    }
    return std::nullopt;
}

// Nothing of the event can be on chain before.
types::Timestamp not_before(const types::TriggerData& data, types::Timestamp opened_at) {
    const auto time = time_of(data);
    return time ? earlier(*time, kClockMargin) : earlier(opened_at, kUntimedAge + kClockMargin);
}

}  // namespace

async::Task<base::Result<Aggregator::Step>> Aggregator::attempt(OpenQueue& queue) {
    if (queue.record().state == types::ResultState::Submitting) {
        // A transaction is on its way, from before a restart or an earlier attempt.
        auto target = co_await deps_.targets(queue.speaker().action);
        if (!target.has_value()) {
            co_await tell(queue, target.error().message());
            co_return Step::Again;
        }
        auto known = co_await target.value()->resume(queue.key, on_signed(queue));
        if (!known.has_value()) {
            co_return co_await take_outcome(queue, std::move(known).error());
        }
        if (known.value()) {
            co_return co_await take_outcome(queue, std::move(*known.value()));
        }
        queue.record().state = types::ResultState::Collecting;
    }
    co_return co_await attempt_anew(queue);
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

// True when our event was retracted: then the queue is settled.
async::Task<base::Result<bool>> Aggregator::retracted(OpenQueue& queue) {
    bool gone = false;
    for (const auto& [work, action] : queue.members) {
        if (!work->own) {
            continue;
        }
        WAVS_CO_TRY(gone, queues_.is_retracted(*work->own));
        if (!gone) {
            co_return false;
        }
    }
    if (gone) {
        WAVS_CO_TRY(co_await settle(
            queue, {types::ResultState::Retracted, std::nullopt, std::string(kRetracted)}));
    }
    co_return gone;
}

async::Task<base::Result<Aggregator::Step>> Aggregator::attempt_anew(OpenQueue& queue) {
    WAVS_CO_TRY(const bool gone, co_await retracted(queue));
    if (gone) {
        co_return Step::Done;
    }
    auto target = co_await deps_.targets(queue.speaker().action);
    if (!target.has_value()) {
        co_await tell(queue, target.error().message());
        co_return Step::Again;
    }
    if (queue.held) {
        WAVS_CO_TRY(const auto elsewhere, co_await look_elsewhere(queue, *target.value()));
        co_return elsewhere.posted ? Step::Done : Step::Again;
    }
    // While others have their turn the chain need not be asked again.
    auto chosen = std::exchange(queue.in_line, std::nullopt);
    const bool has_waited = chosen.has_value();
    if (!chosen) {
        WAVS_CO_TRY(auto choice, co_await choose(queue, *target.value()));
        if (!choice.chosen) {
            co_return co_await none_chosen(queue, *target.value(), choice);
        }
        chosen = std::move(choice.chosen);
    }
    WAVS_CO_TRY(const bool ours, co_await is_our_turn(queue, *target.value(), *chosen));
    WAVS_CO_TRY(const auto elsewhere, co_await look_elsewhere(queue, *target.value()));
    if (elsewhere.posted) {
        co_return Step::Done;
    }
    if (!ours || elsewhere.unknown) {
        // Not knowing is no leave to post: it could be the second transaction.
        if (ours) {
            co_await tell(queue, *elsewhere.unknown);
        }
        queue.in_line = std::move(chosen);
        co_return Step::Again;
    }
    if (has_waited) {
        // Its reference block is old.
        WAVS_CO_TRY(auto choice, co_await choose(queue, *target.value()));
        if (!choice.chosen) {
            co_return co_await none_chosen(queue, *target.value(), choice);
        }
        chosen = std::move(choice.chosen);
    }
    WAVS_CO_TRY(const bool selected, co_await select(queue, *target.value(), *chosen));
    if (!selected) {
        co_return Step::Again;
    }
    co_return co_await send(queue, std::move(target.value()), std::move(*chosen));
}

// Others may have had more luck, and what the manager says may follow from that.
async::Task<base::Result<Aggregator::Step>> Aggregator::none_chosen(OpenQueue& queue,
                                                                    Target& target,
                                                                    const Choice& choice) {
    WAVS_CO_TRY(const auto elsewhere, co_await look_elsewhere(queue, target));
    if (elsewhere.posted) {
        co_return Step::Done;
    }
    if (choice.refused && !elsewhere.unknown) {
        WAVS_CO_TRY(co_await settle(queue, {types::ResultState::Failed, {}, choice.text}));
        co_return Step::Done;
    }
    co_await tell(queue, choice.text);
    co_return Step::Again;
}

// Settles the queue when another operator's transaction is found. Without peers there is none.
async::Task<base::Result<Aggregator::Elsewhere>> Aggregator::look_elsewhere(OpenQueue& queue,
                                                                            Target& target) {
    if (deps_.exchange == nullptr) {
        co_return Elsewhere();
    }
    const auto& data = queue.speaker().work->submission->trigger_action.data;
    if (!queue.from_block) {
        queue.from_block = block_of(data, queue.target.chain);
    }
    if (!queue.from_block) {
        auto block = co_await target.block_at(not_before(data, queue.record().opened_at));
        if (!block.has_value()) {
            co_return unknown_elsewhere(std::move(block).error());
        }
        queue.from_block = block.value();
    }
    auto posted =
        co_await target.find_posted(queue.speaker().action, queue.event, *queue.from_block);
    if (!posted.has_value()) {
        co_return unknown_elsewhere(std::move(posted).error());
    }
    if (!posted.value()) {
        co_return Elsewhere();
    }
    posted_by_others_.add();
    auto& [hash, digest] = *posted.value();
    Settled settled{types::ResultState::Burned, std::move(hash), "posted by another operator"};
    settled.posted = digest;
    WAVS_CO_TRY(co_await settle(queue, std::move(settled)));
    co_return Elsewhere{true, std::nullopt};
}

base::Result<Aggregator::Elsewhere> Aggregator::unknown_elsewhere(base::Error why) {
    if (why.kind() == base::ErrorKind::Cancelled) {
        return why;
    }
    return Elsewhere{false, std::move(why)};
}

// Of all that was signed, what the manager counts: one signature that it does not know makes it
// refuse the others with it.
async::Task<base::Result<std::vector<types::QueueSignature>>> Aggregator::counted(
    types::RegisteredServicePtr service, std::vector<types::QueueSignature> all) {
    if (deps_.exchange == nullptr) {
        co_return std::move(all);
    }
    std::vector<types::QueueSignature> out;
    auto& registry = deps_.exchange->registry();
    for (const auto& one : all) {
        auto counts = co_await registry.counts(*service, one.signer);
        if (counts.has_value() && counts.value() == types::SignerCounts::No &&
            one.signer == service->signer) {
            // Registered a moment ago, perhaps. Without our signature we would think us last to
            // post, and so would each of the others.
            registry.forget(service->service.manager, one.signer);
            counts = co_await registry.counts(*service, one.signer);
        }
        if (!counts.has_value()) {
            if (counts.error().kind() == base::ErrorKind::Cancelled) {
                co_return std::move(counts).error();
            }
            co_return std::move(all);
        }
        if (counts.value() != types::SignerCounts::No) {
            out.push_back(one);
        }
    }
    // When none counts the chain may say why.
    co_return out.empty() ? std::move(all) : std::move(out);
}

async::Task<base::Result<QuorumCheck>> Aggregator::check(
    OpenQueue& queue, Target& target, Queue::Collected collected,
    std::vector<types::QueueSignature>& counted_signatures) {
    const auto& service = queue.service();
    for (int attempts = 0;; ++attempts) {
        WAVS_CO_TRY(counted_signatures, co_await counted(service, collected.signatures));
        CheckRequest question{queue.speaker().action, service, collected.envelope.envelope,
                              counted_signatures};
        WAVS_CO_TRY(auto answer, co_await target.check(std::move(question)));
        count_refusal(answer);
        if (answer.state == QuorumCheck::State::Reached || deps_.exchange == nullptr ||
            attempts > 0 || counted_signatures.size() < 2 ||
            answer.reason != "SignerNotRegistered") {
            co_return answer;
        }
        // One of them left a moment ago.
        for (const auto& one : counted_signatures) {
            deps_.exchange->registry().forget(service->service.manager, one.signer);
        }
    }
}

// The envelope with quorum, those with most signatures first.
async::Task<base::Result<Aggregator::Choice>> Aggregator::choose(OpenQueue& queue, Target& target) {
    std::multimap<std::size_t, Queue::Collected, std::greater<>> all;
    for (const auto& [digest, collected] : queue.stored->envelopes) {
        all.emplace(collected.signatures.size(), collected);
    }
    std::size_t refused = 0;
    std::optional<base::Error> error;
    std::optional<std::string> text;
    for (const auto& [count, one] : all) {
        std::vector<types::QueueSignature> signatures;
        auto answer = co_await check(queue, target, one, signatures);
        if (!answer.has_value()) {
            if (answer.error().kind() == base::ErrorKind::Cancelled) {
                co_return std::move(answer).error();
            }
            refused += is_transient(answer.error()) ? 0 : 1;
            error = std::move(answer).error();
            continue;
        }
        if (answer.value().state == QuorumCheck::State::Reached) {
            Choice out;
            out.chosen = {one.envelope.envelope, std::move(signatures),
                          answer.value().reference_block};
            co_return std::move(out);
        }
        refused += answer.value().state == QuorumCheck::State::Refused ? 1 : 0;
        text = text.value_or(answer.value().text);
    }
    Choice none;
    none.text = text ? *text : (error ? error->message() : std::string());
    none.refused = !all.empty() && refused == all.size();
    co_return std::move(none);
}

async::Task<base::Result<Aggregator::Step>> Aggregator::send(OpenQueue& queue,
                                                             std::shared_ptr<Target> target,
                                                             Chosen chosen) {
    // Once more, for the chain's answer took time: from here on it is posted.
    WAVS_CO_TRY(const bool gone, co_await retracted(queue));
    if (gone) {
        co_return Step::Done;
    }
    const auto& speaker = queue.speaker();
    PostRequest request;
    request.action = speaker.action;
    request.service = queue.service()->id;
    queue.sent = types::envelope_digest(chosen.envelope);
    request.envelope = std::move(chosen.envelope);
    request.signatures = std::move(chosen.signatures);
    request.reference_block = chosen.reference_block;
    request.max_gas = max_gas_of(speaker.work->input, speaker.action);
    request.reference = queue.key;
    request.on_signed = on_signed(queue);
    auto posted = co_await target->post(std::move(request));
    // However it ended: a transaction may be recorded, and the next attempt asks for it first.
    queue.record().state = types::ResultState::Submitting;
    co_return co_await take_outcome(queue, std::move(posted));
}

// The state that is stored together with the record of the transaction.
OnSigned Aggregator::on_signed(const OpenQueue& queue) const {
    std::vector<std::shared_ptr<const types::ResultRecord>> own;
    for (const auto& [work, action] : queue.members) {
        if (work->own) {
            own.push_back(work->own);
        }
    }
    return [record = queue.record(), own = std::move(own),
            &clock = deps_.clock](const types::TxHash& hash) {
        auto next_queue = record;
        next_queue.state = types::ResultState::Submitting;
        next_queue.updated_at = clock.wall_now();
        next_queue.tx_hash = hash;
        storage::Batch batch;
        put(batch, next_queue);
        for (const auto& one : own) {
            auto next_result = *one;
            next_result.state = types::ResultState::Submitting;
            next_result.updated_at = next_queue.updated_at;
            next_result.tx_hash = hash;
            put(batch, next_result);
        }
        return batch;
    };
}

async::Task<base::Result<Aggregator::Step>> Aggregator::take_outcome(OpenQueue& queue,
                                                                     base::Result<Posted> outcome) {
    if (!outcome.has_value()) {
        const auto& error = outcome.error();
        if (error.kind() == base::ErrorKind::Cancelled) {
            co_return error;
        }
        if (error.code() == base::ErrorCode("tx_max_gas")) {
            auto text = over_max_gas(queue.speaker().work->input, error);
            WAVS_CO_TRY(co_await settle(queue, {types::ResultState::Failed, {}, std::move(text)}));
            co_return Step::Done;
        }
        if (error.code() == base::ErrorCode("tx_reverted")) {
            co_return co_await refused_by_handler(queue, error.message());
        }
        co_await tell(queue, error);
        co_return Step::Again;
    }
    auto& posted = outcome.value();
    if (posted.state == Posted::State::HandlerRefused) {
        co_return co_await refused_by_handler(queue, std::move(posted.text));
    }
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::AfterReceipt);
    posted_.add();
    bool gone = false;
    for (const auto& [work, action] : queue.members) {
        if (work->own && !gone) {
            WAVS_CO_TRY(gone, queues_.is_retracted(*work->own));
        }
    }
    if (gone) {
        telemetry::log_warn("aggregator",
                            "a result is on chain although its event was retracted: its "
                            "transaction was on its way",
                            {{"event", types::to_string(queue.event)}});
    }
    Settled settled{types::ResultState::Burned, posted.tx_hash,
                    std::string(gone ? kRetracted : "")};
    settled.posted = queue.sent;
    settled.batch = std::move(posted.settled);
    WAVS_CO_TRY(co_await settle(queue, std::move(settled)));
    co_return Step::Done;
}

// Before it was sent or in a block, where each refusal is paid for. Another operator may have been
// there first.
async::Task<base::Result<Aggregator::Step>> Aggregator::refused_by_handler(OpenQueue& queue,
                                                                           std::string text) {
    if (deps_.exchange != nullptr) {
        auto target = co_await deps_.targets(queue.speaker().action);
        if (target.has_value()) {
            WAVS_CO_TRY(const auto elsewhere, co_await look_elsewhere(queue, *target.value()));
            if (elsewhere.posted) {
                co_return Step::Done;
            }
            if (elsewhere.unknown) {
                co_await tell(queue, *elsewhere.unknown);
                co_return Step::Again;
            }
        }
    }
    co_await tell(queue, text);
    if (++queue.refusals < kMaxRefusals) {
        co_return Step::Again;
    }
    WAVS_CO_TRY(co_await settle(queue, {types::ResultState::Superseded, {}, std::move(text)}));
    co_return Step::Done;
}

}  // namespace wavs::aggregator
