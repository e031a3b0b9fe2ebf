// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/records.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace wavs::aggregator {

struct SubmissionsOptions {
    /// Peers that missed a settled event are told of it for so long; of an open one for as long as
    /// it is open.
    std::chrono::seconds catchup_ttl{300};
    std::size_t most_per_answer = 100;
    /// Kept for answers, per service, besides those that are open.
    std::size_t most_kept = 500;
};

/// One submission with its key.
struct StoredSubmission {
    base::Bytes key;
    types::SubmissionRecord record;
};

/// Signers of one event who do not agree.
struct Divergence {
    types::ServiceId service;
    types::EventId event;
    std::vector<types::SubmissionRecord> submissions;
};

/// The submissions of this node and its peers (docs/protocol/02-records.md), and what follows from
/// them: answers for peers that missed some (docs/protocol/07-peers.md 5), and the events whose
/// signers do not agree. Thread-safe. Errors are those of the store.
class Submissions {
public:
    /// The longest answer: other nodes read no more than 10 MiB.
    static constexpr std::size_t kLongestAnswer = 10'000'000;

    Submissions(storage::Store& store, const base::Clock& clock, SubmissionsOptions options)
        : store_(store), clock_(clock), options_(options) {}

    /// Reads what is stored. Returns those of peers that are open, oldest first.
    base::Result<std::vector<StoredSubmission>> load();

    base::Result<std::optional<types::SubmissionRecord>> find(base::ByteView key) const;
    base::Result<std::vector<types::SubmissionRecord>> of_event(const types::ServiceId& service,
                                                                const types::EventId& event) const;
    /// A batch that stores a new one; peers are told of it from now on.
    storage::Batch add(const types::SubmissionRecord& record);
    /// A batch with the new state of one.
    storage::Batch set_state(types::SubmissionRecord record, types::ResultState state);
    storage::Batch erase(const types::SubmissionRecord& record);
    storage::Batch forget(const types::ServiceId& service);

    /// The events whose signers do not agree, newest first.
    base::Result<std::vector<Divergence>> divergences() const;
    /// The signers of this event do not agree; false when that was known.
    bool note_divergence(const types::ServiceId& service, const types::EventId& event);

    /// {"submissions":[...]}, newest first.
    std::string catchup_answer(const types::ServiceId& service);

    /// Erases what was received before `before` and is settled or our own, and shortens what peers
    /// are no longer told of. Returns how many were erased.
    async::Task<base::Result<std::size_t>> clean_up(types::Timestamp before);

private:
    using Place = std::pair<types::Timestamp, base::Bytes>;
    struct Index {
        /// Oldest first; whether it is open.
        std::map<Place, bool> entries;
        std::size_t settled = 0;
    };

    void index(const base::Bytes& key, const types::SubmissionRecord& record);
    void unindex(Index& index, const Place& place);
    void prune(Index& index, types::Timestamp now);
    bool is_divergent(base::ByteView key) const;

    storage::Store& store_;
    const base::Clock& clock_;
    const SubmissionsOptions options_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Index> services_;
    /// As prefixes of keys, oldest first; and the same for look-ups.
    std::vector<base::Bytes> divergences_;
    std::set<base::Bytes> divergent_;
};

base::Bytes key_of(const types::SubmissionRecord& record);

}  // namespace wavs::aggregator
