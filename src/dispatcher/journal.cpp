// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/journal.hpp"

#include "journal_records.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/types/event_id.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

const base::ByteView kNextSequence = base::as_bytes("next_sequence");
const base::ByteView kCountedCrashes = base::as_bytes("counted_crashes");
// Numbers are reserved in blocks, so that accepting an event costs one commit, not two. A start
// leaves a gap.
constexpr std::uint64_t kBlock = 10'000;

base::Bytes id_key(const types::EventId& id, std::uint64_t sequence) {
    return storage::KeyWriter().bytes(id.view()).u64(sequence).get();
}

base::Bytes result_id_key(const types::ResultRecord& result) {
    return storage::KeyWriter()
        .bytes(result.submission.event_id.view())
        .u64(result.event_sequence)
        .u32(result.response_index)
        .get();
}

}  // namespace

async::Task<base::Result<void>> Journal::open() {
    WAVS_CO_TRY(auto stored, store_.get(Keyspace::Meta, kNextSequence));
    std::uint64_t first = stored ? storage::read_u64(*stored, 0) : 1;
    // An event of a new block may have been stored before the reservation of its block was.
    WAVS_CO_TRY(const auto beyond,
                store_.scan(Keyspace::Events, {.from = types::event_key(first)}));
    if (!beyond.empty()) {
        WAVS_CO_TRY(const auto last, types::parse_event_key(beyond.back().key));
        first = last + 1;
    }
    storage::Batch batch;
    batch.put(Keyspace::Meta, kNextSequence, storage::KeyWriter().u64(first + kBlock).get());
    WAVS_CO_TRY(co_await store_.commit(std::move(batch)));
    const std::lock_guard lock(mutex_);
    first_ = first;
    next_ = first;
    reserved_until_ = first + kBlock;
    co_return base::ok();
}

std::uint64_t Journal::take_sequences(std::size_t count, storage::Batch& batch) {
    const std::lock_guard lock(mutex_);
    const auto first = next_;
    next_ += count;
    if (next_ > reserved_until_) {
        reserved_until_ = next_ + kBlock;
        batch.put(Keyspace::Meta, kNextSequence, storage::KeyWriter().u64(reserved_until_).get());
    }
    return first;
}

base::Result<std::optional<std::uint64_t>> Journal::known(const types::EventId& id) const {
    WAVS_TRY(auto entries,
             store_.scan(Keyspace::EventIds, {.prefix = base::to_bytes(id.view()), .limit = 1}));
    return entries.empty()
               ? std::nullopt
               : std::optional(storage::read_u64(entries.front().key, types::EventId::size()));
}

// None unless the event was retracted: then as accepted under `revision`.
base::Result<std::optional<types::EventRecord>> Journal::revived(
    std::uint64_t sequence, const types::ServiceDigest& revision) {
    WAVS_TRY(auto record, event(sequence));
    if (!record || record->state != types::EventState::Retracted) {
        return std::optional<types::EventRecord>();
    }
    record->state = types::EventState::Accepted;
    record->revision = revision;
    record->attempts = 0;
    record->reason.clear();
    record->updated_at = clock_.wall_now();
    const std::lock_guard lock(mutex_);
    retracted_[sequence] = record->updated_at;
    return record;
}

async::Flow<base::Result<std::vector<types::EventRecord>>> Journal::accept(
    std::vector<Accept> events, std::string source, std::vector<types::SourcePosition> positions,
    Repeats repeats) {
    const auto now = clock_.wall_now();
    storage::Batch batch;
    auto sequence = take_sequences(events.size(), batch);
    std::vector<types::EventRecord> records;
    records.reserve(events.size());
    std::set<types::EventId> in_batch;
    for (const auto& one : events) {
        auto record = types::make_event_record(sequence, *one.action, one.revision, now, source);
        if (repeats == Repeats::DropKnown) {
            WAVS_CO_TRY(const auto seen, known(record.default_event_id));
            if (!in_batch.insert(record.default_event_id).second) {
                continue;
            }
            if (seen) {
                WAVS_CO_TRY(auto again, revived(*seen, one.revision));
                if (again) {
                    put_event(batch, *again, types::EventState::Retracted);
                    records.push_back(std::move(*again));
                }
                continue;
            }
        }
        batch.put(Keyspace::Events, types::event_key(sequence), types::encode(record));
        batch.put(Keyspace::Work, types::work_key(types::WorkKind::OpenEvent, sequence),
                  record.action.config.service_id.view());
        batch.put(Keyspace::EventIds, id_key(record.default_event_id, sequence), {});
        index_block(batch, record);
        ++sequence;
        records.push_back(std::move(record));
    }
    put_positions(batch, std::move(positions));
    if (!batch.empty()) {
        WAVS_CO_TRY(co_await store_.committed(std::move(batch)));
    }
    co_return std::move(records);
}

bool Journal::is_void_locked(std::uint64_t sequence, types::Timestamp updated_at) const {
    const auto found = retracted_.find(sequence);
    return found != retracted_.end() && found->second != updated_at;
}

bool Journal::is_void(const types::EventRecord& event) const {
    const std::lock_guard lock(mutex_);
    return is_void_locked(event.sequence, event.updated_at);
}

// Looks and commits under one lock: a retraction takes effect wholly before or wholly after.
async::Flow<base::Result<bool>> Journal::store_unless_void(types::EventRecord event,
                                                           types::EventState state,
                                                           storage::Batch batch) {
    const auto sequence = event.sequence;
    const auto read_at = std::exchange(event.updated_at, clock_.wall_now());
    const auto stored_at = event.updated_at;
    const auto before = std::exchange(event.state, state);
    put_event(batch, event, before);
    bool is_void = false;
    auto stored = co_await async::suspend<void>([&](async::Completion<void> done) {
        const std::lock_guard lock(mutex_);
        is_void = is_void_locked(sequence, read_at);
        if (is_void) {
            done.set(base::ok());
            return;
        }
        replace_locked(sequence, read_at, stored_at);
        store_.begin_commit(std::move(batch), std::move(done));
    });
    if (!stored.has_value()) {
        const std::lock_guard lock(mutex_);
        replace_locked(sequence, stored_at, read_at);
        co_return std::move(stored).error();
    }
    co_return !is_void;
}

void Journal::replace_locked(std::uint64_t sequence, types::Timestamp from, types::Timestamp to) {
    const auto found = retracted_.find(sequence);
    if (found != retracted_.end() && found->second == from) {
        found->second = to;
    }
}

async::Flow<base::Result<bool>> Journal::finish(types::EventRecord event,
                                                const std::vector<types::ResultRecord>& results,
                                                storage::Batch batch) {
    event.reason.clear();
    for (const auto& result : results) {
        put_result(batch, result);
        // An id of its own: the default one leads to the event already.
        if (result.submission.event_id != event.default_event_id) {
            batch.put(Keyspace::ResultIds, result_id_key(result), {});
        }
    }
    co_return co_await store_unless_void(std::move(event), types::EventState::Done,
                                         std::move(batch));
}

async::Flow<base::Result<void>> Journal::set_state(types::EventRecord event,
                                                   types::EventState state, std::string reason) {
    event.reason = std::move(reason);
    WAVS_CO_TRY(co_await store_unless_void(std::move(event), state, {}));
    co_return base::ok();
}

// The oldest of identical events is the one that ran: they are run in order.
base::Result<std::optional<types::EventRecord>> Journal::to_be_run(const types::EventId& id) const {
    WAVS_TRY(const auto sequences, find(id));
    for (const auto sequence : sequences) {
        WAVS_TRY(auto record, event(sequence));
        if (record && types::work_of(record->state) == types::WorkKind::OpenEvent) {
            return record;
        }
    }
    return std::optional<types::EventRecord>();
}

async::Task<base::Result<void>> Journal::count_crashes(std::vector<types::EventId> crashed,
                                                       std::uint32_t most) {
    WAVS_CO_TRY(auto stored, store_.get(Keyspace::Meta, kCountedCrashes));
    const std::uint64_t counted = stored ? storage::read_u64(*stored, 0) : 0;
    if (counted == crashed.size()) {
        co_return base::ok();
    }
    std::map<std::uint64_t, types::EventRecord> changed;
    for (std::uint64_t i = counted; i < crashed.size(); ++i) {
        WAVS_CO_TRY(auto record, to_be_run(crashed[i]));
        if (record) {
            ++changed.try_emplace(record->sequence, std::move(*record)).first->second.attempts;
        }
    }
    storage::Batch batch;
    for (auto& [sequence, record] : changed) {
        const auto before = record.state;
        record.updated_at = clock_.wall_now();
        if (record.attempts > most) {
            record.state = types::EventState::Parked;
            record.reason = fmt::format("attempt {}: the node ended while it ran", record.attempts);
        }
        put_event(batch, record, before);
    }
    // Also when there are fewer than before: then the file of strikes was begun anew.
    batch.put(Keyspace::Meta, kCountedCrashes, storage::KeyWriter().u64(crashed.size()).get());
    co_return co_await store_.commit(std::move(batch));
}

base::Result<std::vector<Journal::Work>> Journal::work(types::WorkKind kind,
                                                       std::size_t limit) const {
    WAVS_TRY(auto entries, store_.scan(Keyspace::Work, {.prefix = {static_cast<std::uint8_t>(kind)},
                                                        .limit = limit}));
    std::vector<Work> out;
    out.reserve(entries.size());
    for (const auto& entry : entries) {
        Work work;
        work.sequence = storage::read_u64(entry.key, 1);
        work.response_index = storage::read_u32(entry.key, 1 + sizeof(std::uint64_t));
        if (entry.value.size() == types::ServiceId::size()) {
            std::copy(entry.value.begin(), entry.value.end(), work.service.array().begin());
        }
        out.push_back(work);
    }
    return out;
}

base::Result<std::vector<types::ResultRecord>> Journal::open_results(std::uint64_t sequence) const {
    WAVS_TRY(auto all, results_of(sequence));
    std::erase_if(all, [](const auto& result) { return !types::is_open(result.state); });
    return all;
}

base::Result<std::optional<types::EventRecord>> Journal::event(std::uint64_t sequence) const {
    WAVS_TRY(auto stored, store_.get(Keyspace::Events, types::event_key(sequence)));
    if (!stored) {
        return std::optional<types::EventRecord>();
    }
    WAVS_TRY(auto record, types::decode_event_record(*stored));
    return std::optional<types::EventRecord>(std::move(record));
}

base::Result<std::vector<types::ResultRecord>> Journal::results_of(std::uint64_t sequence) const {
    WAVS_TRY(auto entries, store_.scan(Keyspace::Results, {.prefix = types::event_key(sequence)}));
    std::vector<types::ResultRecord> out;
    for (const auto& entry : entries) {
        WAVS_TRY(auto record, types::decode_result_record(entry.value));
        out.push_back(std::move(record));
    }
    return out;
}

base::Result<std::vector<types::EventRecord>> Journal::latest(std::size_t limit) const {
    std::uint64_t first = 0;
    std::uint64_t sequence = 0;
    {
        const std::lock_guard lock(mutex_);
        first = first_;
        sequence = next_;
    }
    std::vector<types::EventRecord> out;
    // Numbers of events that were dropped as known, or are not stored yet, are skipped.
    for (std::size_t looked = 0; sequence > first && out.size() < limit && looked < 10 * limit;
         ++looked) {
        WAVS_TRY(auto record, event(--sequence));
        if (record) {
            out.push_back(std::move(*record));
        }
    }
    return out;
}

base::Result<std::vector<std::uint64_t>> Journal::find(const types::EventId& id) const {
    std::set<std::uint64_t> sequences;
    for (const auto keyspace : {Keyspace::EventIds, Keyspace::ResultIds}) {
        WAVS_TRY(auto entries, store_.scan(keyspace, {.prefix = base::to_bytes(id.view())}));
        for (const auto& entry : entries) {
            sequences.insert(storage::read_u64(entry.key, types::EventId::size()));
        }
    }
    return std::vector<std::uint64_t>(sequences.begin(), sequences.end());
}

base::Result<storage::Batch> Journal::forget(const types::ServiceId& service) const {
    storage::Batch batch;
    for (const auto kind : {types::WorkKind::OpenEvent, types::WorkKind::FailedEvent}) {
        WAVS_TRY(const auto events, work(kind));
        for (const auto& one : events) {
            if (one.service != service) {
                continue;
            }
            WAVS_TRY(const auto record, event(one.sequence));
            if (record) {
                erase_event(batch, *record);
            }
        }
    }
    WAVS_TRY(const auto results, work(types::WorkKind::OpenResult));
    for (const auto& one : results) {
        if (one.service != service) {
            continue;
        }
        WAVS_TRY(auto stored, store_.get(Keyspace::Results,
                                         types::result_key(one.sequence, one.response_index)));
        if (stored) {
            WAVS_TRY(auto result, types::decode_result_record(*stored));
            result.state = types::ResultState::Expired;
            result.reason = "the service was removed";
            put_result(batch, result);
        }
    }
    return batch;
}

async::Task<base::Result<Journal::Pruned>> Journal::prune(types::Timestamp before,
                                                          std::uint64_t from, std::size_t limit) {
    WAVS_CO_TRY(auto entries,
                store_.scan(Keyspace::Events, {.from = types::event_key(from), .limit = limit}));
    Pruned out;
    storage::Batch batch;
    for (const auto& entry : entries) {
        WAVS_CO_TRY(auto record, types::decode_event_record(entry.value));
        if (record.accepted_at >= before) {
            out.next.reset();
            break;
        }
        out.next = record.sequence + 1;
        WAVS_CO_TRY(auto results, results_of(record.sequence));
        const bool settled = types::is_final(record.state) &&
                             std::all_of(results.begin(), results.end(), [](const auto& result) {
                                 return types::is_final(result.state);
                             });
        if (!settled) {
            continue;
        }
        erase_event(batch, record);
        {
            const std::lock_guard lock(mutex_);
            retracted_.erase(record.sequence);
        }
        for (const auto& result : results) {
            batch.erase(Keyspace::Results,
                        types::result_key(result.event_sequence, result.response_index));
            batch.erase(Keyspace::ResultIds, result_id_key(result));
        }
        ++out.events;
    }
    if (entries.size() < limit) {
        out.next.reset();
    }
    if (!batch.empty()) {
        WAVS_CO_TRY(co_await store_.commit(std::move(batch)));
    }
    co_return out;
}

}  // namespace wavs::dispatcher
