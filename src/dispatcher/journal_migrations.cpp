// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/journal.hpp"

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

// Layout 1 had no index of work: a start read every record.
base::Result<storage::Batch> index_work(const storage::Store& store) {
    storage::Batch batch;
    WAVS_TRY(auto events, store.scan(Keyspace::Events, {}));
    for (const auto& entry : events) {
        WAVS_TRY(auto record, types::decode_event_record(entry.value));
        if (const auto kind = types::work_of(record.state)) {
            batch.put(Keyspace::Work, types::work_key(*kind, record.sequence),
                      record.action.config.service_id.view());
        }
    }
    WAVS_TRY(auto results, store.scan(Keyspace::Results, {}));
    for (const auto& entry : results) {
        WAVS_TRY(auto record, types::decode_result_record(entry.value));
        if (types::is_open(record.state)) {
            batch.put(Keyspace::Work, types::work_key(record.event_sequence, record.response_index),
                      record.submission.trigger_action.config.service_id.view());
        }
    }
    return batch;
}

// Layout 2 had an index of all events by service, which nothing reads since there is that of work.
base::Result<storage::Batch> drop_event_index(const storage::Store& store) {
    storage::Batch batch;
    WAVS_TRY(auto entries, store.scan(Keyspace::EventIndex, {}));
    for (auto& entry : entries) {
        batch.erase(Keyspace::EventIndex, std::move(entry.key));
    }
    return batch;
}

}  // namespace

std::vector<storage::Migration> journal_migrations() {
    return {{1, index_work}, {2, drop_event_index}};
}

}  // namespace wavs::dispatcher
