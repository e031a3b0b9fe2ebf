// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"

#include <array>
#include <map>
#include <mutex>

namespace wavs::storage {

/// The same contract without a disk: for tests, the simulator and offline tools.
class MemoryStore final : public Store {
public:
    base::Result<std::optional<base::Bytes>> get(Keyspace keyspace,
                                                 base::ByteView key) const override;
    base::Result<std::vector<Entry>> scan(Keyspace keyspace, const Scan& scan) const override;
    void begin_commit(Batch batch, async::Completion<void> done) override;
    base::Result<void> write_unsynced(const Batch& batch) override;
    std::uint64_t sync_count() const override;

    /// The next commits fail, as on a full disk.
    void fail_commits(std::size_t count);

private:
    base::Result<void> commit_now(const Batch& batch);
    void apply_locked(const Batch& batch);

    mutable std::mutex mutex_;
    std::array<std::map<base::Bytes, base::Bytes>, kKeyspaceCount> tables_;
    std::uint64_t syncs_ = 0;
    std::size_t failing_ = 0;
};

}  // namespace wavs::storage
