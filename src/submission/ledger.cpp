// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger.hpp"

#include "ledger_entry.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/codec.hpp"
#include "wavs/types/records.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <set>

namespace wavs::submission {
namespace {

constexpr std::uint8_t kStateVersion = 1;
// A signature waits while a step goes on, so a step is short and there are pauses.
constexpr std::size_t kEntriesPerStep = 500;
constexpr auto kStepPause = std::chrono::milliseconds(100);
constexpr auto kPruneEvery = std::chrono::hours(1);

bool is_older(const LedgerEntry& entry, types::Timestamp now, std::chrono::seconds age) {
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

base::Error signing_off(const LedgerKey& key, types::SignerState state) {
    auto text = signing_off_text(key.signer);
    if (state == types::SignerState::Unchecked) {
        return {base::ErrorKind::Conflict, "ledger_unchecked",
                text +
                    ": the key is new on this node, and whether its manager counted it before "
                    "could not be asked",
                "nothing, it is asked again; when it lasts, look at the endpoints of the manager's "
                "chain"};
    }
    return {base::ErrorKind::Conflict, "ledger_missing",
            text +
                ": its manager counted this key before this node had it, so it may have signed "
                "elsewhere what this node does not know of",
            fmt::format("import the ledger of the node that signed with it (wavs ledger import); "
                        "if there is none: wavs-cli ledger accept-empty {}",
                        types::to_string(key.service))};
}

}  // namespace

std::string signing_off_text(const types::EvmAddress& signer) {
    return std::string(kSigningOff) + types::to_checksum_string(signer);
}

base::Result<void> Ledger::open() {
    WAVS_TRY(const auto stored, store_.scan(storage::Keyspace::SignerStates, {}));
    const std::lock_guard lock(states_mutex_);
    for (const auto& [key, value] : stored) {
        types::Decoder signer(key);
        const auto address = types::read_fixed<types::EvmAddress>(signer);
        types::Decoder in(value);
        const auto version = in.byte();
        const auto state = static_cast<types::SignerState>(in.byte());
        if (!signer.at_end() || !in.at_end() || version != kStateVersion ||
            state > types::SignerState::Missing) {
            return types::unreadable_record("signer_state_record", "the state of a signer", version,
                                            kStateVersion);
        }
        if (state != types::SignerState::On) {
            off_[address] = state;
        }
    }
    return base::ok();
}

types::SignerState Ledger::state(const types::EvmAddress& signer) const {
    const std::lock_guard lock(states_mutex_);
    const auto found = off_.find(signer);
    return found == off_.end() ? types::SignerState::On : found->second;
}

storage::Batch Ledger::set_state(const types::EvmAddress& signer, types::SignerState state) {
    storage::Batch out;
    out.put(storage::Keyspace::SignerStates, signer.view(), encode(state));
    const std::lock_guard lock(states_mutex_);
    if (state == types::SignerState::On) {
        off_.erase(signer);
    } else {
        off_[signer] = state;
    }
    return out;
}

base::Result<bool> Ledger::knows(const types::EvmAddress& signer) const {
    WAVS_TRY(const auto stored, store_.get(storage::Keyspace::SignerStates, signer.view()));
    if (stored) {
        return state(signer) == types::SignerState::On;
    }
    WAVS_TRY(const auto entries,
             store_.scan(storage::Keyspace::Ledger,
                         {.prefix = base::to_bytes(signer.view()), .limit = 1}));
    return !entries.empty();
}

Ledger::Shard& Ledger::shard_of(const LedgerKey& key) {
    return shards_[key.event.view().back() % kShards];
}

base::Result<void> Ledger::reserve(const LedgerKey& key, const types::Bytes32& envelope_digest,
                                   types::Timestamp now, storage::Batch& batch) {
    if (const auto now_state = state(key.signer); now_state != types::SignerState::On) {
        return signing_off(key, now_state);
    }
    const auto storage = storage_key(key);
    auto& [mutex, reserved] = shard_of(key);
    const std::lock_guard lock(mutex);
    const auto held = reserved.find(key);
    if (held != reserved.end() && held->second.digest != envelope_digest) {
        return conflict(key);
    }
    WAVS_TRY(auto stored, store_.get(storage::Keyspace::Ledger, storage));
    if (stored) {
        WAVS_TRY(const auto entry, decode_ledger_entry(*stored));
        if (entry.digest != envelope_digest) {
            return conflict(key);
        }
    }
    // Also when it is there: its age counts from the last signature.
    batch.put(storage::Keyspace::Ledger, storage, encode(LedgerEntry{envelope_digest, now}));
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
        const auto entry = decode_ledger_entry(value);
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
