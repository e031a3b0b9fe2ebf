// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/store.hpp"

#include "wavs/base/assert.hpp"

#include <array>
#include <iterator>

namespace wavs::storage {

std::string_view to_string(Keyspace keyspace) {
    static constexpr std::array<std::string_view, kKeyspaceCount> kNames = {
        "meta",         "services",  "manifests",     "signers",      "chains",
        "key_value",    "counters",  "events",        "results",      "queues",
        "ledger",       "cursors",   "coverage",      "timers",       "pending_updates",
        "event_index",  "event_ids", "result_ids",    "transactions", "work",
        "event_blocks", "spending",  "signer_states", "submissions"};
    return kNames.at(static_cast<std::size_t>(keyspace));
}

Batch& Batch::put(Keyspace keyspace, Blob key, Blob value) {
    operations_.push_back(
        {Operation::Kind::Put, keyspace, std::move(key).take(), std::move(value).take()});
    return *this;
}

Batch& Batch::erase(Keyspace keyspace, Blob key) {
    operations_.push_back({Operation::Kind::Erase, keyspace, std::move(key).take(), {}});
    return *this;
}

Batch& Batch::erase_prefix(Keyspace keyspace, Blob prefix) {
    WAVS_ASSERT(!is_written_in_order(keyspace));
    operations_.push_back({Operation::Kind::ErasePrefix, keyspace, std::move(prefix).take(), {}});
    return *this;
}

Batch& Batch::append(Batch other) {
    operations_.insert(operations_.end(), std::make_move_iterator(other.operations_.begin()),
                       std::make_move_iterator(other.operations_.end()));
    return *this;
}

async::Task<base::Result<void>> Store::commit(Batch batch) {
    return async::as_task(committed(std::move(batch)));
}

async::Flow<base::Result<void>> Store::committed(Batch batch) {
    co_return co_await async::suspend<void>(
        [&](async::Completion<void> done) { begin_commit(std::move(batch), std::move(done)); });
}

}  // namespace wavs::storage
