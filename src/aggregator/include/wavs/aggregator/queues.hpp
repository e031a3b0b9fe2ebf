// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// A submission on its way into a queue.
struct Collectable {
    const types::Submission& submission;
    types::EvmAddress signer;
    /// "self", or who delivered it.
    std::string peer;
};
/// Adds envelope and signature, to `queue` and to the batch. A second signature of the same signer
/// under one envelope takes the place of the first.
void collect(Queue& queue, storage::Batch& batch, Collectable from, types::Timestamp now);

void put(storage::Batch& batch, const types::QueueRecord& queue);
void put(storage::Batch& batch, const types::ResultRecord& result);
/// What is left of a submission once its component has asked for a timer. `key` is that of the
/// result, or of the peer's submission.
void put_timers(storage::Batch& batch, base::ByteView key, const types::TimerRecord& left);
void erase_timers(storage::Batch& batch, base::ByteView key);

/// The records of the quorum queues and of timers (docs/protocol/02-records.md). Every change is
/// one synced batch, so a signature is on disk before it counts. Thread-safe; changes of one queue
/// come one at a time from the aggregator.
class Queues {
public:
    explicit Queues(storage::Store& store) : store_(store) {}

    base::Result<std::optional<types::ResultRecord>> result(std::uint64_t event_sequence,
                                                            std::uint32_t response_index) const;

    /// The event's block was replaced: nothing more of it may be posted.
    base::Result<bool> is_retracted(const types::ResultRecord& result) const;

    /// None while the component has asked for no timer.
    base::Result<std::optional<types::TimerRecord>> timers(base::ByteView key) const;

    base::Result<std::optional<Queue>> load(const types::EventId& event,
                                            const types::QueueTarget& target) const;

    /// Whether the result, or the peer's submission, with this key is to be followed.
    base::Result<bool> is_open(base::ByteView key) const;
    async::Task<base::Result<void>> commit(storage::Batch batch);

    /// Erases queues that were burned or ended before `before`; returns how many. Erases timers
    /// whose result has ended: set while their service was being removed.
    async::Task<base::Result<std::size_t>> clean_up(types::Timestamp before);
    base::Result<storage::Batch> forget(const types::ServiceId& service) const;

private:
    async::Task<base::Result<std::size_t>> clean_up_queues(types::Timestamp before);
    async::Task<base::Result<void>> clean_up_timers();

    storage::Store& store_;
};

}  // namespace wavs::aggregator
