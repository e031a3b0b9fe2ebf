// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/rocksdb_store.hpp"

#include "wavs/async/one_shot.hpp"
#include "wavs/async/queue_stats.hpp"
#include "wavs/base/fault.hpp"

#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/table.h>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace wavs::storage {
namespace {

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

}  // namespace

struct RocksdbStore::Impl {
    struct Pending {
        Batch batch;
        async::OneShot<base::Result<void>> done;
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
    std::function<void(const base::Error&)> on_failure;
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

    void translate(const Batch& from, rocksdb::WriteBatch& to) const {
        for (const auto& operation : from.operations()) {
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
    }

    // Two threads, so that the next group is put together while the disk syncs the one before.
    void gather_loop() {
        while (true) {
            Group group;
            {
                std::unique_lock lock(mutex);
                // Only one group waits: meanwhile the next one grows.
                arrived.wait(lock, [this] { return (stopping || !pending.empty()) && !gathered; });
                if (pending.empty()) {
                    break;
                }
                group.swap(pending);
                stats->depth.store(0, std::memory_order_relaxed);
            }
            auto next = std::make_unique<Gathered>();
            for (const auto& one : group) {
                translate(one.batch, next->merged);
            }
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
            finish(next->group, status);
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

    void finish(const Group& group, const rocksdb::Status& status) {
        if (!status.ok() && !status.IsAborted() && on_failure) {
            on_failure(failure("commit", status));
        }
        for (const auto& one : group) {
            one.done.set(status.ok() ? base::Result<void>(base::ok())
                                     : base::Result<void>(failure("commit", status)));
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
    const std::filesystem::path& directory, std::function<void(const base::Error&)> on_failure) {
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
    rocksdb::ColumnFamilyOptions family_options;
    family_options.write_buffer_size = 8U << 20;
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
        descriptors.emplace_back(std::string(to_string(keyspace)), of_keyspace);
    }
    descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, family_options);

    auto impl = std::make_unique<Impl>();
    impl->on_failure = std::move(on_failure);
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

async::Task<base::Result<void>> RocksdbStore::commit(Batch batch) {
    const async::OneShot<base::Result<void>> done(co_await boost::asio::this_coro::executor);
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->pending.push_back({std::move(batch), done});
        impl_->stats->depth.store(impl_->pending.size(), std::memory_order_relaxed);
        impl_->stats->sent.fetch_add(1, std::memory_order_relaxed);
    }
    impl_->arrived.notify_one();
    auto result = co_await done.wait();
    if (!result) {
        co_return async::cancelled_error("commit");
    }
    co_return std::move(*result);
}

base::Result<void> RocksdbStore::write_unsynced(const Batch& batch) {
    rocksdb::WriteBatch translated;
    impl_->translate(batch, translated);
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
