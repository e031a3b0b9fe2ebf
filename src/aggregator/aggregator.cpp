// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/aggregator.hpp"

#include "aggregator_parts.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace wavs::aggregator {
namespace {

constexpr auto kCleanUpEvery = std::chrono::hours(1);

// What a result with several actions came to: the worst of them.
unsigned badness(types::ResultState state) {
    switch (state) {
        case types::ResultState::Burned:
            return 0;
        case types::ResultState::Superseded:
            return 1;
        case types::ResultState::Expired:
            return 2;
        default:
            return 3;
    }
}

}  // namespace

/// The actions of a result that are performed side by side, on its strand.
struct Aggregator::Join {
    explicit Join(const async::Executor& executor) : all_left(executor) {}
    std::size_t left = 0;
    std::optional<base::Error> error;
    async::OneShot<bool> all_left;

    struct Leaving {
        explicit Leaving(std::shared_ptr<Join> of) : join(std::move(of)) {}
        Leaving(const Leaving&) = delete;
        Leaving& operator=(const Leaving&) = delete;
        ~Leaving() {
            if (--join->left == 0) {
                join->all_left.set(true);
            }
        }
        std::shared_ptr<Join> join;
    };
};

types::Timestamp earlier(types::Timestamp now, std::chrono::seconds age) {
    const auto nanos = static_cast<std::uint64_t>(age.count()) * 1'000'000'000ULL;
    return {now.nanos > nanos ? now.nanos - nanos : 0};
}

bool is_transient(const base::Error& error) {
    return error.kind() == base::ErrorKind::Unavailable ||
           error.kind() == base::ErrorKind::Timeout ||
           error.kind() == base::ErrorKind::Overloaded || error.kind() == base::ErrorKind::Bug;
}

Aggregator::Aggregator(AggregatorDeps deps, AggregatorOptions options, async::Executor executor)
    : deps_(std::move(deps)),
      options_(options),
      executor_(std::move(executor)),
      queues_(deps_.store, deps_.clock),
      posted_(deps_.metrics.counter("wavs_results_posted_total", "Results this node put on chain")),
      failed_(deps_.metrics.counter("wavs_results_failed_total", "Results that were given up")),
      waiting_(
          deps_.metrics.gauge("wavs_results_waiting", "Stored results that wait for their turn")),
      tasks_(async::make_strand(executor_), "aggregator",
             [](std::string_view task, std::string_view what) {
                 telemetry::log_error("aggregator", "a task threw",
                                      {{"task", task}, {"what", what}});
             }) {}

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

// The next result of a service that waits; none when none does, and then the caller's place is
// free.
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
    auto work = std::make_shared<Work>();
    work->input = {service, std::make_shared<const types::ResultRecord>(result)};
    auto actions = co_await ask_component(&ComponentRunner::process_input, work->input);
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
    co_return co_await perform_all(std::move(work), std::move(actions.value()));
}

// Faults of the host are tried again; what the component itself says stands.
async::Task<base::Result<std::vector<types::AggregatorAction>>> Aggregator::ask_component(
    Question question, Input input) {
    auto delay = options_.first_retry;
    while (true) {
        auto actions = co_await (deps_.components.*question)(input);
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

async::Task<base::Result<void>> Aggregator::perform_all(
    WorkPtr work, std::vector<types::AggregatorAction> actions) {
    work->open += actions.size();
    if (actions.size() == 1) {
        co_return co_await perform(std::move(work), std::move(actions.front()));
    }
    // Side by side: the chain of one destination may be gone for days.
    const async::Executor strand = co_await boost::asio::this_coro::executor;
    const auto join = std::make_shared<Join>(strand);
    const auto name = "action/" + types::to_string(work->input.result->submission.event_id);
    for (auto& action : actions) {
        ++join->left;
        if (!tasks_.spawn_on(strand, name, perform_one(join, work, std::move(action)))) {
            co_return async::cancelled_error("perform");
        }
    }
    if (!co_await join->all_left.wait()) {
        co_return async::cancelled_error("perform");
    }
    if (join->error) {
        co_return *join->error;
    }
    co_return base::ok();
}

async::Task<void> Aggregator::perform_one(std::shared_ptr<Join> join, WorkPtr work,
                                          types::AggregatorAction action) {
    const Join::Leaving leaving(join);
    auto done = co_await perform(std::move(work), std::move(action));
    if (!done.has_value()) {
        join->error = std::move(done).error();
    }
}

async::Task<base::Result<void>> Aggregator::perform(WorkPtr work, types::AggregatorAction action) {
    if (auto* submit = std::get_if<types::SubmitAction>(&action)) {
        co_return co_await post(std::move(work), std::move(*submit));
    }
    co_return co_await wait_and_ask(std::move(work), std::get<types::TimerAction>(action));
}

async::Task<base::Result<void>> Aggregator::wait_and_ask(WorkPtr work, types::TimerAction timer) {
    constexpr std::uint64_t kLongest = 10ULL * 365 * 24 * 3600;
    WAVS_CO_TRY(co_await deps_.timers.sleep_for(
        std::chrono::seconds(std::min(timer.delay_secs, kLongest))));
    auto more = co_await ask_component(&ComponentRunner::timer_callback, work->input);
    if (!more.has_value()) {
        if (more.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(more).error();
        }
        failed_.add();
        Ended failed{types::ResultState::Failed, {}, more.error().full_text()};
        co_return co_await end_action(*work, std::move(failed), {});
    }
    if (more.value().empty()) {
        Ended nothing{types::ResultState::Superseded,
                      {},
                      "the aggregator component asked for nothing after its timer"};
        co_return co_await end_action(*work, std::move(nothing), {});
    }
    // What comes now takes the place of the timer.
    --work->open;
    co_return co_await perform_all(std::move(work), std::move(more.value()));
}

// The result has ended when its last action has, not before: a restart asks for those that are
// left.
async::Task<base::Result<void>> Aggregator::end_action(Work& work, Ended ended,
                                                       storage::Batch batch) {
    work.ended.push_back(std::move(ended));
    if (--work.open == 0) {
        const auto worst = std::max_element(
            work.ended.begin(), work.ended.end(),
            [](const Ended& a, const Ended& b) { return badness(a.state) < badness(b.state); });
        auto result = *work.input.result;
        result.state = worst->state;
        result.reason = worst->reason;
        result.updated_at = deps_.clock.wall_now();
        result.tx_hash.reset();
        for (const auto& one : work.ended) {
            result.tx_hash = result.tx_hash ? result.tx_hash : one.hash;
        }
        put(batch, result);
    }
    if (batch.empty()) {
        co_return base::ok();
    }
    co_return co_await queues_.commit(std::move(batch));
}

async::Task<base::Result<void>> Aggregator::end(types::ResultRecord result,
                                                types::ResultState state, std::string reason) {
    result.state = state;
    result.reason = std::move(reason);
    result.updated_at = deps_.clock.wall_now();
    storage::Batch batch;
    put(batch, result);
    co_return co_await queues_.commit(std::move(batch));
}

async::Task<base::Result<void>> Aggregator::run_clean_up() {
    while (true) {
        auto erased =
            co_await queues_.clean_up(earlier(deps_.clock.wall_now(), options_.burned_ttl));
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
