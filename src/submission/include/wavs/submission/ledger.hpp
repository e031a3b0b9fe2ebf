// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/ids.hpp"

#include <map>
#include <mutex>

namespace wavs::submission {

/// What an entry of the ledger stands for: this key signs at most one envelope for this event.
struct LedgerKey {
    types::EvmAddress signer;
    types::ServiceId service;
    types::WorkflowId workflow;
    types::EventId event;
    friend auto operator<=>(const LedgerKey&, const LedgerKey&) = default;
};

/// The signing ledger: one envelope per signer, service, workflow and event id, for at least 90
/// days, never deleted with a service. An entry is stored in the same synced batch as the signed
/// result, hence before the signature leaves the process. Thread-safe.
class Ledger {
public:
    explicit Ledger(const storage::Store& store) : store_(store) {}

    /// Asks to sign `envelope_digest` and adds the entry to `batch`. A different digest that was
    /// signed, or is about to be, for the same key is Conflict ("double_sign"). The reservation
    /// holds until `release()`; call it when the batch has been committed or given up.
    base::Result<void> reserve(const LedgerKey& key, const types::Bytes32& envelope_digest,
                               types::Timestamp now, storage::Batch& batch);
    void release(const LedgerKey& key);

private:
    struct Reservation {
        types::Bytes32 digest;
        std::size_t holders = 0;
    };
    const storage::Store& store_;
    std::mutex mutex_;
    std::map<LedgerKey, Reservation> reserved_;
};

}  // namespace wavs::submission
