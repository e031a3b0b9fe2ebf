// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/records.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace wavs::submission {

/// The ledger as a file, for a node that moves: docs/protocol/02-records.md 6.

using LedgerSink = std::function<base::Result<void>(std::string_view)>;
/// Hands the document to `write` piece by piece; only what `signer` signed when that is given.
/// Returns the number of entries. The node must not run meanwhile. Blocking.
base::Result<std::size_t> export_ledger(const storage::Store& store,
                                        std::optional<types::EvmAddress> signer,
                                        types::Timestamp now, const LedgerSink& write);

struct LedgerImport {
    std::size_t entries = 0;
    /// Of them, those that were here.
    std::size_t known = 0;
    std::size_t signers = 0;
};
/// Adds the entries of a document, and lets its signers sign here. An entry that says another thing
/// than the one that is here is Conflict ("ledger_conflict"): the key signed two results for one
/// event, and nothing is imported. What cannot be read is Invalid ("ledger_file"), and nothing is
/// imported either. The same document again changes nothing. It is on disk at the end. The node
/// must not run meanwhile.
async::Task<base::Result<LedgerImport>> import_ledger(storage::Store& store, std::string document,
                                                      types::Timestamp now);

}  // namespace wavs::submission
