// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"
#include "wavs/types/ids.hpp"

#include <filesystem>
#include <mutex>
#include <unordered_set>
#include <vector>

namespace wavs::storage {

/// Component bytes by their SHA-256 under `<root>/aa/bb/<64 hex>`
/// (docs/protocol/04-data-directory.md). Writes are atomic (temporary file, sync, rename); the
/// first read of a blob in a process checks its digest, and a damaged one is removed and NotFound,
/// so that it can be fetched again. Blocking: call from the blocking pool. Thread-safe.
class BlobStore {
public:
    explicit BlobStore(std::filesystem::path root) : root_(std::move(root)) {}

    base::Result<types::ComponentDigest> put(base::ByteView bytes);
    base::Result<base::Bytes> get(const types::ComponentDigest& digest);
    bool contains(const types::ComponentDigest& digest) const;
    /// Ascending; files with other names are ignored.
    std::vector<types::ComponentDigest> list() const;
    /// Where the bytes are, or would be.
    std::filesystem::path path_of(const types::ComponentDigest& digest) const;

private:
    std::filesystem::path root_;
    std::mutex mutex_;
    std::unordered_set<types::ComponentDigest, base::FixedBytesHash> verified_;
};

}  // namespace wavs::storage
