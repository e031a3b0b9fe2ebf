// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/queues.hpp"

namespace wavs::aggregator {
namespace {

using storage::Keyspace;

// The three kinds of record under one queue's prefix are told apart by the length of their keys.
constexpr std::size_t kQueueKey = types::EventId::size() + types::kQueueTargetSize;
constexpr std::size_t kEnvelopeKey = kQueueKey + types::Bytes32::size();
constexpr std::size_t kPage = 1'000;

}  // namespace

void put(storage::Batch& batch, const types::QueueRecord& queue) {
    batch.put(Keyspace::Queues, types::queue_key(queue.event_id, queue.target),
              types::encode(queue));
}

void put(storage::Batch& batch, const types::ResultRecord& result) {
    batch.put(Keyspace::Results, types::result_key(result.event_sequence, result.response_index),
              types::encode(result));
    const auto work = types::work_key(result.event_sequence, result.response_index);
    if (types::is_open(result.state)) {
        batch.put(Keyspace::Work, work, result.submission.trigger_action.config.service_id.view());
    } else {
        batch.erase(Keyspace::Work, work);
    }
}

void put_timers(storage::Batch& batch, base::ByteView key, const types::TimerRecord& left) {
    batch.put(Keyspace::Timers, key, types::encode(left));
}

void erase_timers(storage::Batch& batch, base::ByteView key) { batch.erase(Keyspace::Timers, key); }

void collect(Queue& queue, storage::Batch& batch, Collectable from, types::Timestamp now) {
    const auto& submission = from.submission;
    const auto& event = queue.record.event_id;
    const auto& target = queue.record.target;
    const auto digest = types::envelope_digest(submission.envelope);
    const auto [found, is_new] = queue.envelopes.try_emplace(digest);
    auto& [envelope, signatures] = found->second;
    if (is_new) {
        envelope = {submission.trigger_action, submission.operator_response, submission.envelope};
        batch.put(Keyspace::Queues, types::queue_key(event, target, digest),
                  types::encode(envelope));
    }
    const types::QueueSignature signature{
        event, digest, from.signer, submission.envelope_signature, now, std::move(from.peer)};
    batch.put(Keyspace::Queues, types::queue_key(event, target, digest, from.signer),
              types::encode(signature));
    std::erase_if(signatures, [&](const auto& one) { return one.signer == signature.signer; });
    signatures.push_back(signature);
}

base::Result<std::optional<types::TimerRecord>> Queues::timers(base::ByteView key) const {
    WAVS_TRY(auto stored, store_.get(Keyspace::Timers, key));
    if (!stored) {
        return std::optional<types::TimerRecord>();
    }
    WAVS_TRY(auto record, types::decode_timer_record(*stored));
    return std::optional<types::TimerRecord>(std::move(record));
}

base::Result<std::optional<types::ResultRecord>> Queues::result(
    std::uint64_t event_sequence, std::uint32_t response_index) const {
    WAVS_TRY(auto stored,
             store_.get(Keyspace::Results, types::result_key(event_sequence, response_index)));
    if (!stored) {
        return std::optional<types::ResultRecord>();
    }
    WAVS_TRY(auto record, types::decode_result_record(*stored));
    return std::optional<types::ResultRecord>(std::move(record));
}

base::Result<bool> Queues::is_retracted(const types::ResultRecord& result) const {
    WAVS_TRY(const auto stored,
             store_.get(Keyspace::Events, types::event_key(result.event_sequence)));
    if (!stored) {
        return false;
    }
    WAVS_TRY(const auto event, types::decode_event_record(*stored));
    return event.state == types::EventState::Retracted;
}

base::Result<std::optional<Queue>> Queues::load(const types::EventId& event,
                                                const types::QueueTarget& target) const {
    WAVS_TRY(auto entries,
             store_.scan(Keyspace::Queues, {.prefix = types::queue_key(event, target)}));
    if (entries.empty()) {
        return std::optional<Queue>();
    }
    Queue queue;
    for (const auto& entry : entries) {
        if (entry.key.size() == kQueueKey) {
            WAVS_TRY(auto record, types::decode_queue_record(entry.value));
            queue.record = std::move(record);
        } else if (entry.key.size() == kEnvelopeKey) {
            WAVS_TRY(auto envelope, types::decode_queue_envelope(entry.value));
            queue.envelopes[types::envelope_digest(envelope.envelope)].envelope =
                std::move(envelope);
        } else {
            WAVS_TRY(auto signature, types::decode_queue_signature(entry.value));
            queue.envelopes[signature.envelope_digest].signatures.push_back(std::move(signature));
        }
    }
    return std::optional<Queue>(std::move(queue));
}

async::Task<base::Result<void>> Queues::commit(storage::Batch batch) {
    co_return co_await store_.commit(std::move(batch));
}

base::Result<bool> Queues::is_open(base::ByteView key) const {
    const bool is_peers = key.size() == types::kSubmissionKeySize;
    WAVS_TRY(auto stored, store_.get(is_peers ? Keyspace::Submissions : Keyspace::Results, key));
    if (!stored) {
        return false;
    }
    if (is_peers) {
        WAVS_TRY(const auto submission, types::decode_submission_record(*stored));
        return !types::is_final(submission.state);
    }
    WAVS_TRY(const auto result, types::decode_result_record(*stored));
    return types::is_open(result.state);
}

async::Task<base::Result<std::size_t>> Queues::clean_up(types::Timestamp before) {
    WAVS_CO_TRY(co_await clean_up_timers());
    co_return co_await clean_up_queues(before);
}

async::Task<base::Result<void>> Queues::clean_up_timers() {
    base::Bytes from;
    while (true) {
        WAVS_CO_TRY(auto entries, store_.scan(Keyspace::Timers, {.from = from, .limit = kPage}));
        storage::Batch batch;
        for (const auto& entry : entries) {
            WAVS_CO_TRY(const bool open, is_open(entry.key));
            if (!open) {
                batch.erase(Keyspace::Timers, entry.key);
            }
        }
        if (!batch.empty()) {
            WAVS_CO_TRY(co_await store_.commit(std::move(batch)));
        }
        if (entries.size() < kPage) {
            co_return base::ok();
        }
        from = entries.back().key;
        from.push_back(0);
    }
}

async::Task<base::Result<std::size_t>> Queues::clean_up_queues(types::Timestamp before) {
    base::Bytes from;
    std::size_t erased = 0;
    while (true) {
        WAVS_CO_TRY(auto entries, store_.scan(Keyspace::Queues, {.from = from, .limit = kPage}));
        storage::Batch batch;
        for (const auto& entry : entries) {
            if (entry.key.size() != kQueueKey) {
                continue;
            }
            WAVS_CO_TRY(auto record, types::decode_queue_record(entry.value));
            if (types::is_final(record.state) && record.updated_at < before) {
                batch.erase_prefix(Keyspace::Queues, entry.key);
                ++erased;
            }
        }
        if (!batch.empty()) {
            WAVS_CO_TRY(co_await store_.commit(std::move(batch)));
        }
        if (entries.size() < kPage) {
            co_return erased;
        }
        from = entries.back().key;
        from.push_back(0);
    }
}

base::Result<storage::Batch> Queues::forget(const types::ServiceId& service) const {
    WAVS_TRY(auto entries, store_.scan(Keyspace::Queues, {}));
    storage::Batch batch;
    for (const auto& entry : entries) {
        if (entry.key.size() != kQueueKey) {
            continue;
        }
        WAVS_TRY(auto record, types::decode_queue_record(entry.value));
        if (record.service_id == service && !types::is_final(record.state)) {
            batch.erase_prefix(Keyspace::Queues, entry.key);
        }
    }
    WAVS_TRY(auto timers, store_.scan(Keyspace::Timers, {}));
    for (const auto& entry : timers) {
        WAVS_TRY(auto record, types::decode_timer_record(entry.value));
        if (record.service_id == service) {
            batch.erase(Keyspace::Timers, entry.key);
        }
    }
    return batch;
}

}  // namespace wavs::aggregator
