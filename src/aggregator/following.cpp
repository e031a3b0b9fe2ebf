// SPDX-License-Identifier: Apache-2.0
#include "aggregator_parts.hpp"
#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/event_id.hpp"
#include "work.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>

namespace wavs::aggregator {
namespace {

// Whoever waits for a timer looks so often whether the result is still wanted, and what time it is:
// clocks are set, and machines sleep.
constexpr auto kTimerLook = std::chrono::minutes(1);

// What a submission with several actions came to: the worst of them.
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

/// The actions of a submission that are performed side by side, on its strand.
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

// Null when there is nothing to follow any more.
base::Result<Aggregator::WorkPtr> Aggregator::read(const Start& from) {
    if (const auto* own = std::get_if<std::shared_ptr<const types::ResultRecord>>(&from)) {
        return work_of(*own);
    }
    if (const auto* peers = std::get_if<std::shared_ptr<const types::SubmissionRecord>>(&from)) {
        return work_of(*peers);
    }
    const auto& reference = std::get<Reference>(from);
    WAVS_TRY(auto result, queues_.result(reference.event_sequence, reference.response_index));
    if (!result || !types::is_open(result->state)) {
        return WorkPtr();
    }
    if (deps_.exchange != nullptr) {
        // The same bytes as before: peers may have missed them.
        deps_.exchange->publish(*result);
    }
    return work_of(std::make_shared<const types::ResultRecord>(std::move(*result)));
}

Aggregator::WorkPtr Aggregator::work_of(std::shared_ptr<const types::ResultRecord> result) {
    auto work = std::make_shared<Work>();
    work->submission = std::shared_ptr<const types::Submission>(result, &result->submission);
    work->input.submission = work->submission;
    work->input.trace_id = result->trace_id;
    work->signer = result->signer;
    work->peer = kSelf;
    work->key = types::result_key(result->event_sequence, result->response_index);
    work->own = std::move(result);
    return work;
}

Aggregator::WorkPtr Aggregator::work_of(
    const std::shared_ptr<const types::SubmissionRecord>& peers) {
    auto work = std::make_shared<Work>();
    const auto& submission = *peers->submission;
    work->submission = std::shared_ptr<const types::Submission>(peers, &submission);
    work->input.submission = work->submission;
    work->input.trace_id = types::trace_id_of(submission.trigger_action);
    work->signer = peers->signer;
    work->peer = peers->peer;
    work->key = key_of(*peers);
    return work;
}

async::Task<base::Result<void>> Aggregator::follow_to_end(WorkPtr work) {
    WAVS_CO_FAULT(deps_.timers, base::FaultPoint::Follow);
    const auto& config = work->input.submission->trigger_action.config;
    work->input.service = deps_.services(config.service_id);
    const auto* workflow =
        work->input.service ? work->input.service->service.find(config.workflow_id) : nullptr;
    work->left.service_id = config.service_id;
    if (!work->own && deps_.exchange != nullptr) {
        WAVS_CO_TRY(work->input.submission, deps_.exchange->to_run_on(work->submission));
    }
    WAVS_CO_TRY(auto left, queues_.timers(work->key));
    if (left) {
        work->left = std::move(*left);
        work->stored = true;
    }
    if (workflow == nullptr || workflow->aggregator() == nullptr) {
        co_return co_await end(*work, types::ResultState::Expired,
                               "its service, workflow or aggregator is gone");
    }
    if (work->own && work->own->state != types::ResultState::Submitting) {
        WAVS_CO_TRY(const bool retracted, queues_.is_retracted(*work->own));
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
        telemetry::log_failure(telemetry::Level::Error, "aggregator", "aggregator component failed",
                               answer.error(), {{"event", types::to_string(work->event())}});
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
    std::shared_ptr<Line> line;
    {
        const std::lock_guard lock(mutex_);
        line = line_of(input.service->id);
    }
    while (true) {
        {
            WAVS_CO_TRY(const auto permit, co_await line->asking.acquire());
            auto actions = co_await (deps_.components.*question)(input);
            if (actions.has_value() || !is_transient(actions.error())) {
                co_return std::move(actions);
            }
            telemetry::log_failure(telemetry::Level::Warn, "aggregator",
                                   "aggregator component not run, again later", actions.error(),
                                   {{"event", types::to_string(input.submission->event_id)}});
        }
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
    storage::Batch batch;
    {
        const std::lock_guard lock(work.mutex);
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
            put_timers(batch, work.key, work.left);
        }
    }
    if (!batch.empty()) {
        WAVS_CO_TRY(co_await queues_.commit(std::move(batch)));
    }
    co_return std::move(actions);
}

async::Task<base::Result<void>> Aggregator::perform_all(WorkPtr work, std::vector<Action> actions) {
    if (actions.size() == 1) {
        co_return co_await perform(std::move(work), std::move(actions.front()));
    }
    // Side by side: one may be a timer of days.
    const async::Executor strand = co_await boost::asio::this_coro::executor;
    const auto join = std::make_shared<Join>(strand);
    const auto name = "action/" + types::to_string(work->event());
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
        this->join(std::move(work), std::move(*submit));
        co_return base::ok();
    }
    co_return co_await wait_and_ask(std::move(work), std::get<types::Timestamp>(action));
}

async::Task<base::Result<void>> Aggregator::wait_and_ask(WorkPtr work, types::Timestamp due) {
    while (true) {
        WAVS_CO_TRY(const bool wanted, co_await wait_until(*work, due));
        if (!wanted) {
            free_place(work->input.service->id, work->key);
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

// False when the submission was ended meanwhile, with its service: then the timer is gone, too.
async::Task<base::Result<bool>> Aggregator::wait_until(const Work& work, types::Timestamp due) {
    while (true) {
        WAVS_CO_TRY(const bool open, queues_.is_open(work.key));
        if (!open) {
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

async::Task<base::Result<void>> Aggregator::end_action(Work& work, const Action& action,
                                                       types::EndedAction ended) {
    auto batch = ended_action(work, action, std::move(ended));
    if (batch.empty()) {
        co_return base::ok();
    }
    co_return co_await queues_.commit(std::move(batch));
}

async::Task<base::Result<void>> Aggregator::end(Work& work, types::ResultState state,
                                                std::string reason) {
    storage::Batch batch;
    {
        const std::lock_guard lock(work.mutex);
        const auto hash = work.own ? work.own->tx_hash : std::nullopt;
        work.left.ended.push_back({state, hash, std::move(reason)});
        batch = ended_work(work);
    }
    co_return co_await queues_.commit(std::move(batch));
}

// The submission has ended when its last action has, not before: a restart goes on with those that
// are left.
storage::Batch Aggregator::ended_action(Work& work, const Action& action,
                                        types::EndedAction ended) {
    const std::lock_guard lock(work.mutex);
    if (const auto* submit = std::get_if<types::SubmitAction>(&action)) {
        erase_one(work.left.submits, *submit);
    } else {
        erase_one(work.left.due, std::get<types::Timestamp>(action));
    }
    work.left.ended.push_back(std::move(ended));
    if (work.left.due.empty() && work.left.submits.empty()) {
        return ended_work(work);
    }
    storage::Batch batch;
    if (work.stored) {
        put_timers(batch, work.key, work.left);
    }
    return batch;
}

// Under the work's mutex.
storage::Batch Aggregator::ended_work(Work& work) {
    const auto& ended = work.left.ended;
    const auto worst = std::max_element(
        ended.begin(), ended.end(),
        [](const auto& a, const auto& b) { return badness(a.state) < badness(b.state); });
    storage::Batch batch;
    if (work.own) {
        auto result = *work.own;
        result.state = worst->state;
        result.reason = worst->reason;
        result.updated_at = deps_.clock.wall_now();
        result.tx_hash.reset();
        for (const auto& one : ended) {
            result.tx_hash = result.tx_hash ? result.tx_hash : one.tx_hash;
        }
        put(batch, result);
    }
    if (deps_.exchange != nullptr) {
        batch.append(deps_.exchange->ended(*work.submission, work.signer, worst->state));
    }
    if (work.stored) {
        erase_timers(batch, work.key);
    }
    free_place(work.left.service_id, work.key);
    return batch;
}

}  // namespace wavs::aggregator
