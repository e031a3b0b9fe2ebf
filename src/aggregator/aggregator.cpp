// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/aggregator.hpp"

#include "aggregator_parts.hpp"
#include "open_queue.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

constexpr auto kCleanUpEvery = std::chrono::hours(1);

base::Bytes key_of(const types::ResultRecord& result) {
    return types::result_key(result.event_sequence, result.response_index);
}

}  // namespace

// A peer may write any number there.
std::optional<types::Timestamp> time_of(const types::TriggerData& data) {
    constexpr std::uint64_t kNanos = 1'000'000'000;
    if (const auto* tick = std::get_if<types::CronData>(&data)) {
        return tick->trigger_time;
    }
    const auto* log = std::get_if<types::EvmEventData>(&data);
    if (log != nullptr && log->block_timestamp && *log->block_timestamp < UINT64_MAX / kNanos) {
        return types::Timestamp{*log->block_timestamp * kNanos};
    }
    return std::nullopt;
}

types::Timestamp earlier(types::Timestamp now, std::chrono::seconds age) {
    const auto nanos = static_cast<std::uint64_t>(age.count()) * 1'000'000'000ULL;
    return {now.nanos > nanos ? now.nanos - nanos : 0};
}

bool is_transient(const base::Error& error) {
    return error.kind() == base::ErrorKind::Unavailable ||
           error.kind() == base::ErrorKind::Timeout ||
           error.kind() == base::ErrorKind::Overloaded || error.kind() == base::ErrorKind::Bug ||
           // Until the quarantine is lifted: what is signed is not given up for it.
           error.code() == base::ErrorCode("quarantined");
}

Aggregator::Aggregator(AggregatorDeps deps, AggregatorOptions options, async::Executor executor)
    : deps_(std::move(deps)),
      options_(options),
      executor_(std::move(executor)),
      queues_(deps_.store),
      posted_(deps_.metrics.counter("wavs_results_posted_total", "Results this node put on chain")),
      posted_by_others_(deps_.metrics.counter("wavs_results_posted_by_others_total",
                                              "Results that another operator put on chain")),
      failed_(deps_.metrics.counter("wavs_results_failed_total", "Results that were given up")),
      waiting_(
          deps_.metrics.gauge("wavs_results_waiting", "Stored results that wait for their turn")),
      tasks_(async::make_strand(executor_), "aggregator",
             [](std::string_view task, std::string_view what) {
                 telemetry::log_error("aggregator", "a task threw",
                                      {{"task", task}, {"what", what}});
             }) {}

Aggregator::~Aggregator() = default;

base::Result<void> Aggregator::open() {
    if (deps_.exchange == nullptr) {
        return base::ok();
    }
    return deps_.exchange->open(
        [this](types::SubmissionRecord submission) { return take(std::move(submission)); });
}

void Aggregator::watch(types::RegisteredServicePtr service) {
    if (deps_.exchange != nullptr) {
        deps_.exchange->watch(std::move(service));
    }
}

std::size_t Aggregator::open_queues() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
}

// Under the mutex.
std::shared_ptr<Aggregator::Line> Aggregator::line_of(const types::ServiceId& service) {
    auto& line = lines_[service];
    if (!line) {
        line = std::make_shared<Line>(options_.runs_per_service);
    }
    return line;
}

void Aggregator::submit(types::ResultRecord result) {
    const auto service = result.submission.trigger_action.config.service_id;
    if (deps_.exchange != nullptr) {
        deps_.exchange->publish(result);
    }
    {
        const std::lock_guard lock(mutex_);
        const auto line = line_of(service);
        if (line->followed.size() >= options_.followed_per_service) {
            line->waiting.push_back({result.event_sequence, result.response_index});
            waiting_.add(1);
            return;
        }
        line->followed.insert(key_of(result));
    }
    start(service, std::make_shared<const types::ResultRecord>(std::move(result)));
}

void Aggregator::resume(const types::ServiceId& service, std::uint64_t event_sequence,
                        std::uint32_t response_index) {
    {
        const std::lock_guard lock(mutex_);
        line_of(service)->waiting.push_back({event_sequence, response_index});
        waiting_.add(1);
    }
    start_waiting(service);
}

bool Aggregator::take(types::SubmissionRecord submission) {
    const auto service = submission.submission->trigger_action.config.service_id;
    {
        const std::lock_guard lock(mutex_);
        const auto line = line_of(service);
        if (line->peers.size() >= options_.peers_per_service) {
            return false;
        }
        line->peers.insert(key_of(submission));
    }
    start(service, std::make_shared<const types::SubmissionRecord>(std::move(submission)));
    return true;
}

void Aggregator::start(const types::ServiceId& service, Start from) {
    tasks_.spawn_on(async::make_strand(executor_), "results", follow(service, std::move(from)));
}

void Aggregator::start_waiting(const types::ServiceId& service) {
    while (true) {
        Reference reference{};
        {
            const std::lock_guard lock(mutex_);
            const auto line = line_of(service);
            if (line->followed.empty() && line->peers.empty() && line->waiting.empty()) {
                lines_.erase(service);
                return;
            }
            if (line->waiting.empty() || line->followed.size() >= options_.followed_per_service) {
                return;
            }
            reference = line->waiting.front();
            line->waiting.pop_front();
            waiting_.add(-1);
            line->followed.insert(
                types::result_key(reference.event_sequence, reference.response_index));
        }
        start(service, reference);
    }
}

void Aggregator::free_place(const types::ServiceId& service, const base::Bytes& key) {
    {
        const std::lock_guard lock(mutex_);
        const auto line = line_of(service);
        line->followed.erase(key);
        line->peers.erase(key);
    }
    start_waiting(service);
}

async::Task<void> Aggregator::follow(types::ServiceId service, Start from) {
    auto delay = options_.first_retry;
    while (true) {
        auto work = read(from);
        base::Result<void> ended = base::ok();
        if (!work.has_value()) {
            ended = std::move(work).error();
        } else if (!work.value()) {
            const auto& gone = std::get<Reference>(from);
            free_place(service, types::result_key(gone.event_sequence, gone.response_index));
            co_return;
        } else {
            ended = co_await follow_to_end(std::move(work.value()));
        }
        if (ended.has_value() || ended.error().kind() == base::ErrorKind::Cancelled) {
            co_return;
        }
        // Its states are stored, so following goes on where it was.
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "following a result failed, again later", ended.error(),
                               {{"service", types::to_string(service)}});
        if (auto slept = co_await deps_.timers.sleep_for(delay); !slept.has_value()) {
            co_return;
        }
        delay = std::min(delay * 2, options_.last_retry);
    }
}

async::Task<std::vector<std::string>> Aggregator::stop(base::Duration deadline) {
    co_return co_await tasks_.stop(deps_.timers, deadline);
}

async::Task<base::Result<void>> Aggregator::run_clean_up() {
    while (true) {
        const auto before = earlier(deps_.clock.wall_now(), options_.burned_ttl);
        WAVS_CO_TRY(co_await queues_.clean_up(before));
        if (deps_.exchange != nullptr) {
            WAVS_CO_TRY(co_await deps_.exchange->clean_up(before));
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(
            std::min<base::Duration>(kCleanUpEvery, options_.burned_ttl)));
    }
}

storage::Batch Aggregator::forget(const types::ServiceId& service) {
    storage::Batch out;
    if (deps_.exchange != nullptr) {
        out = deps_.exchange->forget(service);
    }
    auto batch = queues_.forget(service);
    if (!batch.has_value()) {
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "the queues and timers of a removed service stay until they expire",
                               batch.error());
        return out;
    }
    out.append(std::move(batch.value()));
    return out;
}

}  // namespace wavs::aggregator
