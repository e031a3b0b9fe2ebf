// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/memory_store.hpp"

#include <algorithm>

namespace wavs::storage {
namespace {

bool starts_with(base::ByteView key, base::ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

}  // namespace

base::Result<std::optional<base::Bytes>> MemoryStore::get(Keyspace keyspace,
                                                          base::ByteView key) const {
    const std::lock_guard lock(mutex_);
    const auto& table = tables_.at(static_cast<std::size_t>(keyspace));
    const auto found = table.find(base::to_bytes(key));
    if (found == table.end()) {
        return std::optional<base::Bytes>();
    }
    return std::optional<base::Bytes>(found->second);
}

base::Result<std::vector<Entry>> MemoryStore::scan(Keyspace keyspace, const Scan& scan) const {
    const std::lock_guard lock(mutex_);
    const auto& table = tables_.at(static_cast<std::size_t>(keyspace));
    std::vector<Entry> out;
    for (auto it = table.lower_bound(std::max(scan.prefix, scan.from));
         it != table.end() && starts_with(it->first, scan.prefix) && out.size() < scan.limit;
         ++it) {
        out.push_back({it->first, it->second});
    }
    return out;
}

void MemoryStore::begin_commit(Batch batch, async::Completion<void> done) {
    done.set(commit_now(batch));
}

base::Result<void> MemoryStore::commit_now(const Batch& batch) {
    const std::lock_guard lock(mutex_);
    if (failing_ > 0) {
        --failing_;
        return base::Error(base::ErrorKind::Unavailable, "storage_failed",
                           "storage: commit failed: as asked for");
    }
    apply_locked(batch);
    ++syncs_;
    return base::ok();
}

void MemoryStore::fail_commits(std::size_t count) {
    const std::lock_guard lock(mutex_);
    failing_ = count;
}

base::Result<void> MemoryStore::write_unsynced(const Batch& batch) {
    const std::lock_guard lock(mutex_);
    apply_locked(batch);
    return base::ok();
}

std::uint64_t MemoryStore::sync_count() const {
    const std::lock_guard lock(mutex_);
    return syncs_;
}

void MemoryStore::apply_locked(const Batch& batch) {
    for (const auto& operation : batch.operations()) {
        auto& table = tables_.at(static_cast<std::size_t>(operation.keyspace));
        switch (operation.kind) {
            case Batch::Operation::Kind::Put:
                table[operation.key] = operation.value;
                break;
            case Batch::Operation::Kind::Erase:
                table.erase(operation.key);
                break;
            case Batch::Operation::Kind::ErasePrefix:
                auto it = table.lower_bound(operation.key);
                while (it != table.end() && starts_with(it->first, operation.key)) {
                    it = table.erase(it);
                }
                break;
        }
    }
}

}  // namespace wavs::storage
