// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/spending.hpp"
#include "wavs/chain_evm/transaction.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/records.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace wavs::chain_evm {

/// A nonce of ours with everything that was signed for it, oldest first. Changed only by who
/// follows it, or by the holder of the nonces before that.
struct Sending {
    Transaction tx;
    std::vector<SignedTransaction> attempts;
    base::Bytes reference;
    types::Timestamp signed_at;
    std::optional<types::ServiceId> payer;
    /// Its share of the payer's budget; none without a payer.
    std::shared_ptr<Spending::Reservation> share;
    /// The chain's node has the last attempt, as far as we know.
    bool delivered = false;
    /// The reorganisations that were known of when it was last delivered.
    std::uint64_t delivered_in = 0;
    /// It only uses up a nonce, so nobody will ask for it.
    bool filler = false;
    /// A call waits for its end. Under the manager's mutex.
    bool followed = false;
    /// That a limit of the operator keeps it from being replaced has been said.
    bool told_limit = false;
};
using SendingPtr = std::shared_ptr<Sending>;

/// The records of one account's transactions on one chain (docs/protocol/02-records.md).
class TxJournal {
public:
    TxJournal(storage::Store& store, types::ChainKey chain, types::EvmAddress account)
        : store_(store), chain_(std::move(chain)), account_(account) {}

    /// In the order of their nonces.
    base::Result<std::vector<SendingPtr>> load() const;
    void put(storage::Batch& batch, const Sending& sending) const;
    void erase(storage::Batch& batch, std::uint64_t nonce) const;
    async::Task<base::Result<void>> commit(storage::Batch batch);
    /// Durable no later than the next commit: for what was never on its way.
    base::Result<void> erase_unsynced(std::uint64_t nonce);

private:
    storage::Store& store_;
    const types::ChainKey chain_;
    const types::EvmAddress account_;
};

}  // namespace wavs::chain_evm
