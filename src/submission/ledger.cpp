// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/codec.hpp"
#include "wavs/types/records.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <set>

namespace wavs::submission {
namespace {

constexpr std::uint8_t kVersion = 1;
// A signature waits while a step goes on, so a step is short and there are pauses.
constexpr std::size_t kEntriesPerStep = 500;
constexpr auto kStepPause = std::chrono::milliseconds(100);
constexpr auto kPruneEvery = std::chrono::hours(1);

struct Entry {
    types::Bytes32 digest;
    types::Timestamp signed_at;
};

base::Bytes storage_key(const LedgerKey& key) {
    return storage::KeyWriter()
        .bytes(key.signer.view())
        .bytes(key.service.view())
        .bytes(key.event.view())
        .text(key.workflow.str())
        .get();
}

base::Bytes encode(const types::Bytes32& digest, types::Timestamp now) {
    types::Encoder out;
    out.byte(kVersion);
    out.fixed(digest.view());
    out.number(now.nanos);
    return std::move(out).take();
}

bool is_older(const Entry& entry, types::Timestamp now, std::chrono::seconds age) {
    constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;
    return entry.signed_at < now && (now.nanos - entry.signed_at.nanos) / kNanosPerSecond >=
                                        static_cast<std::uint64_t>(age.count());
}

base::Error conflict(const LedgerKey& key) {
    return {
        base::ErrorKind::Conflict, "double_sign",
        fmt::format(
            "event {} of workflow {} was signed before with another result; this one is not signed",
            types::to_string(key.event), key.workflow.str()),
        "the component is not deterministic, or two responses share an event id: give each "
        "response its own event-id-salt"};
}

base::Result<Entry> decode(const base::Bytes& stored) {
    types::Decoder in(stored);
    const auto version = in.byte();
    const auto digest = types::read_fixed<types::Bytes32>(in);
    const types::Timestamp signed_at{in.number()};
    if (in.failed() || version != kVersion) {
        return types::unreadable_record("ledger_record", "a ledger entry", version, kVersion);
    }
    return Entry{digest, signed_at};
}

}  // namespace

Ledger::Shard& Ledger::shard_of(const LedgerKey& key) {
    return shards_[key.event.view().back() % kShards];
}

base::Result<void> Ledger::reserve(const LedgerKey& key, const types::Bytes32& envelope_digest,
                                   types::Timestamp now, storage::Batch& batch) {
    const auto storage = storage_key(key);
    auto& [mutex, reserved] = shard_of(key);
    const std::lock_guard lock(mutex);
    const auto held = reserved.find(key);
    if (held != reserved.end() && held->second.digest != envelope_digest) {
        return conflict(key);
    }
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Ledger, storage));
    if (stored) {
        WAVS_TRY(const auto entry, decode(*stored));
        if (entry.digest != envelope_digest) {
            return conflict(key);
        }
    }
    // Also when it is there: its age counts from the last signature.
    batch.put(storage::Keyspace::Ledger, storage, encode(envelope_digest, now));
    auto& reservation = reserved[key];
    reservation.digest = envelope_digest;
    ++reservation.holders;
    return base::ok();
}

void Ledger::release(const LedgerKey& key) {
    auto& [mutex, reserved] = shard_of(key);
    const std::lock_guard lock(mutex);
    const auto held = reserved.find(key);
    if (held != reserved.end() && --held->second.holders == 0) {
        reserved.erase(held);
    }
}

// No entry is erased that a signature relies on. Reading, choosing and erasing happen under all
// mutexes, of which `reserve` takes one. A reservation made before is seen here, and its entry
// stays until the reservation ends: by then the batch with the entry's new time is stored, or given
// up and there is no signature. A reservation made after finds the entry gone and stores its own,
// behind this erasure in the journal. So the erasure needs no sync: if it is lost, so is all that
// came after, and the next step repeats it.
base::Result<Ledger::Pruned> Ledger::prune(types::Timestamp now, std::chrono::seconds age,
                                           std::size_t limit) {
    const auto least = std::max<std::chrono::seconds>(age, types::kLedgerLeastRetention);
    std::array<std::unique_lock<std::mutex>, kShards> locks;
    for (std::size_t i = 0; i < kShards; ++i) {
        locks[i] = std::unique_lock(shards_[i].mutex);
    }
    WAVS_TRY(const auto entries,
             store_.scan(storage::Keyspace::Ledger, {.from = next_, .limit = limit}));
    Pruned out;
    out.end = entries.size() < limit;
    const auto batch = old_entries(entries, now, least);
    if (!batch.empty()) {
        WAVS_TRY(store_.write_unsynced(batch));
    }
    out.erased = batch.operations().size();
    next_.clear();
    if (!out.end) {
        next_ = entries.back().key;
        next_.push_back(0);
    }
    return out;
}

storage::Batch Ledger::old_entries(const std::vector<storage::Entry>& entries, types::Timestamp now,
                                   std::chrono::seconds age) const {
    std::set<base::Bytes> in_use;
    for (const auto& shard : shards_) {
        for (const auto& [key, reservation] : shard.reserved) {
            in_use.insert(storage_key(key));
        }
    }
    storage::Batch out;
    for (const auto& [key, value] : entries) {
        const auto entry = decode(value);
        // What cannot be read may be young.
        if (entry.has_value() && is_older(entry.value(), now, age) && !in_use.contains(key)) {
            out.erase(storage::Keyspace::Ledger, key);
        }
    }
    return out;
}

async::Task<base::Result<void>> Ledger::run_retention(LedgerRetention retention) {
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    std::size_t erased = 0;
    while (true) {
        const auto step = [this, now = retention.clock.wall_now(), age = retention.age] {
            return prune(now, age, kEntriesPerStep);
        };
        WAVS_CO_TRY(const auto pruned,
                    co_await async::run_blocking(retention.blocking, executor, step));
        erased += pruned.erased;
        if (pruned.end && erased > 0) {
            telemetry::log_info("submission", "old ledger entries erased", {{"entries", erased}});
            erased = 0;
        }
        WAVS_CO_TRY(co_await retention.timers.sleep_for(pruned.end ? kPruneEvery : kStepPause));
    }
}

}  // namespace wavs::submission
