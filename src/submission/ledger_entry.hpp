// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"
#include "wavs/submission/ledger.hpp"

namespace wavs::submission {

/// The value behind a `LedgerKey` (docs/protocol/02-records.md 3).
struct LedgerEntry {
    types::Bytes32 digest;
    types::Timestamp signed_at;
};

base::Bytes storage_key(const LedgerKey& key);
base::Result<LedgerKey> read_ledger_key(base::ByteView key);
base::Bytes encode(const LedgerEntry& entry);
base::Result<LedgerEntry> decode_ledger_entry(base::ByteView stored);
base::Bytes encode(types::SignerState state);

}  // namespace wavs::submission
