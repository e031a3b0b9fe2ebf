// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/submissions.hpp"

#include "aggregator_parts.hpp"
#include "wavs/base/assert.hpp"

#include <algorithm>

namespace wavs::aggregator {
namespace {

using storage::Keyspace;

constexpr std::size_t kPage = 1'000;
constexpr std::size_t kPrefix = types::ServiceId::size() + types::EventId::size();
constexpr std::size_t kMostDivergences = 1'000;

types::ServiceId service_of(base::ByteView key) {
    return types::ServiceId::from(key.first<types::ServiceId::size()>());
}

types::EventId event_of(base::ByteView key) {
    return types::EventId::from(
        key.subspan(types::ServiceId::size()).first<types::EventId::size()>());
}

base::Bytes digest_of(base::ByteView key) {
    return base::to_bytes(key.last(types::Bytes32::size()));
}

}  // namespace

base::Bytes key_of(const types::SubmissionRecord& record) {
    WAVS_ASSERT(record.submission.has_value());
    const auto& submission = *record.submission;
    return types::submission_key(submission.trigger_action.config.service_id, submission.event_id,
                                 record.signer, types::envelope_digest(submission.envelope));
}

base::Result<std::vector<StoredSubmission>> Submissions::load() {
    std::vector<StoredSubmission> open;
    base::Bytes event;
    base::Bytes digest;
    base::Bytes from;
    while (true) {
        WAVS_TRY(auto entries, store_.scan(Keyspace::Submissions, {.from = from, .limit = kPage}));
        for (auto& entry : entries) {
            WAVS_TRY(auto record, types::decode_submission_record(entry.value));
            // Submissions of one event are side by side.
            auto its_event = base::to_bytes(base::ByteView(entry.key).first(kPrefix));
            if (its_event == event && digest_of(entry.key) != digest) {
                note_divergence(service_of(entry.key), event_of(entry.key));
            }
            event = std::move(its_event);
            digest = digest_of(entry.key);
            index(entry.key, record);
            from = entry.key;
            if (record.peer != kSelf && !types::is_final(record.state)) {
                open.push_back({std::move(entry.key), std::move(record)});
            }
        }
        if (entries.size() < kPage) {
            break;
        }
        from.push_back(0);
    }
    std::sort(open.begin(), open.end(), [](const auto& a, const auto& b) {
        return a.record.received_at < b.record.received_at;
    });
    return open;
}

base::Result<std::optional<types::SubmissionRecord>> Submissions::find(base::ByteView key) const {
    WAVS_TRY(auto stored, store_.get(Keyspace::Submissions, key));
    if (!stored) {
        return std::optional<types::SubmissionRecord>();
    }
    WAVS_TRY(auto record, types::decode_submission_record(*stored));
    return std::optional(std::move(record));
}

base::Result<std::vector<types::SubmissionRecord>> Submissions::of_event(
    const types::ServiceId& service, const types::EventId& event) const {
    WAVS_TRY(auto entries, store_.scan(Keyspace::Submissions,
                                       {.prefix = types::submission_prefix(service, event)}));
    std::vector<types::SubmissionRecord> out;
    for (const auto& entry : entries) {
        WAVS_TRY(auto record, types::decode_submission_record(entry.value));
        out.push_back(std::move(record));
    }
    return out;
}

storage::Batch Submissions::add(const types::SubmissionRecord& record) {
    auto key = key_of(record);
    index(key, record);
    storage::Batch batch;
    batch.put(Keyspace::Submissions, std::move(key), types::encode(record));
    return batch;
}

storage::Batch Submissions::set_state(types::SubmissionRecord record, types::ResultState state) {
    record.state = state;
    return add(record);
}

storage::Batch Submissions::erase(const types::SubmissionRecord& record) {
    auto key = key_of(record);
    {
        const std::lock_guard lock(mutex_);
        unindex(services_[service_of(key)], {record.received_at, key});
    }
    storage::Batch batch;
    batch.erase(Keyspace::Submissions, std::move(key));
    return batch;
}

storage::Batch Submissions::forget(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    services_.erase(service);
    std::erase_if(divergences_, [&](const auto& one) { return service_of(one) == service; });
    std::erase_if(divergent_, [&](const auto& one) { return service_of(one) == service; });
    storage::Batch batch;
    batch.erase_prefix(Keyspace::Submissions, service.view());
    return batch;
}

void Submissions::index(const base::Bytes& key, const types::SubmissionRecord& record) {
    const std::lock_guard lock(mutex_);
    auto& index = services_[service_of(key)];
    const Place place(record.received_at, key);
    unindex(index, place);
    if (!record.submission) {
        return;
    }
    // Until its signer is registered nobody is told of it by us.
    if (record.state == types::ResultState::Waiting) {
        return;
    }
    const bool open = !types::is_final(record.state);
    index.entries.emplace(place, open);
    index.settled += open ? 0 : 1;
    prune(index, clock_.wall_now());
}

void Submissions::unindex(Index& index, const Place& place) {
    const auto found = index.entries.find(place);
    if (found != index.entries.end()) {
        index.settled -= found->second ? 0 : 1;
        index.entries.erase(found);
    }
}

// Settled ones that are too many or too old; open ones stay.
void Submissions::prune(Index& index, types::Timestamp now) {
    const auto oldest = earlier(now, options_.catchup_ttl);
    auto at = index.entries.begin();
    while (at != index.entries.end() && index.settled > 0) {
        const bool too_old = at->first.first < oldest;
        if (!too_old && index.settled <= options_.most_kept) {
            return;
        }
        const bool open = at->second;
        index.settled -= open ? 0 : 1;
        at = open ? std::next(at) : index.entries.erase(at);
    }
}

std::string Submissions::catchup_answer(const types::ServiceId& service) {
    std::vector<base::Bytes> keys;
    {
        const std::lock_guard lock(mutex_);
        const auto found = services_.find(service);
        if (found != services_.end()) {
            prune(found->second, clock_.wall_now());
            const auto& entries = found->second.entries;
            for (auto one = entries.rbegin();
                 one != entries.rend() && keys.size() < options_.most_per_answer; ++one) {
                keys.push_back(one->first.second);
            }
        }
    }
    std::string out = R"({"submissions":[)";
    const std::size_t start = out.size();
    for (const auto& key : keys) {
        auto record = find(key);
        if (!record.has_value() || !record.value() || !record.value()->submission) {
            continue;
        }
        const auto json = types::to_json(*record.value()->submission);
        if (out.size() + json.size() + 3 > kLongestAnswer) {
            continue;
        }
        out += out.size() == start ? "" : ",";
        out += json;
    }
    return out + "]}";
}

bool Submissions::is_divergent(base::ByteView key) const {
    const std::lock_guard lock(mutex_);
    return divergent_.contains(base::to_bytes(key.first(kPrefix)));
}

bool Submissions::note_divergence(const types::ServiceId& service, const types::EventId& event) {
    auto prefix = types::submission_prefix(service, event);
    const std::lock_guard lock(mutex_);
    if (!divergent_.insert(prefix).second) {
        return false;
    }
    divergences_.push_back(std::move(prefix));
    if (divergences_.size() > kMostDivergences) {
        divergent_.erase(divergences_.front());
        divergences_.erase(divergences_.begin());
    }
    return true;
}

base::Result<std::vector<Divergence>> Submissions::divergences() const {
    std::vector<base::Bytes> prefixes;
    {
        const std::lock_guard lock(mutex_);
        prefixes.assign(divergences_.rbegin(), divergences_.rend());
    }
    std::vector<Divergence> out;
    for (const auto& prefix : prefixes) {
        Divergence one{service_of(prefix), event_of(prefix), {}};
        WAVS_TRY(one.submissions, of_event(one.service, one.event));
        if (!one.submissions.empty()) {
            out.push_back(std::move(one));
        }
    }
    return out;
}

async::Task<base::Result<std::size_t>> Submissions::clean_up(types::Timestamp before) {
    const auto told_until = earlier(clock_.wall_now(), options_.catchup_ttl);
    base::Bytes from;
    std::size_t erased = 0;
    while (true) {
        WAVS_CO_TRY(auto entries,
                    store_.scan(Keyspace::Submissions, {.from = from, .limit = kPage}));
        storage::Batch batch;
        for (const auto& entry : entries) {
            WAVS_CO_TRY(auto record, types::decode_submission_record(entry.value));
            const bool old = record.received_at < before;
            // Our own may have ended elsewhere, with its journal: nobody is told of it for ever.
            if (!types::is_final(record.state) && !(old && record.peer == kSelf)) {
                continue;
            }
            if (old) {
                {
                    const std::lock_guard lock(mutex_);
                    unindex(services_[service_of(entry.key)], {record.received_at, entry.key});
                }
                batch.erase(Keyspace::Submissions, entry.key);
                ++erased;
            } else if (record.submission && record.received_at < told_until &&
                       !is_divergent(entry.key)) {
                record.submission.reset();
                batch.put(Keyspace::Submissions, entry.key, types::encode(record));
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

}  // namespace wavs::aggregator
