// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"

#include <functional>

#include <filesystem>
#include <memory>

namespace wavs::storage {

/// The store on disk: one RocksDB instance, one column family per keyspace. One thread of its own
/// writes the commits: those that arrive while a sync runs share the next one (group commit). What
/// waits for the commits of a group goes on together, on the executor given for it.
class RocksdbStore final : public Store {
public:
    /// Opens or creates the database in `directory`. Blocking. `on_failure` hears, on any
    /// thread, of what the disk did not take: the database cannot be used after that (it ends the
    /// process at the next write), so the node should end by itself, with the reason.
    /// Without `completions`, commits complete on the writing thread.
    static base::Result<std::unique_ptr<RocksdbStore>> open(
        const std::filesystem::path& directory,
        std::function<void(const base::Error&)> on_failure = {}, async::Executor completions = {});
    ~RocksdbStore() override;

    base::Result<std::optional<base::Bytes>> get(Keyspace keyspace,
                                                 base::ByteView key) const override;
    base::Result<std::vector<Entry>> scan(Keyspace keyspace, const Scan& scan) const override;
    void begin_commit(Batch batch, async::Completion<void> done) override;
    base::Result<void> write_unsynced(const Batch& batch) override;
    std::uint64_t sync_count() const override;

private:
    struct Impl;
    explicit RocksdbStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::storage
