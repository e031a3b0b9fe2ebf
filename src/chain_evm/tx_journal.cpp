// SPDX-License-Identifier: Apache-2.0
#include "tx_journal.hpp"

#include "wavs/hash/hash.hpp"

namespace wavs::chain_evm {

using storage::Keyspace;

base::Result<std::vector<SendingPtr>> TxJournal::load() const {
    WAVS_TRY(const auto entries,
             store_.scan(Keyspace::Transactions,
                         {.prefix = types::transaction_prefix(chain_, account_)}));
    std::vector<SendingPtr> out;
    for (const auto& entry : entries) {
        WAVS_TRY(auto record, types::decode_transaction_record(entry.value));
        auto sending = std::make_shared<Sending>();
        for (auto& raw : record.attempts) {
            WAVS_TRY(sending->tx, parse_signed(raw));
            const types::Bytes32 hash(hash::keccak256(raw));
            sending->attempts.push_back({std::move(raw), hash, sending->tx.nonce});
        }
        sending->reference = std::move(record.reference);
        sending->filler = sending->reference.empty();
        sending->signed_at = record.signed_at;
        sending->payer = record.payer;
        if (!sending->attempts.empty()) {
            out.push_back(std::move(sending));
        }
    }
    return out;
}

void TxJournal::put(storage::Batch& batch, const Sending& sending) const {
    types::TransactionRecord record{sending.reference, {}, sending.signed_at, sending.payer};
    for (const auto& attempt : sending.attempts) {
        record.attempts.push_back(attempt.raw);
    }
    batch.put(Keyspace::Transactions, types::transaction_key(chain_, account_, sending.tx.nonce),
              types::encode(record));
}

void TxJournal::erase(storage::Batch& batch, std::uint64_t nonce) const {
    batch.erase(Keyspace::Transactions, types::transaction_key(chain_, account_, nonce));
}

async::Task<base::Result<void>> TxJournal::commit(storage::Batch batch) {
    co_return co_await store_.commit(std::move(batch));
}

base::Result<void> TxJournal::erase_unsynced(std::uint64_t nonce) {
    storage::Batch batch;
    erase(batch, nonce);
    return store_.write_unsynced(batch);
}

}  // namespace wavs::chain_evm
