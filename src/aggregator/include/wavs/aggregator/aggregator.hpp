// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/component_runner.hpp"
#include "wavs/aggregator/queues.hpp"
#include "wavs/aggregator/target.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>

namespace wavs::aggregator {

struct AggregatorOptions {
    /// How long a posted queue is remembered, so that a replay is not posted twice.
    std::chrono::seconds burned_ttl{172'800};
    /// An open queue that found no quorum for so long is given up.
    std::chrono::seconds open_ttl{172'800};
    std::chrono::seconds first_retry{5};
    std::chrono::seconds last_retry{300};
    /// Results of one service that are followed at the same time. The others wait on disk: a chain
    /// that does not answer holds up its own services and costs no memory.
    std::size_t followed_per_service = 512;
};

struct AggregatorDeps {
    storage::Store& store;
    ComponentRunner& components;
    TargetLookup targets;
    types::ServiceLookup services;
    const base::Clock& clock;
    async::Timers& timers;
    telemetry::Metrics& metrics;
};

/// Follows each stored result until it is on chain or given up: the aggregator component says where
/// it goes, the signatures are collected per event and target, the chain says whether they suffice,
/// and the transaction is recorded before it leaves, so that nothing is posted twice. The actions
/// of a result do not wait for each other, nor do results; a result has ended when its actions
/// have. A timer is on disk before it runs, until the component's answer to it is. What belongs to
/// a retracted event ends before its next step, but for a transaction that is on its way. Owned by
/// `app`; methods are callable from any executor.
class Aggregator {
public:
    Aggregator(AggregatorDeps deps, AggregatorOptions options, async::Executor executor);

    /// Takes over a result that is stored as signed; never waits.
    void submit(types::ResultRecord result);
    /// As above, of a result that is read when its turn comes.
    void resume(const types::ServiceId& service, std::uint64_t event_sequence,
                std::uint32_t response_index);
    /// Erases old queues now and then; runs until stopped.
    async::Task<base::Result<void>> run_clean_up();
    /// What is open goes on after the next start.
    async::Task<std::vector<std::string>> stop(base::Duration deadline);
    /// A batch that erases the open queues and the timers of a service that is being removed.
    storage::Batch forget(const types::ServiceId& service);

private:
    /// A result with the actions its component asked for. On one strand.
    struct Work {
        Input input;
        types::TimerRecord left = {};
        /// From the first timer on, what is left is on disk.
        bool stored = false;
    };
    using WorkPtr = std::shared_ptr<Work>;
    /// What a component asked for, with the time a timer is due in place of its delay.
    using Action = std::variant<types::SubmitAction, types::Timestamp>;
    using Question =
        async::Task<base::Result<std::vector<types::AggregatorAction>>> (ComponentRunner::*)(Input);
    /// One submit action of one result on its way to the chain.
    struct Posting {
        WorkPtr work;
        types::SubmitAction action;
        types::QueueRecord queue = {};
        std::vector<types::QueueSignature> signatures = {};
        unsigned refusals = 0;
        // The text the component was told last; the same text is not told twice.
        std::string told = {};
        /// The code of an error whose numbers change from try to try.
        std::optional<base::ErrorCode> told_code = {};
    };
    enum class Step { Again, Done };
    /// Outlives a task that is destroyed late.
    struct Locks {
        std::mutex mutex;
        std::map<base::Bytes, std::shared_ptr<async::Mutex>> queues = {};
    };
    struct QueueLock;
    struct Join;
    /// A result that waits for its turn.
    struct Reference {
        std::uint64_t event_sequence;
        std::uint32_t response_index;
    };
    struct Line {
        std::size_t followed = 0;
        std::deque<Reference> waiting;
    };

    // aggregator.cpp: from a result to its actions.
    void start(const types::ServiceId& service, std::optional<types::ResultRecord> result);
    std::optional<types::ResultRecord> next(const types::ServiceId& service);
    async::Task<void> follow(types::ServiceId service, std::optional<types::ResultRecord> result);
    async::Task<base::Result<void>> follow_to_end(types::ResultRecord result);
    async::Task<base::Result<void>> ask_and_perform(WorkPtr work);
    async::Task<base::Result<std::vector<types::AggregatorAction>>> ask_component(Question question,
                                                                                  Input input);
    async::Task<base::Result<std::vector<Action>>> take_answer(
        Work& work, std::vector<types::AggregatorAction> answer,
        std::optional<types::Timestamp> fired = std::nullopt);
    async::Task<base::Result<void>> perform_all(WorkPtr work, std::vector<Action> actions);
    async::Task<void> perform_one(std::shared_ptr<Join> join, WorkPtr work, Action action);
    async::Task<base::Result<void>> perform(WorkPtr work, Action action);
    async::Task<base::Result<void>> wait_and_ask(WorkPtr work, types::Timestamp due);
    async::Task<base::Result<bool>> wait_until(const Work& work, types::Timestamp due);
    async::Task<base::Result<void>> end_action(Work& work, const Action& action,
                                               types::EndedAction ended, storage::Batch batch = {});
    async::Task<base::Result<void>> end(Work& work, types::ResultState state, std::string reason);
    async::Task<base::Result<void>> end_result(const Work& work, storage::Batch batch);

    // posting.cpp: from a submit action to the chain.
    async::Task<base::Result<void>> post(WorkPtr work, types::SubmitAction action);
    async::Task<base::Result<void>> attempt_until_settled(Posting posting);
    async::Task<base::Result<Step>> attempt(Posting& posting);
    async::Task<base::Result<Step>> attempt_anew(Posting& posting);
    async::Task<base::Result<bool>> retracted(Posting& posting);
    async::Task<base::Result<Step>> send(Posting& posting, std::shared_ptr<Target> target,
                                         std::uint32_t reference_block);
    async::Task<base::Result<Step>> take_outcome(Posting& posting, base::Result<Posted> outcome);
    async::Task<base::Result<Step>> refused_by_handler(Posting& posting, std::string text);
    void count_refusal(const QuorumCheck& check) const;
    OnSigned on_signed(const Posting& posting) const;
    async::Task<base::Result<void>> settle(Posting& posting, types::ResultState state,
                                           std::optional<types::TxHash> hash, std::string reason,
                                           storage::Batch batch = {});
    async::Task<void> tell(Posting& posting, std::string text);
    async::Task<void> tell(Posting& posting, const base::Error& error);
    async::Task<void> call_back(const Posting& posting, SubmitResult result);
    bool expired(const Posting& posting) const;

    AggregatorDeps deps_;
    AggregatorOptions options_;
    async::Executor executor_;
    Queues queues_;
    telemetry::Counter posted_;
    telemetry::Counter failed_;
    telemetry::Gauge waiting_;
    async::TaskGroup tasks_;
    std::mutex mutex_;
    std::map<types::ServiceId, Line> lines_;
    std::shared_ptr<Locks> locks_ = std::make_shared<Locks>();
};

}  // namespace wavs::aggregator
