// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"

#include <filesystem>
#include <memory>

namespace wavs::storage {

/// The store on disk: one RocksDB instance, one column family per keyspace. One thread of its own
/// writes the commits: those that arrive while a sync runs share the next one (group commit).
class RocksdbStore final : public Store {
public:
    /// Opens or creates the database in `directory`. Blocking.
    static base::Result<std::unique_ptr<RocksdbStore>> open(const std::filesystem::path& directory);
    ~RocksdbStore() override;

    base::Result<std::optional<base::Bytes>> get(Keyspace keyspace,
                                                 base::ByteView key) const override;
    base::Result<std::vector<Entry>> scan(Keyspace keyspace, const Scan& scan) const override;
    async::Task<base::Result<void>> commit(Batch batch) override;
    base::Result<void> write_unsynced(const Batch& batch) override;
    std::uint64_t sync_count() const override;

private:
    struct Impl;
    explicit RocksdbStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::storage
