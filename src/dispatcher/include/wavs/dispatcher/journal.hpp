// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/storage/schema.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/pipeline.hpp"

#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wavs::dispatcher {

/// The records of events and results (docs/protocol/02-records.md). Every transition is one synced
/// batch: what the node has said or done is on disk before anyone sees it. Thread-safe.
class Journal {
public:
    Journal(storage::Store& store, const base::Clock& clock) : store_(store), clock_(clock) {}

    /// Once, before anything else: reserves the first block of sequence numbers.
    async::Task<base::Result<void>> open();

    enum class Repeats { Accept, DropKnown };
    struct Accept {
        const types::TriggerAction* action;
        types::ServiceDigest revision;
    };
    /// Journals the events and the source's positions in one batch. Under `DropKnown` an event
    /// whose default event id is known already (a source read it twice) is left out of the result,
    /// unless it was retracted: then its chain has it again, and it is accepted under its number.
    async::Flow<base::Result<std::vector<types::EventRecord>>> accept(
        std::vector<Accept> events, std::string source,
        std::vector<types::SourcePosition> positions, Repeats repeats);

    /// How far an event had come when its block was replaced; of several results the first here
    /// counts.
    enum class RetractedStage : std::uint8_t {
        Unsigned,    ///< never runs, or its run is thrown away
        Submitting,  ///< as the next, but for a result whose transaction is on its way
        Signed,      ///< its results are no longer followed
        Posted,      ///< on chain: only reported
        Ended,       ///< came to nothing before: only reported
    };
    struct Retracted {
        types::EventRecord event;
        RetractedStage stage;
    };
    /// Takes back the events of the replaced blocks, in one batch with the source's positions. What
    /// was taken back or reported before is not in the result.
    async::Flow<base::Result<std::vector<Retracted>>> retract(
        types::Retraction retraction, std::vector<types::SourcePosition> positions);
    /// The event was retracted after this record of it was read: what a run comes to is void.
    bool is_void(const types::EventRecord& event) const;

    /// The run ended: the event is done and its results are signed, all in one with `batch`. False,
    /// and nothing is stored, when the record `is_void()`.
    async::Flow<base::Result<bool>> finish(types::EventRecord event,
                                           const std::vector<types::ResultRecord>& results,
                                           storage::Batch batch);
    /// Any other state of the event, with the reason; none when the record `is_void()`.
    async::Flow<base::Result<void>> set_state(types::EventRecord event, types::EventState state,
                                              std::string reason);

    /// `crashed`: the events that were running whenever their component ended the process, oldest
    /// first, all there ever were. Each that is new counts as an attempt of its event, if that is
    /// still to be run, and with more than `most` attempts that is parked.
    async::Task<base::Result<void>> count_crashes(std::vector<types::EventId> crashed,
                                                  std::uint32_t most);

    /// The events in the index of work, in order of acceptance: what has to go on after a start,
    /// or waits for an operator.
    struct Work {
        std::uint64_t sequence = 0;
        types::ServiceId service;
        /// Of results.
        std::uint32_t response_index = 0;
    };
    base::Result<std::vector<Work>> work(types::WorkKind kind, std::size_t limit = SIZE_MAX) const;
    base::Result<std::vector<types::ResultRecord>> open_results(std::uint64_t sequence) const;
    base::Result<std::optional<types::EventRecord>> event(std::uint64_t sequence) const;
    base::Result<std::vector<types::ResultRecord>> results_of(std::uint64_t sequence) const;
    /// The newest events of this process's life, at most `limit`, newest first.
    base::Result<std::vector<types::EventRecord>> latest(std::size_t limit) const;
    /// The events that gave this event id, by default id or by a response's own.
    base::Result<std::vector<std::uint64_t>> find(const types::EventId& id) const;
    /// A batch that erases everything of a service that is still in flight.
    base::Result<storage::Batch> forget(const types::ServiceId& service) const;

    struct Pruned {
        std::size_t events = 0;
        /// Where the next piece begins; none when everything old enough was looked at.
        std::optional<std::uint64_t> next;
    };
    /// Erases settled events accepted before `before`, with their results; looks at most at `limit`
    /// events from sequence `from` on.
    async::Task<base::Result<Pruned>> prune(types::Timestamp before, std::uint64_t from,
                                            std::size_t limit);

private:
    /// The first of `count`; a new block of them is reserved with `batch`.
    std::uint64_t take_sequences(std::size_t count, storage::Batch& batch);
    base::Result<std::optional<std::uint64_t>> known(const types::EventId& id) const;
    base::Result<std::optional<types::EventRecord>> revived(std::uint64_t sequence,
                                                            const types::ServiceDigest& revision);
    base::Result<RetractedStage> retract_results(std::uint64_t sequence, const std::string& reason,
                                                 storage::Batch& batch);
    base::Result<std::optional<Retracted>> retract_one(std::uint64_t sequence,
                                                       storage::Batch& batch);
    bool is_void_locked(std::uint64_t sequence, types::Timestamp updated_at) const;
    void replace_locked(std::uint64_t sequence, types::Timestamp from, types::Timestamp to);
    async::Flow<base::Result<bool>> store_unless_void(types::EventRecord event,
                                                      types::EventState state,
                                                      storage::Batch batch);
    base::Result<std::optional<types::EventRecord>> to_be_run(const types::EventId& id) const;

    storage::Store& store_;
    const base::Clock& clock_;
    mutable std::mutex mutex_;
    // Of events that were retracted in this process: when the record that holds now was changed,
    // none while the event is void. A run may still go on with an older one.
    std::unordered_map<std::uint64_t, std::optional<types::Timestamp>> retracted_;
    std::uint64_t first_ = 0;
    std::uint64_t next_ = 0;
    std::uint64_t reserved_until_ = 0;
};

/// Lower case, a label of metrics.
std::string_view to_string(Journal::RetractedStage stage);

/// From older layouts of the data directory to this one.
std::vector<storage::Migration> journal_migrations();

}  // namespace wavs::dispatcher
