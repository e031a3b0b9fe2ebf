// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/records.hpp"

#include <map>
#include <optional>
#include <vector>

namespace wavs::aggregator {

/// One quorum queue as stored: per event id and target, each envelope with its signatures side by
/// side.
struct Queue {
    types::QueueRecord record;
    struct Collected {
        types::QueueEnvelope envelope;
        std::vector<types::QueueSignature> signatures;
    };
    std::map<types::Bytes32, Collected> envelopes;
};

void put(storage::Batch& batch, const types::QueueRecord& queue);
void put(storage::Batch& batch, const types::ResultRecord& result);
/// What is left of `result` once its component has asked for a timer.
void put(storage::Batch& batch, const types::ResultRecord& result, const types::TimerRecord& left);
void erase_timers(storage::Batch& batch, const types::ResultRecord& result);

/// The records of the quorum queues and of timers (docs/protocol/02-records.md). Every change is
/// one synced batch, so a signature is on disk before it counts. Thread-safe; changes of one queue
/// come one at a time from the aggregator.
class Queues {
public:
    Queues(storage::Store& store, const base::Clock& clock) : store_(store), clock_(clock) {}

    base::Result<std::optional<types::ResultRecord>> result(std::uint64_t event_sequence,
                                                            std::uint32_t response_index) const;

    /// The event's block was replaced: nothing more of it may be posted.
    base::Result<bool> is_retracted(const types::ResultRecord& result) const;

    /// None while the component has asked for no timer.
    base::Result<std::optional<types::TimerRecord>> timers(const types::ResultRecord& result) const;

    base::Result<std::optional<Queue>> load(const types::EventId& event,
                                            const types::QueueTarget& target) const;

    /// Opens the queue, or adds to what was loaded of it: the submission's envelope and signature,
    /// and the result's new state. Returns the queue as it is then.
    async::Task<base::Result<Queue>> collect(std::optional<Queue> stored,
                                             const types::ResultRecord& result,
                                             const types::QueueTarget& target,
                                             const types::ServiceId& service, std::string peer);
    async::Task<base::Result<void>> commit(storage::Batch batch);

    /// Erases queues that were burned or ended before `before`; returns how many. Erases timers
    /// whose result has ended: set while their service was being removed.
    async::Task<base::Result<std::size_t>> clean_up(types::Timestamp before);
    base::Result<storage::Batch> forget(const types::ServiceId& service) const;

private:
    base::Result<bool> is_open(base::ByteView result_key) const;
    async::Task<base::Result<std::size_t>> clean_up_queues(types::Timestamp before);
    async::Task<base::Result<void>> clean_up_timers();

    storage::Store& store_;
    const base::Clock& clock_;
};

}  // namespace wavs::aggregator
