// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/component_runner.hpp"
#include "wavs/aggregator/exchange.hpp"
#include "wavs/aggregator/queues.hpp"
#include "wavs/aggregator/target.hpp"
#include "wavs/async/semaphore.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>

namespace wavs::aggregator {

struct AggregatorOptions {
    /// How long a posted queue is remembered, so that a replay is not posted twice.
    std::chrono::seconds burned_ttl{172'800};
    /// An open queue that found no quorum for so long is given up.
    std::chrono::seconds open_ttl{172'800};
    std::chrono::seconds first_retry{5};
    std::chrono::seconds last_retry{300};
    /// Results of one service that are followed at the same time. The others wait on disk: a chain
    /// that does not answer holds up its own services only.
    std::size_t followed_per_service = 10'000;
    /// The same of peers' submissions; further ones are not taken.
    std::size_t peers_per_service = 20'000;
    /// Runs of one service's aggregator component that may wait for the engine.
    std::size_t runs_per_service = 512;
    /// How long each operator leaves it to the one before to post (docs/decisions.md D-83); 0: all
    /// post at once.
    std::chrono::milliseconds submit_stagger{2'000};
};

struct AggregatorDeps {
    storage::Store& store;
    ComponentRunner& components;
    TargetLookup targets;
    types::ServiceLookup services;
    const base::Clock& clock;
    async::Timers& timers;
    telemetry::Metrics& metrics;
    /// Null when the node has no peers.
    Exchange* exchange = nullptr;
};

/// Follows each submission, ours or a peer's, until its event is on chain or given up: the
/// aggregator component says where it goes, the signatures are collected per event, target and
/// envelope, the chain says whether they suffice, and the transaction is recorded before it leaves,
/// so that nothing is posted twice. A submission has ended when its actions have; those do not wait
/// for each other. A queue that waits for signatures holds up nothing and costs memory only. A
/// timer is on disk before it runs, until the component's answer to it is. What belongs to a
/// retracted event ends before its next step, but for a transaction that is on its way. Owned by
/// `app`; methods are callable from any executor.
class Aggregator {
public:
    Aggregator(AggregatorDeps deps, AggregatorOptions options, async::Executor executor);
    ~Aggregator();

    /// Takes up what peers had sent before the last stop. Before anything else.
    base::Result<void> open();
    /// The service is in force from now on in this revision.
    void watch(types::RegisteredServicePtr service);
    /// Takes over a result that is stored as signed, and tells the peers; never waits.
    void submit(types::ResultRecord result);
    /// As above, of a result that is read when its turn comes.
    void resume(const types::ServiceId& service, std::uint64_t event_sequence,
                std::uint32_t response_index);
    /// Takes over a peer's submission that is stored; false when there are too many.
    bool take(types::SubmissionRecord submission);
    /// Erases old queues now and then; runs until stopped.
    async::Task<base::Result<void>> run_clean_up();
    /// What is open goes on after the next start.
    async::Task<std::vector<std::string>> stop(base::Duration deadline);
    /// A batch that erases the open queues and the timers of a service that is being removed.
    storage::Batch forget(const types::ServiceId& service);
    /// Queues in memory: those that are not settled.
    std::size_t open_queues() const;

private:
    /// A submission with the actions its component asked for.
    struct Work;
    using WorkPtr = std::shared_ptr<Work>;
    /// What a component asked for, with the time a timer is due in place of its delay.
    using Action = std::variant<types::SubmitAction, types::Timestamp>;
    using Question =
        async::Task<base::Result<std::vector<types::AggregatorAction>>> (ComponentRunner::*)(Input);
    struct Member;
    struct OpenQueue;
    using OpenQueuePtr = std::shared_ptr<OpenQueue>;
    struct Chosen;
    struct Choice;
    struct Elsewhere;
    struct Waited;
    struct Settled;
    struct Join;
    enum class Step { Again, Done };
    /// A result that waits for its turn.
    struct Reference {
        std::uint64_t event_sequence;
        std::uint32_t response_index;
    };
    /// Where the following of a submission starts.
    using Start = std::variant<Reference, std::shared_ptr<const types::ResultRecord>,
                               std::shared_ptr<const types::SubmissionRecord>>;
    struct Line {
        explicit Line(std::size_t runs) : asking(runs) {}
        /// Keys of the submissions that are followed.
        std::set<base::Bytes> followed;
        std::set<base::Bytes> peers;
        std::deque<Reference> waiting;
        async::Semaphore asking;
    };

    // aggregator.cpp: whose turn it is.
    std::shared_ptr<Line> line_of(const types::ServiceId& service);
    void start(const types::ServiceId& service, Start from);
    void start_waiting(const types::ServiceId& service);
    void free_place(const types::ServiceId& service, const base::Bytes& key);
    async::Task<void> follow(types::ServiceId service, Start from);

    // following.cpp: from a submission to its actions, and to its end.
    base::Result<WorkPtr> read(const Start& from);
    WorkPtr work_of(std::shared_ptr<const types::ResultRecord> result);
    WorkPtr work_of(const std::shared_ptr<const types::SubmissionRecord>& peers);
    async::Task<base::Result<void>> follow_to_end(WorkPtr work);
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
                                               types::EndedAction ended);
    async::Task<base::Result<void>> end(Work& work, types::ResultState state, std::string reason);
    storage::Batch ended_action(Work& work, const Action& action, types::EndedAction ended);
    storage::Batch ended_work(Work& work);

    // open_queue.cpp: from a submit action to a queue.
    void join(WorkPtr work, types::SubmitAction action);
    async::Task<void> drive(OpenQueuePtr queue);
    bool close(OpenQueue& queue);
    async::Task<base::Result<bool>> wait(OpenQueue& queue, base::Duration most);
    async::Task<base::Result<Step>> look_at(OpenQueue& queue);
    async::Task<base::Result<void>> take_in(OpenQueue& queue);
    storage::Batch add(OpenQueue& queue, const std::vector<Member>& incoming);
    async::Task<base::Result<Step>> settled_before(OpenQueue& queue);
    async::Task<base::Result<void>> settle(OpenQueue& queue, Settled settled);
    async::Task<void> tell(OpenQueue& queue, std::string text);
    async::Task<void> tell(OpenQueue& queue, const base::Error& error);
    async::Task<void> call_back(const OpenQueue& queue, SubmitResult result);
    bool expired(const OpenQueue& queue) const;

    // posting.cpp: from a queue to the chain.
    async::Task<base::Result<Step>> attempt(OpenQueue& queue);
    async::Task<base::Result<Step>> attempt_anew(OpenQueue& queue);
    async::Task<base::Result<bool>> retracted(OpenQueue& queue);
    async::Task<base::Result<Step>> none_chosen(OpenQueue& queue, Target& target,
                                                const Choice& choice);
    async::Task<base::Result<Elsewhere>> look_elsewhere(OpenQueue& queue, Target& target);
    static base::Result<Elsewhere> unknown_elsewhere(base::Error why);
    async::Task<base::Result<Choice>> choose(OpenQueue& queue, Target& target);
    async::Task<base::Result<QuorumCheck>> check(OpenQueue& queue, Target& target,
                                                 Queue::Collected collected,
                                                 std::vector<types::QueueSignature>& counted);
    async::Task<base::Result<std::vector<types::QueueSignature>>> counted(
        types::RegisteredServicePtr service, std::vector<types::QueueSignature> all);
    std::size_t rank_of(const OpenQueue& queue, const Chosen& chosen) const;
    async::Task<base::Result<Waited>> waited(OpenQueue& queue, Target& target);
    async::Task<base::Result<bool>> is_our_turn(OpenQueue& queue, Target& target,
                                                const Chosen& chosen);
    async::Task<base::Result<Step>> send(OpenQueue& queue, std::shared_ptr<Target> target,
                                         Chosen chosen);
    async::Task<base::Result<Step>> take_outcome(OpenQueue& queue, base::Result<Posted> outcome);
    async::Task<base::Result<Step>> refused_by_handler(OpenQueue& queue, std::string text);
    void count_refusal(const QuorumCheck& check) const;
    OnSigned on_signed(const OpenQueue& queue) const;

    // selection.cpp: what the component wants posted.
    async::Task<base::Result<bool>> select(OpenQueue& queue, Target& target, Chosen& chosen);
    async::Task<base::Result<std::vector<QuorumEntry>>> entries_of(types::SubmitAction action,
                                                                   Target& target,
                                                                   const Chosen& chosen);
    async::Task<base::Result<bool>> check_again(OpenQueue& queue, Target& target, Chosen& chosen);
    async::Task<bool> hold(OpenQueue& queue, std::string text);
    async::Task<base::Result<bool>> not_now(OpenQueue& queue, base::Error error);

    AggregatorDeps deps_;
    AggregatorOptions options_;
    async::Executor executor_;
    Queues queues_;
    telemetry::Counter posted_;
    telemetry::Counter posted_by_others_;
    telemetry::Counter failed_;
    telemetry::Gauge waiting_;
    async::TaskGroup tasks_;
    mutable std::mutex mutex_;
    /// Of the services of which something is followed.
    std::map<types::ServiceId, std::shared_ptr<Line>> lines_;
    std::map<base::Bytes, OpenQueuePtr> open_;
};

}  // namespace wavs::aggregator
