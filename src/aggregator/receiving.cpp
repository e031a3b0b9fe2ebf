// SPDX-License-Identifier: Apache-2.0
// What peers send: each submission is looked at, and taken, put aside or refused.
#include "aggregator_parts.hpp"
#include "wavs/aggregator/exchange.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::aggregator {

async::Task<base::Result<void>> Exchange::run_events() {
    while (true) {
        WAVS_CO_TRY(auto event, co_await deps_.network.next());
        auto* message = std::get_if<p2p::Message>(&event);
        if (message == nullptr) {
            handle(std::move(event));
            continue;
        }
        // Peers wait rather than being turned away.
        WAVS_CO_TRY(auto place, co_await at_once_.acquire());
        tasks_.spawn_on(async::make_strand(executor_), "submission",
                        look_at(std::move(*message), std::move(place)));
    }
}

void Exchange::handle(p2p::Event event) {
    if (const auto* request = std::get_if<p2p::CatchupRequest>(&event)) {
        const auto answer = submissions_.catchup_answer(request->service);
        // Nobody is left to be told when the peer has gone meanwhile.
        (void)deps_.network.answer_catchup(request->token, base::as_bytes(answer));
    } else if (auto* answer = std::get_if<p2p::CatchupAnswer>(&event)) {
        read_answer(std::move(*answer));
    } else if (const auto* failed = std::get_if<p2p::PublishFailed>(&event)) {
        on_publish_failed(*failed);
    } else if (const auto* peer = std::get_if<p2p::PeerConnected>(&event)) {
        telemetry::log_info("aggregator", "peer connected", {{"peer", peer->peer}});
    } else if (const auto* gone = std::get_if<p2p::PeerDisconnected>(&event)) {
        telemetry::log_info("aggregator", "peer disconnected", {{"peer", gone->peer}});
    } else if (const auto* listening = std::get_if<p2p::Listening>(&event)) {
        telemetry::log_info("aggregator", "listening for peers", {{"address", listening->address}});
    }
}

async::Task<void> Exchange::look_at(p2p::Message message, async::Semaphore::Permit /*place*/) {
    auto admission =
        admit(base::as_text(message.data), message.service, revisions(message.service));
    auto verdict = p2p::Verdict::Ignore;
    if (const auto* refusal = std::get_if<Refusal>(&admission)) {
        verdict = refusal->verdict;
        count(refusal->reason);
        telemetry::log_debug("aggregator", "a peer's submission is refused: " + refusal->text,
                             {{"peer", message.delivered_by},
                              {"source", message.source},
                              {"reason", refusal->reason}});
    } else {
        auto outcome =
            co_await consider(std::get<Admitted>(std::move(admission)), message.delivered_by);
        if (outcome.has_value() &&
            (outcome.value() == Outcome::Taken || outcome.value() == Outcome::Equivocates)) {
            verdict = p2p::Verdict::Accept;
        }
    }
    // Too late is counted by the network.
    (void)deps_.network.judge(message.token, verdict);
}

// Here and now, while others wait with the network: what 10 MiB of JSON become in memory is there
// once.
void Exchange::read_answer(p2p::CatchupAnswer answer) {
    auto content = read_catchup_answer(base::as_text(answer.data));
    if (!content.has_value()) {
        count("malformed");
        telemetry::log_failure(telemetry::Level::Warn, "aggregator",
                               "a peer's answer cannot be read", content.error(),
                               {{"peer", answer.peer}, {"bytes", answer.data.size()}});
        return;
    }
    for (std::size_t i = 0; i < content.value().malformed; ++i) {
        count("malformed");
    }
    tasks_.spawn_on(async::make_strand(executor_), "catch-up",
                    look_at_all("catchup:" + answer.peer, answer.service,
                                std::move(content.value().submissions)));
}

async::Task<void> Exchange::look_at_all(std::string peer, types::ServiceId service,
                                        std::vector<types::Submission> submissions) {
    const auto about = revisions(service);
    for (auto& submission : submissions) {
        auto admission = admit(std::move(submission), service, about);
        if (const auto* refusal = std::get_if<Refusal>(&admission)) {
            count(refusal->reason);
            continue;
        }
        auto done = co_await consider(std::get<Admitted>(std::move(admission)), peer);
        if (!done.has_value() && done.error().kind() == base::ErrorKind::Cancelled) {
            co_return;
        }
    }
}

bool Exchange::claim(const base::Bytes& key) {
    const std::lock_guard lock(mutex_);
    return claimed_.insert(key).second;
}

async::Task<base::Result<Exchange::Outcome>> Exchange::consider(Admitted admitted,
                                                                std::string peer) {
    types::SubmissionRecord record{std::move(admitted.submission), admitted.signer,
                                   types::ResultState::Signed, deps_.clock.wall_now(),
                                   std::move(peer)};
    const auto key = key_of(record);
    // Gossip and catch-up bring the same one at the same moment.
    if (!claim(key)) {
        count("known");
        co_return Outcome::Known;
    }
    auto outcome = co_await consider_new(std::move(record));
    {
        const std::lock_guard lock(mutex_);
        claimed_.erase(key);
    }
    if (!outcome.has_value() && outcome.error().kind() != base::ErrorKind::Cancelled) {
        count("failed");
        telemetry::log_failure(telemetry::Level::Warn, "aggregator",
                               "a peer's submission could not be looked at", outcome.error());
    }
    co_return std::move(outcome);
}

async::Task<base::Result<Exchange::Outcome>> Exchange::consider_new(
    types::SubmissionRecord record) {
    const auto key = key_of(record);
    const auto time = time_of(record.submission->trigger_action.data);
    if (time && *time < earlier(record.received_at, options_.oldest)) {
        count("too_old");
        co_return Outcome::Known;
    }
    WAVS_CO_TRY(const auto known, submissions_.find(key));
    if (known) {
        count("known");
        co_return Outcome::Known;
    }
    const auto about = revisions(record.submission->trigger_action.config.service_id);
    if (!about.current) {
        co_return Outcome::Known;
    }
    auto counts = co_await deps_.registry.counts(*about.current, record.signer);
    if (!counts.has_value() && counts.error().kind() == base::ErrorKind::Cancelled) {
        co_return std::move(counts).error();
    }
    if (!counts.has_value() || counts.value() == types::SignerCounts::No) {
        co_return co_await put_aside(std::move(record));
    }
    co_return co_await take(std::move(record));
}

async::Task<base::Result<Exchange::Outcome>> Exchange::take(types::SubmissionRecord record) {
    const auto service = record.submission->trigger_action.config.service_id;
    const auto event = record.submission->event_id;
    WAVS_CO_TRY(auto all, submissions_.of_event(service, event));
    const auto digest = types::envelope_digest(record.submission->envelope);
    const auto said_before = std::count_if(all.begin(), all.end(), [&](const auto& other) {
        return other.signer == record.signer && other.state != types::ResultState::Waiting &&
               !(other.submission && types::envelope_digest(other.submission->envelope) == digest);
    });
    if (said_before > 1) {
        count("equivocation");
        co_return Outcome::Known;
    }
    if (said_before == 1) {
        // Kept as evidence; it does not count.
        record.state = types::ResultState::Superseded;
        WAVS_CO_TRY(co_await deps_.store.commit(submissions_.add(record)));
        count("equivocation");
        all.push_back(std::move(record));
        compare(service, event, all);
        co_return Outcome::Equivocates;
    }
    WAVS_CO_TRY(co_await deps_.store.commit(submissions_.add(record)));
    signers_.saw(service, event, record.signer, record.received_at);
    all.push_back(record);
    compare(service, event, all);
    if (!sink_(record)) {
        count("no_room");
        WAVS_CO_TRY(co_await deps_.store.commit(submissions_.erase(record)));
        co_return Outcome::NoRoom;
    }
    count("accepted");
    co_return Outcome::Taken;
}

// Its registration may be in one of the next blocks, or the chain does not answer now.
async::Task<base::Result<Exchange::Outcome>> Exchange::put_aside(types::SubmissionRecord record) {
    record.state = types::ResultState::Waiting;
    const auto key = key_of(record);
    {
        const std::lock_guard lock(mutex_);
        auto& room = waiting_[record.submission->trigger_action.config.service_id];
        if (room.size() >= options_.most_waiting) {
            count("waiting_room_full");
            co_return Outcome::NoRoom;
        }
        room.try_emplace(key, record);
    }
    count("unregistered");
    WAVS_CO_TRY(co_await deps_.store.commit(submissions_.add(record)));
    co_return Outcome::Waits;
}

}  // namespace wavs::aggregator
