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
// Whoever waits for a timer looks so often whether the result is still wanted, and what time it is:
// clocks are set, and machines sleep.
constexpr auto kTimerLook = std::chrono::minutes(1);

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

types::Timestamp due_of(types::Timestamp now, const types::TimerAction& timer) {
    constexpr std::uint64_t kLongest = 10ULL * 365 * 24 * 3600;
    return {now.nanos + std::min(timer.delay_secs, kLongest) * 1'000'000'000ULL};
}

template <typename T>
void erase_one(std::vector<T>& from, const T& value) {
    if (const auto found = std::find(from.begin(), from.end(), value); found != from.end()) {
        from.erase(found);
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
           error.kind() == base::ErrorKind::Overloaded || error.kind() == base::ErrorKind::Bug ||
           // Until the quarantine is lifted: what is signed is not given up for it.
           error.code() == base::ErrorCode("quarantined");
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
    auto work = std::make_shared<Work>();
    work->left.service_id = config.service_id;
    WAVS_CO_TRY(auto left, queues_.timers(result));
    if (left) {
        work->left = std::move(*left);
        work->stored = true;
    }
    work->input = {service, std::make_shared<const types::ResultRecord>(std::move(result))};
    if (workflow == nullptr || workflow->aggregator() == nullptr) {
        co_return co_await end(*work, types::ResultState::Expired,
                               "its service, workflow or aggregator is gone");
    }
    if (work->input.result->state != types::ResultState::Submitting) {
        WAVS_CO_TRY(const bool retracted, queues_.is_retracted(*work->input.result));
        if (retracted) {
            co_return co_await end(*work, types::ResultState::Retracted, std::string(kRetracted));
        }
    }
    std::vector<Action> actions(work->left.due.begin(), work->left.due.end());
    actions.insert(actions.end(), work->left.submits.begin(), work->left.submits.end());
    if (actions.empty()) {
        co_return co_await ask_and_perform(std::move(work));
    }
    co_return co_await perform_all(std::move(work), std::move(actions));
}

async::Task<base::Result<void>> Aggregator::ask_and_perform(WorkPtr work) {
    auto answer = co_await ask_component(&ComponentRunner::process_input, work->input);
    if (!answer.has_value()) {
        if (answer.error().kind() == base::ErrorKind::Cancelled) {
            co_return std::move(answer).error();
        }
        failed_.add();
        telemetry::log_failure(
            telemetry::Level::Error, "aggregator", "aggregator component failed", answer.error(),
            {{"event", types::to_string(work->input.result->submission.event_id)}});
        co_return co_await end(*work, types::ResultState::Failed, answer.error().full_text());
    }
    if (answer.value().empty()) {
        co_return co_await end(*work, types::ResultState::Superseded,
                               "the aggregator component asked for nothing");
    }
    WAVS_CO_TRY(auto actions, co_await take_answer(*work, std::move(answer.value())));
    co_return co_await perform_all(std::move(work), std::move(actions));
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

// With a timer in it, an answer is on disk before anything of it is done, and so is all that comes
// after: a restart goes on with what is left. It does not ask again what was answered, no timer
// starts anew, and a timer that has fired is gone together with the answer to it stored.
async::Task<base::Result<std::vector<Aggregator::Action>>> Aggregator::take_answer(
    Work& work, std::vector<types::AggregatorAction> answer,
    std::optional<types::Timestamp> fired) {
    const auto now = deps_.clock.wall_now();
    std::vector<Action> actions;
    for (auto& one : answer) {
        if (const auto* timer = std::get_if<types::TimerAction>(&one)) {
            work.left.due.push_back(due_of(now, *timer));
            actions.emplace_back(work.left.due.back());
            work.stored = true;
        } else {
            work.left.submits.push_back(std::get<types::SubmitAction>(one));
            actions.emplace_back(std::get<types::SubmitAction>(std::move(one)));
        }
    }
    if (fired) {
        erase_one(work.left.due, *fired);
    }
    if (work.stored) {
        storage::Batch batch;
        put(batch, *work.input.result, work.left);
        WAVS_CO_TRY(co_await queues_.commit(std::move(batch)));
    }
    co_return std::move(actions);
}

async::Task<base::Result<void>> Aggregator::perform_all(WorkPtr work, std::vector<Action> actions) {
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

async::Task<void> Aggregator::perform_one(std::shared_ptr<Join> join, WorkPtr work, Action action) {
    const Join::Leaving leaving(join);
    auto done = co_await perform(std::move(work), std::move(action));
    if (!done.has_value()) {
        join->error = std::move(done).error();
    }
}

async::Task<base::Result<void>> Aggregator::perform(WorkPtr work, Action action) {
    if (auto* submit = std::get_if<types::SubmitAction>(&action)) {
        co_return co_await post(std::move(work), std::move(*submit));
    }
    co_return co_await wait_and_ask(std::move(work), std::get<types::Timestamp>(action));
}

async::Task<base::Result<void>> Aggregator::wait_and_ask(WorkPtr work, types::Timestamp due) {
    while (true) {
        WAVS_CO_TRY(const bool wanted, co_await wait_until(*work, due));
        if (!wanted) {
            co_return base::ok();
        }
        auto answer = co_await ask_component(&ComponentRunner::timer_callback, work->input);
        if (!answer.has_value()) {
            if (answer.error().kind() == base::ErrorKind::Cancelled) {
                co_return std::move(answer).error();
            }
            failed_.add();
            types::EndedAction failed{types::ResultState::Failed, {}, answer.error().full_text()};
            co_return co_await end_action(*work, due, std::move(failed));
        }
        if (answer.value().empty()) {
            types::EndedAction nothing{
                types::ResultState::Superseded,
                {},
                "the aggregator component asked for nothing after its timer"};
            co_return co_await end_action(*work, due, std::move(nothing));
        }
        WAVS_CO_TRY(auto actions, co_await take_answer(*work, std::move(answer.value()), due));
        const auto* again = std::get_if<types::Timestamp>(&actions.front());
        if (actions.size() > 1 || again == nullptr) {
            co_return co_await perform_all(std::move(work), std::move(actions));
        }
        // A timer after a timer, perhaps for days, takes no more memory.
        due = *again;
    }
}

// False when the result was ended meanwhile, with its service: then the timer is gone, too.
async::Task<base::Result<bool>> Aggregator::wait_until(const Work& work, types::Timestamp due) {
    const auto& result = *work.input.result;
    while (true) {
        WAVS_CO_TRY(const auto stored,
                    queues_.result(result.event_sequence, result.response_index));
        if (!stored || !types::is_open(stored->state)) {
            co_return false;
        }
        const auto now = deps_.clock.wall_now();
        if (due <= now) {
            co_return true;
        }
        const std::chrono::nanoseconds left(due.nanos - now.nanos);
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(std::min<base::Duration>(left, kTimerLook)));
    }
}

// The result has ended when its last action has, not before: a restart goes on with those that are
// left.
async::Task<base::Result<void>> Aggregator::end_action(Work& work, const Action& action,
                                                       types::EndedAction ended,
                                                       storage::Batch batch) {
    if (const auto* submit = std::get_if<types::SubmitAction>(&action)) {
        erase_one(work.left.submits, *submit);
    } else {
        erase_one(work.left.due, std::get<types::Timestamp>(action));
    }
    work.left.ended.push_back(std::move(ended));
    if (work.left.due.empty() && work.left.submits.empty()) {
        co_return co_await end_result(work, std::move(batch));
    }
    if (work.stored) {
        put(batch, *work.input.result, work.left);
    }
    if (batch.empty()) {
        co_return base::ok();
    }
    co_return co_await queues_.commit(std::move(batch));
}

async::Task<base::Result<void>> Aggregator::end(Work& work, types::ResultState state,
                                                std::string reason) {
    work.left.ended.push_back({state, work.input.result->tx_hash, std::move(reason)});
    co_return co_await end_result(work, {});
}

async::Task<base::Result<void>> Aggregator::end_result(const Work& work, storage::Batch batch) {
    const auto& ended = work.left.ended;
    const auto worst = std::max_element(
        ended.begin(), ended.end(),
        [](const auto& a, const auto& b) { return badness(a.state) < badness(b.state); });
    auto result = *work.input.result;
    result.state = worst->state;
    result.reason = worst->reason;
    result.updated_at = deps_.clock.wall_now();
    result.tx_hash.reset();
    for (const auto& one : ended) {
        result.tx_hash = result.tx_hash ? result.tx_hash : one.tx_hash;
    }
    put(batch, result);
    if (work.stored) {
        erase_timers(batch, result);
    }
    co_return co_await queues_.commit(std::move(batch));
}

async::Task<base::Result<void>> Aggregator::run_clean_up() {
    while (true) {
        auto erased =
            co_await queues_.clean_up(earlier(deps_.clock.wall_now(), options_.burned_ttl));
        if (!erased.has_value()) {
            co_return std::move(erased).error();
        }
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(
            std::min<base::Duration>(kCleanUpEvery, options_.burned_ttl)));
    }
}

storage::Batch Aggregator::forget(const types::ServiceId& service) {
    auto batch = queues_.forget(service);
    if (!batch.has_value()) {
        telemetry::log_failure(telemetry::Level::Error, "aggregator",
                               "the queues and timers of a removed service stay until they expire",
                               batch.error());
        return {};
    }
    return std::move(batch.value());
}

}  // namespace wavs::aggregator
