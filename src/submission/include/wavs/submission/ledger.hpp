// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/base/result.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/records.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace wavs::submission {

/// What an entry of the ledger stands for: this key signs at most one envelope for this event.
struct LedgerKey {
    types::EvmAddress signer;
    types::ServiceId service;
    types::WorkflowId workflow;
    types::EventId event;
    friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};

/// How and how long the ledger remembers.
struct LedgerRetention {
    /// Counts from the last signature; never taken for less than `types::kLedgerLeastRetention`.
    std::chrono::seconds age;
    const base::Clock& clock;
    async::Timers& timers;
    /// For reading and writing the disk.
    async::Executor blocking;
};

/// How the reason begins for which a key does not sign; events that failed for it begin with it.
std::string signing_off_text(const types::EvmAddress& signer);
/// The beginning that all of them share.
inline constexpr std::string_view kSigningOff = "signing is off for ";

/// The signing ledger: one envelope per signer, service, workflow and event id, for at least 90
/// days, never deleted with a service. An entry is stored in the same synced batch as the signed
/// result, hence before the signature leaves the process. A key that may have signed elsewhere does
/// not sign until the ledger from there is here, or the operator says that there is none.
/// Thread-safe.
class Ledger {
public:
    explicit Ledger(storage::Store& store) : store_(store) {}

    /// Once, before anything else: which keys do not sign.
    base::Result<void> open();

    /// Asks to sign `envelope_digest` and adds the entry to `batch`. A different digest that was
    /// signed, or is about to be, for the same key is Conflict ("double_sign"), and so is a signer
    /// that is not on ("ledger_missing", "ledger_unchecked"). The reservation holds until
    /// `release()`; call it when the batch has been committed or given up.
    base::Result<void> reserve(const LedgerKey& key, const types::Bytes32& envelope_digest,
                               types::Timestamp now, storage::Batch& batch);
    void release(const LedgerKey& key);

    types::SignerState state(const types::EvmAddress& signer) const;
    /// In force at once; the returned batch makes it so after a restart.
    storage::Batch set_state(const types::EvmAddress& signer, types::SignerState state);
    /// True when what this key has signed is here, however little: entries of it, or word that
    /// there are none.
    base::Result<bool> knows(const types::EvmAddress& signer) const;

    struct Pruned {
        std::size_t erased = 0;
        /// The last entry has been looked at; the next step begins at the first.
        bool end = false;
    };
    /// Looks at up to `limit` entries, from where the last step stopped, and erases those that are
    /// older than `age`. Blocking.
    base::Result<Pruned> prune(types::Timestamp now, std::chrono::seconds age, std::size_t limit);
    /// Prunes now and then; runs until stopped.
    async::Task<base::Result<void>> run_retention(LedgerRetention retention);

private:
    struct Reservation {
        types::Bytes32 digest;
        std::size_t holders = 0;
    };
    using Reservations = std::map<LedgerKey, Reservation>;
    // A signature asks the disk under its mutex; signatures of other events go on meanwhile.
    struct Shard {
        std::mutex mutex;
        Reservations reserved;
    };
    static constexpr std::size_t kShards = 16;

    Shard& shard_of(const LedgerKey& key);
    // Under all mutexes.
    storage::Batch old_entries(const std::vector<storage::Entry>& entries, types::Timestamp now,
                               std::chrono::seconds age) const;

    storage::Store& store_;
    std::array<Shard, kShards> shards_;
    mutable std::mutex states_mutex_;
    // Those that are not on.
    std::map<types::EvmAddress, types::SignerState> off_;
    // Where the next step of pruning begins; under all mutexes.
    base::Bytes next_;
};

}  // namespace wavs::submission
