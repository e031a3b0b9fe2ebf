// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/exchange.hpp"

#include "aggregator_parts.hpp"
#include "wavs/aggregator/divergence.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::aggregator {
namespace {

// What other nodes can still gossip, by experience: a result of this size is published, but larger
// ones come near the limit of a frame.
constexpr std::size_t kLargePayload = 16'000;

std::string_view to_text(p2p::PublishReason reason) {
    switch (reason) {
        case p2p::PublishReason::TooLarge:
            return "it is too large for a frame";
        case p2p::PublishReason::Expired:
            return "no peer took it in time";
        case p2p::PublishReason::Dropped:
            break;
    }
    return "too many others wait";
}

}  // namespace

Exchange::Exchange(ExchangeDeps deps, ExchangeOptions options, async::Executor executor)
    : deps_(deps),
      options_(options),
      executor_(std::move(executor)),
      submissions_(deps_.store, deps_.clock, options_.submissions),
      tasks_(async::make_strand(executor_), "exchange",
             [](std::string_view task, std::string_view what) {
                 telemetry::log_error("aggregator", "a task threw",
                                      {{"task", task}, {"what", what}});
             }),
      at_once_(options_.most_at_once) {}

base::Result<void> Exchange::open(Sink sink) {
    sink_ = std::move(sink);
    WAVS_TRY(auto stored, submissions_.load());
    for (auto& [key, record] : stored) {
        if (!record.submission) {
            continue;
        }
        if (record.state == types::ResultState::Waiting) {
            const std::lock_guard lock(mutex_);
            waiting_[record.submission->trigger_action.config.service_id].try_emplace(key, record);
        } else {
            sink_(std::move(record));
        }
    }
    return base::ok();
}

void Exchange::watch(types::RegisteredServicePtr service) {
    {
        const std::lock_guard lock(mutex_);
        auto& known = services_[service->id];
        if (known.current && known.current->digest != service->digest) {
            known.previous = known.current;
        }
        known.current = service;
    }
    const auto joined = service->active() ? deps_.network.subscribe(service->id)
                                          : deps_.network.unsubscribe(service->id);
    if (!joined.has_value() && joined.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "the peers of a service cannot be joined", joined.error(),
                               {{"service", types::to_string(service->id)}});
    }
    tasks_.spawn("weight of our signer", check_own_weight(std::move(service)));
}

storage::Batch Exchange::forget(const types::ServiceId& service) {
    {
        const std::lock_guard lock(mutex_);
        services_.erase(service);
        waiting_.erase(service);
        warnings_.erase(service);
    }
    signers_.forget(service);
    // Stopped already: there is nothing to leave.
    (void)deps_.network.unsubscribe(service);
    return submissions_.forget(service);
}

Revisions Exchange::revisions(const types::ServiceId& service) const {
    const std::lock_guard lock(mutex_);
    const auto found = services_.find(service);
    return found == services_.end() ? Revisions() : found->second;
}

void Exchange::count(std::string_view outcome) {
    deps_.metrics
        .counter("wavs_peer_submissions_total", "Submissions of peers, by what became of them",
                 {{"outcome", std::string(outcome)}})
        .add();
}

void Exchange::publish(const types::ResultRecord& result) {
    types::SubmissionRecord record{result.submission, result.signer, types::ResultState::Signed,
                                   deps_.clock.wall_now(), std::string(kSelf)};
    const auto service = result.submission.trigger_action.config.service_id;
    if (auto before = submissions_.find(key_of(record)); before.has_value() && before.value()) {
        record.received_at = before.value()->received_at;
    }
    // The result itself is on disk; this is read again for peers only.
    auto stored = deps_.store.write_unsynced(submissions_.add(record));
    if (!stored.has_value()) {
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "peers that miss a result cannot be told of it", stored.error(),
                               {{"event", types::to_string(result.submission.event_id)}});
    }
    signers_.saw(service, result.submission.event_id, result.signer, record.received_at);
    if (auto all = submissions_.of_event(service, result.submission.event_id); all.has_value()) {
        compare(service, result.submission.event_id, all.value());
    }
    const auto json = types::to_json(result.submission);
    if (result.submission.envelope.payload.size() > kLargePayload) {
        deps_.metrics
            .counter("wavs_large_results_total", "Results near or above what peers can gossip")
            .add();
        telemetry::log_warn("aggregator", "a payload is near or above what peers can gossip, 16 kB",
                            {{"event", types::to_string(result.submission.event_id)},
                             {"service", types::to_string(service)},
                             {"bytes", result.submission.envelope.payload.size()}});
    }
    const auto published = deps_.network.publish(service, base::as_bytes(json));
    if (!published.has_value() && published.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_failure(telemetry::Level::Warn, "aggregator",
                               "a result was not published, peers get it when they ask",
                               published.error(),
                               {{"event", types::to_string(result.submission.event_id)}});
    }
}

void Exchange::on_publish_failed(const p2p::PublishFailed& failed) {
    telemetry::log_warn("aggregator",
                        "a result was not published, peers get it when they ask: " +
                            std::string(to_text(failed.reason)),
                        {{"service", types::to_string(failed.service)}, {"bytes", failed.size}});
}

base::Result<std::shared_ptr<const types::Submission>> Exchange::to_run_on(
    std::shared_ptr<const types::Submission> peers) {
    if (!peers->operator_response.event_id_salt) {
        return peers;
    }
    WAVS_TRY(auto all,
             submissions_.of_event(peers->trigger_action.config.service_id, peers->event_id));
    for (auto& one : all) {
        if (one.peer == kSelf && one.submission &&
            !(one.submission->trigger_action == peers->trigger_action)) {
            count("other_trigger_action");
            return std::make_shared<const types::Submission>(std::move(*one.submission));
        }
    }
    return peers;
}

storage::Batch Exchange::ended(const types::Submission& submission, const types::EvmAddress& signer,
                               types::ResultState state) {
    const auto key =
        types::submission_key(submission.trigger_action.config.service_id, submission.event_id,
                              signer, types::envelope_digest(submission.envelope));
    auto record = submissions_.find(key);
    if (!record.has_value() || !record.value() || !record.value()->submission) {
        return {};
    }
    return submissions_.set_state(std::move(*record.value()), state);
}

async::Task<base::Result<void>> Exchange::recheck_waiting() {
    std::vector<types::SubmissionRecord> all;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [service, room] : waiting_) {
            for (const auto& [key, one] : room) {
                all.push_back(one);
            }
        }
    }
    const auto oldest = earlier(deps_.clock.wall_now(), options_.waiting_ttl);
    for (auto& one : all) {
        const auto service = one.submission->trigger_action.config.service_id;
        const auto key = key_of(one);
        const auto about = revisions(service);
        const bool over = one.received_at < oldest || !about.current;
        auto counts = base::Result<types::SignerCounts>(types::SignerCounts::No);
        if (!over) {
            counts = co_await deps_.registry.counts(*about.current, one.signer);
        }
        if (!over && (!counts.has_value() || counts.value() == types::SignerCounts::No)) {
            continue;
        }
        {
            const std::lock_guard lock(mutex_);
            waiting_[service].erase(key);
        }
        if (over) {
            count("waited_too_long");
            WAVS_CO_TRY(co_await deps_.store.commit(submissions_.erase(one)));
            continue;
        }
        one.state = types::ResultState::Signed;
        WAVS_CO_TRY(co_await take(std::move(one)));
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Exchange::run_rounds() {
    auto asked = deps_.clock.steady_now();
    while (true) {
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(options_.recheck));
        WAVS_CO_TRY(co_await recheck_waiting());
        if (deps_.clock.steady_now() - asked < options_.ask_again) {
            continue;
        }
        asked = deps_.clock.steady_now();
        std::vector<types::RegisteredServicePtr> services;
        {
            const std::lock_guard lock(mutex_);
            for (const auto& [id, known] : services_) {
                services.push_back(known.current);
            }
        }
        for (auto& service : services) {
            if (service->active()) {
                (void)deps_.network.request_catchup(service->id);
                co_await check_own_weight(service);
            }
        }
    }
}

// A node that signs for nothing looks healthy in every other respect.
async::Task<void> Exchange::check_own_weight(types::RegisteredServicePtr service) {
    if (!service->active()) {
        co_return;
    }
    const auto counts = co_await deps_.registry.counts(*service, service->signer);
    if (!counts.has_value()) {
        co_return;
    }
    const std::lock_guard lock(mutex_);
    if (counts.value() != types::SignerCounts::No) {
        warnings_.erase(service->id);
        co_return;
    }
    auto text = fmt::format(
        "signer {} of service {} ({}) has no weight at its service manager {}: its signatures do "
        "not count until it is registered there",
        types::to_checksum_string(service->signer), types::to_string(service->id),
        service->service.name, types::address_text(service->service.manager));
    const auto chain = types::chain_of(service->service.manager);
    if (warnings_.insert_or_assign(service->id, std::pair(chain, text)).second) {
        telemetry::log_warn("aggregator", text);
    }
}

void Exchange::compare(const types::ServiceId& service, const types::EventId& event,
                       const std::vector<types::SubmissionRecord>& all) {
    const auto results = results_of(all);
    if (results.size() < 2 || !submissions_.note_divergence(service, event)) {
        return;
    }
    deps_.metrics
        .counter("wavs_divergent_events_total", "Events whose signers do not agree",
                 {{"service", types::to_string(service)}})
        .add();
    telemetry::log_error(
        "aggregator", "operators signed different results: " + divergence_text(results),
        {{"event", types::to_string(event)}, {"service", types::to_string(service)}});
}

std::vector<std::pair<types::ChainKey, std::string>> Exchange::warnings() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<types::ChainKey, std::string>> out;
    for (const auto& [service, warning] : warnings_) {
        out.push_back(warning);
    }
    return out;
}

async::Task<std::vector<std::string>> Exchange::stop(base::Duration deadline) {
    co_return co_await tasks_.stop(deps_.timers, deadline);
}

}  // namespace wavs::aggregator
