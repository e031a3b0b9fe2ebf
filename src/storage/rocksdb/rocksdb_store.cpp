// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/rocksdb_store.hpp"

#include "wavs/async/queue_stats.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/base/fault.hpp"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/slice.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <tuple>
#include <vector>

namespace wavs::storage {
namespace {

// So many commits in a group are a load, under which the next group waits for company.
constexpr std::size_t kCrowd = 4;
constexpr std::size_t kFullGroup = 256;
constexpr auto kBetweenGroups = std::chrono::microseconds(2'000);

// An empty view may have no address, which RocksDB's comparisons do not take.
rocksdb::Slice slice(base::ByteView bytes) {
    return bytes.empty()
               ? rocksdb::Slice()
               : rocksdb::Slice(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

base::Bytes bytes_of(const rocksdb::Slice& from) {
    return base::to_bytes(std::string_view(from.data(), from.size()));
}

base::Error failure(std::string_view what, const rocksdb::Status& status) {
    return {base::ErrorKind::Unavailable, "storage_failed",
            fmt::format("storage: {} failed: {}", what, status.ToString()),
            "check free space and the health of the disk that holds the data directory"};
}

// The first key above every key with this prefix; empty when there is none.
base::Bytes end_of_prefix(base::Bytes prefix) {
    while (!prefix.empty() && prefix.back() == 0xff) {
        prefix.pop_back();
    }
    if (!prefix.empty()) {
        ++prefix.back();
    }
    return prefix;
}

using OnFailure = std::function<void(const base::Error&)>;

// Hears of what the disk does not take at the place where it happens. Told later, by the commit
// that fails, the database might have ended the process before: a file with an error must not be
// touched again, and a flush in the background does.
class DiskListener final : public rocksdb::EventListener {
public:
    explicit DiskListener(OnFailure on_failure) : on_failure_(std::move(on_failure)) {}
    bool ShouldBeNotifiedOnFileIO() override { return true; }
    void OnIOError(const rocksdb::IOErrorInfo& info) override {
        if (info.operation != rocksdb::FileOperationType::kRead) {
            on_failure_(failure("writing " + info.file_path, info.io_status));
        }
    }

private:
    OnFailure on_failure_;
};

}  // namespace

struct RocksdbStore::Impl {
    struct Pending {
        Batch batch;
        async::Completion<void> done;
    };
    using Group = std::deque<Pending>;
    struct Gathered {
        Group group;
        rocksdb::WriteBatch merged;
    };

    std::unique_ptr<rocksdb::DB> db;
    std::vector<rocksdb::ColumnFamilyHandle*> families;

    std::mutex mutex;
    std::condition_variable arrived;
    std::condition_variable to_write;
    Group pending;
    std::unique_ptr<Gathered> gathered;
    bool stopping = false;
    bool gathering_ended = false;
    OnFailure on_failure;
    async::Executor completions;
    std::atomic<std::uint64_t> syncs{0};
    // Bounded by the callers: each waits for its commit, so the depth is the number of tasks that
    // commit.
    std::shared_ptr<async::QueueStats> stats =
        std::make_shared<async::QueueStats>("storage.commit", 1'000'000, async::WhenFull::Wait);
    std::thread gatherer;
    std::thread writer;

    ~Impl() {
        {
            const std::lock_guard lock(mutex);
            stopping = true;
        }
        arrived.notify_all();
        if (gatherer.joinable()) {
            gatherer.join();
            writer.join();
        }
        for (auto* family : families) {
            db->DestroyColumnFamilyHandle(family);
        }
    }

    rocksdb::ColumnFamilyHandle* family(Keyspace keyspace) const {
        return families.at(static_cast<std::size_t>(keyspace));
    }

    void translate(const Batch::Operation& operation, rocksdb::WriteBatch& to) const {
        auto* in = family(operation.keyspace);
        switch (operation.kind) {
            case Batch::Operation::Kind::Put:
                to.Put(in, slice(operation.key), slice(operation.value));
                break;
            case Batch::Operation::Kind::Erase:
                to.Delete(in, slice(operation.key));
                break;
            case Batch::Operation::Kind::ErasePrefix:
                to.DeleteRange(in, slice(operation.key), slice(end_of_prefix(operation.key)));
                break;
        }
    }

    // In the order of keys, since the database finds the place of a key fast behind the one before.
    // What concerns one key keeps its order; a prefix concerns many.
    rocksdb::WriteBatch translate(const Group& group) const {
        struct Place {
            const Batch::Operation* operation;
            std::size_t number;
        };
        // Kind, family and lengths, which are a byte or two each.
        constexpr std::size_t kAround = 8;
        std::vector<Place> places;
        std::size_t bytes = 0;
        bool prefixes = false;
        for (const auto& one : group) {
            for (const auto& operation : one.batch.operations()) {
                places.push_back({&operation, places.size()});
                bytes += operation.key.size() + operation.value.size() + kAround;
                prefixes = prefixes || operation.kind == Batch::Operation::Kind::ErasePrefix;
            }
        }
        if (!prefixes) {
            std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
                return std::tie(a.operation->keyspace, a.operation->key, a.number) <
                       std::tie(b.operation->keyspace, b.operation->key, b.number);
            });
        }
        rocksdb::WriteBatch out(bytes);
        for (const auto& place : places) {
            translate(*place.operation, out);
        }
        return out;
    }

    // Two threads, so that the next group is put together while the disk syncs the one before.
    void gather_loop() {
        auto not_before = std::chrono::steady_clock::now();
        while (true) {
            Group group;
            {
                std::unique_lock lock(mutex);
                // Only one group waits: meanwhile the next one grows.
                arrived.wait(lock, [this] { return (stopping || !pending.empty()) && !gathered; });
                // Under load a group is let grow: a sync and the wake-ups around it cost as much as
                // ten commits. Someone alone never waits.
                arrived.wait_until(lock, not_before,
                                   [this] { return stopping || pending.size() >= kFullGroup; });
                if (pending.empty()) {
                    break;
                }
                group.swap(pending);
                stats->depth.store(0, std::memory_order_relaxed);
            }
            not_before = std::chrono::steady_clock::now();
            not_before += group.size() >= kCrowd ? kBetweenGroups : kBetweenGroups.zero();
            auto next = std::make_unique<Gathered>();
            next->merged = translate(group);
            next->group = std::move(group);
            {
                const std::lock_guard lock(mutex);
                gathered = std::move(next);
            }
            to_write.notify_one();
        }
        {
            const std::lock_guard lock(mutex);
            gathering_ended = true;
        }
        to_write.notify_one();
    }

    void write_loop() {
        // Its counters cost more than the searches they count.
        rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
        while (true) {
            std::unique_ptr<Gathered> next;
            {
                std::unique_lock lock(mutex);
                to_write.wait(lock, [this] { return gathering_ended || gathered; });
                if (!gathered) {
                    return;
                }
                next = std::move(gathered);
            }
            arrived.notify_one();
            const auto status = write(next->merged);
            syncs.fetch_add(1, std::memory_order_relaxed);
            finish(std::move(next->group), status);
        }
    }

    rocksdb::Status write(rocksdb::WriteBatch& merged) {
        if (auto fault = base::blocking_fault(base::FaultPoint::Commit); !fault.has_value()) {
            return rocksdb::Status::Aborted(fault.error().message());
        }
        rocksdb::WriteOptions options;
        options.sync = true;
        return db->Write(options, &merged);
    }

    // One hand-over for the group, not one for each: with many in flight that is half of the work.
    void finish(Group group, const rocksdb::Status& status) const {
        if (!status.ok() && !status.IsAborted() && on_failure) {
            on_failure(failure("commit", status));
        }
        const auto complete = [group = std::make_shared<Group>(std::move(group)), status] {
            for (auto& one : *group) {
                one.done.set(status.ok() ? base::Result<void>(base::ok())
                                         : base::Result<void>(failure("commit", status)));
            }
        };
        if (completions) {
            async::post(completions, complete);
        } else {
            complete();
        }
    }
};

RocksdbStore::RocksdbStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
    async::QueueRegistry::instance().add(impl_->stats);
    impl_->gatherer = std::thread([raw = impl_.get()] { raw->gather_loop(); });
    impl_->writer = std::thread([raw = impl_.get()] { raw->write_loop(); });
}

RocksdbStore::~RocksdbStore() = default;

base::Result<std::unique_ptr<RocksdbStore>> RocksdbStore::open(
    const std::filesystem::path& directory, OnFailure on_failure, async::Executor completions) {
    rocksdb::DBOptions options;
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    // A torn tail of the journal after a power loss is dropped; anything else that is damaged is an
    // error.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.max_total_wal_size = 64U << 20;
    options.max_open_files = 256;
    options.keep_log_file_num = 2;
    options.info_log_level = rocksdb::WARN_LEVEL;
    options.max_background_jobs = 2;
    // Nearly all writes come from one thread.
    options.allow_concurrent_memtable_write = false;
    options.enable_write_thread_adaptive_yield = false;
    if (on_failure) {
        options.listeners.push_back(std::make_shared<DiskListener>(on_failure));
    }
    rocksdb::ColumnFamilyOptions family_options;
    family_options.write_buffer_size = 8U << 20;
    // What is written now is changed once more soon, so young levels are kept cheap to rewrite.
    family_options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression,
                                            rocksdb::kLZ4Compression};
    family_options.level0_file_num_compaction_trigger = 8;
    // Most keys that are asked for are not there: a second signature, an event seen before.
    rocksdb::BlockBasedTableOptions table;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    family_options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    for (std::size_t i = 0; i < kKeyspaceCount; ++i) {
        const auto keyspace = static_cast<Keyspace>(i);
        auto of_keyspace = family_options;
        of_keyspace.memtable_whole_key_filtering = keyspace == Keyspace::Ledger;
        of_keyspace.memtable_prefix_bloom_size_ratio = keyspace == Keyspace::Ledger ? 0.05 : 0;
        if (is_written_in_order(keyspace)) {
            // The search for a key's place begins at the last one's with the same first byte. Only
            // here, for where ranges are erased one table's places are used for the other's.
            of_keyspace.memtable_insert_with_hint_prefix_extractor.reset(
                rocksdb::NewFixedPrefixTransform(1));
        }
        descriptors.emplace_back(std::string(to_string(keyspace)), of_keyspace);
    }
    descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options);

    auto impl = std::make_unique<Impl>();
    impl->on_failure = std::move(on_failure);
    impl->completions = std::move(completions);
    rocksdb::DB* db = nullptr;
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);
    const auto status =
        rocksdb::DB::Open(options, directory.string(), descriptors, &impl->families, &db);
    if (!status.ok()) {
        return failure(fmt::format("opening {}", directory.string()), status);
    }
    impl->db.reset(db);
    return std::unique_ptr<RocksdbStore>(new RocksdbStore(std::move(impl)));
}

base::Result<std::optional<base::Bytes>> RocksdbStore::get(Keyspace keyspace,
                                                           base::ByteView key) const {
    std::string value;
    const auto status = impl_->db->Get({}, impl_->family(keyspace), slice(key), &value);
    if (status.IsNotFound()) {
        return std::optional<base::Bytes>();
    }
    if (!status.ok()) {
        return failure(fmt::format("reading from {}", to_string(keyspace)), status);
    }
    return std::optional<base::Bytes>(base::to_bytes(value));
}

base::Result<std::vector<Entry>> RocksdbStore::scan(Keyspace keyspace, const Scan& scan) const {
    const std::unique_ptr<rocksdb::Iterator> it(
        impl_->db->NewIterator({}, impl_->family(keyspace)));
    std::vector<Entry> out;
    for (it->Seek(slice(std::max(scan.prefix, scan.from)));
         it->Valid() && it->key().starts_with(slice(scan.prefix)) && out.size() < scan.limit;
         it->Next()) {
        out.push_back({bytes_of(it->key()), bytes_of(it->value())});
    }
    if (!it->status().ok()) {
        return failure(fmt::format("scanning {}", to_string(keyspace)), it->status());
    }
    return out;
}

void RocksdbStore::begin_commit(Batch batch, async::Completion<void> done) {
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->pending.push_back({std::move(batch), std::move(done)});
        waiting = impl_->pending.size();
        impl_->stats->depth.store(waiting, std::memory_order_relaxed);
        impl_->stats->sent.fetch_add(1, std::memory_order_relaxed);
    }
    // In between the gathering thread has nothing to decide.
    if (waiting == 1 || waiting == kFullGroup) {
        impl_->arrived.notify_one();
    }
}

base::Result<void> RocksdbStore::write_unsynced(const Batch& batch) {
    rocksdb::WriteBatch translated;
    for (const auto& operation : batch.operations()) {
        impl_->translate(operation, translated);
    }
    const auto status = impl_->db->Write({}, &translated);
    if (!status.ok()) {
        return failure("write", status);
    }
    return base::ok();
}

std::uint64_t RocksdbStore::sync_count() const {
    return impl_->syncs.load(std::memory_order_relaxed);
}

}  // namespace wavs::storage
