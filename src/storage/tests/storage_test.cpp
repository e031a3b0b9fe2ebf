// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/storage/blob_store.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/storage/rocksdb_store.hpp"
#include "wavs/storage/schema.hpp"

#include <gmock/gmock.h>

#include <fstream>

namespace wavs::storage {
namespace {

using ::testing::HasSubstr;

class TempDir {
public:
    TempDir() {
        auto made = make_temporary_folder("wavs-storage-test");
        path_ = std::move(made.value());
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

base::Bytes key(std::string_view text) { return base::to_bytes(text); }

enum class Form { Memory, Rocksdb };

class StoreTest : public ::testing::TestWithParam<Form> {
protected:
    void SetUp() override { open(); }
    void open() {
        if (GetParam() == Form::Memory) {
            store_ = std::make_unique<MemoryStore>();
        } else {
            store_.reset();
            auto opened = RocksdbStore::open(dir_.path() / "db");
            ASSERT_TRUE(opened.has_value()) << opened.error().full_text();
            store_ = std::move(opened.value());
        }
    }
    base::Result<void> commit(Batch batch) {
        return async::testing::run(context_, store_->commit(std::move(batch)));
    }
    std::string get(Keyspace keyspace, std::string_view name) {
        const auto value = store_->get(keyspace, key(name)).value();
        return value ? std::string(base::as_text(*value)) : "<none>";
    }

    TempDir dir_;
    boost::asio::io_context context_;
    std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, keyspaces_are_apart_and_order_is_by_bytes) {
    Batch batch;
    batch.put(Keyspace::Events, key("b"), key("2")).put(Keyspace::Events, key("a"), key("1"));
    batch.put(Keyspace::Results, key("a"), key("other"));
    ASSERT_TRUE(commit(std::move(batch)).has_value());
    const auto entries = store_->scan(Keyspace::Events, {}).value();
    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].key, key("a"));
    EXPECT_EQ(get(Keyspace::Results, "a"), "other");
    EXPECT_EQ(get(Keyspace::Meta, "a"), "<none>");
}

TEST_P(StoreTest, scan_by_prefix_from_and_limit) {
    Batch batch;
    for (const char* name : {"a", "ba", "bb", "bc", "c"}) {
        batch.put(Keyspace::KeyValue, key(name), key(name));
    }
    ASSERT_TRUE(commit(std::move(batch)).has_value());
    const auto found =
        store_->scan(Keyspace::KeyValue, {.prefix = key("b"), .from = key("bb"), .limit = 1})
            .value();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].key, key("bb"));
    EXPECT_EQ(store_->scan(Keyspace::KeyValue, {.prefix = key("b")}).value().size(), 3U);
}

TEST_P(StoreTest, erase_and_erase_prefix) {
    Batch batch;
    batch.put(Keyspace::KeyValue, key("x1"), {}).put(Keyspace::KeyValue, key("x2"), {});
    batch.put(Keyspace::KeyValue, key("y"), {})
        .put(Keyspace::KeyValue, base::Bytes{0xff, 0xff}, {});
    ASSERT_TRUE(commit(std::move(batch)).has_value());
    Batch erase;
    erase.erase_prefix(Keyspace::KeyValue, key("x")).erase(Keyspace::KeyValue, key("y"));
    ASSERT_TRUE(commit(std::move(erase)).has_value());
    EXPECT_EQ(store_->scan(Keyspace::KeyValue, {}).value().size(), 1U);
}

TEST_P(StoreTest, unsynced_writes_are_visible_at_once) {
    Batch batch;
    batch.put(Keyspace::KeyValue, key("k"), key("v"));
    ASSERT_TRUE(store_->write_unsynced(batch).has_value());
    EXPECT_EQ(get(Keyspace::KeyValue, "k"), "v");
    EXPECT_EQ(store_->sync_count(), 0U);
}

TEST_P(StoreTest, schema_is_written_once_and_a_newer_one_refused) {
    ASSERT_TRUE(async::testing::run(context_, prepare_schema(*store_, {}, 3)).has_value());
    ASSERT_TRUE(async::testing::run(context_, prepare_schema(*store_, {}, 3)).has_value());
    const auto refused = async::testing::run(context_, prepare_schema(*store_, {}, 2));
    EXPECT_THAT(refused.error().message(), HasSubstr("layout 3, this build knows 2"));
}

TEST_P(StoreTest, migrations_run_in_order) {
    ASSERT_TRUE(async::testing::run(context_, prepare_schema(*store_, {}, 1)).has_value());
    const auto step = [](const char* name, const char* needs) {
        return [name, needs](const Store& store) -> base::Result<Batch> {
            if (*needs != '\0' && !store.get(Keyspace::Meta, key(needs)).value()) {
                return base::Error(base::ErrorKind::Bug, "order", "out of order");
            }
            Batch batch;
            batch.put(Keyspace::Meta, key(name), {});
            return batch;
        };
    };
    const std::vector<Migration> migrations = {{2, step("second", "first")},
                                               {1, step("first", "")}};
    const auto result = async::testing::run(context_, prepare_schema(*store_, migrations, 3));
    ASSERT_TRUE(result.has_value()) << result.error().full_text();
    EXPECT_EQ(get(Keyspace::Meta, "second"), "");
}

INSTANTIATE_TEST_SUITE_P(Forms, StoreTest, ::testing::Values(Form::Memory, Form::Rocksdb));

class RocksdbTest : public StoreTest {};
INSTANTIATE_TEST_SUITE_P(Disk, RocksdbTest, ::testing::Values(Form::Rocksdb));

TEST_P(RocksdbTest, a_commit_survives_a_new_start) {
    Batch batch;
    batch.put(Keyspace::Ledger, key("k"), key("v"));
    ASSERT_TRUE(commit(std::move(batch)).has_value());
    open();
    EXPECT_EQ(get(Keyspace::Ledger, "k"), "v");
}

async::Task<void> commit_one(Store& store, int number, int& done) {
    Batch batch;
    batch.put(Keyspace::Events, KeyWriter().u64(static_cast<std::uint64_t>(number)).get(), {});
    done += (co_await store.commit(std::move(batch))).has_value() ? 1 : 0;
}

TEST_P(RocksdbTest, commits_that_arrive_together_share_syncs) {
    async::TaskGroup group(context_.get_executor(), "test");
    int done = 0;
    for (int i = 0; i < 500; ++i) {
        group.spawn("commit", commit_one(*store_, i, done));
    }
    // Completions come from the writer's thread, so the context may run dry in between.
    const auto work = boost::asio::make_work_guard(context_);
    const auto all_done = [&done] { return done == 500; };
    while (!all_done()) {
        context_.run_one();
    }
    EXPECT_EQ(store_->scan(Keyspace::Events, {}).value().size(), 500U);
    EXPECT_LT(store_->sync_count(), 250U);
}

TEST(DataDir, second_holder_is_refused_by_name) {
    const TempDir dir;
    auto first = DataDirLock::acquire(dir.path());
    ASSERT_TRUE(first.has_value());
    const auto second = DataDirLock::acquire(dir.path());
    EXPECT_EQ(second.error().code().view(), "data_dir_in_use");
    EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
}

TEST(Files, are_read_whole_and_a_failure_names_the_path) {
    const TempDir dir;
    const auto file = dir.path() / "file";
    const std::string bytes(10'000, '\0');
    ASSERT_TRUE(write_file_atomically(file, bytes).has_value());
    EXPECT_EQ(read_file(file).value(), bytes);
    ASSERT_TRUE(write_file_atomically(file, "").has_value());
    EXPECT_EQ(read_file(file).value(), "");
    // Its size is 0 to whoever asks for it.
    EXPECT_THAT(read_file("/proc/self/status").value(), HasSubstr("VmRSS"));
    const auto folder = read_file(dir.path());
    ASSERT_FALSE(folder.has_value());
    EXPECT_THAT(folder.error().message(), HasSubstr(dir.path().string()));
    EXPECT_THAT(folder.error().remedy(), HasSubstr("not a folder"));
    const auto nothing = read_file(dir.path() / "other");
    ASSERT_FALSE(nothing.has_value());
    EXPECT_EQ(nothing.error().code().view(), "file_not_found");
}

TEST(Files, a_temporary_folder_is_new_and_private) {
    const TempDir one;
    const TempDir two;
    EXPECT_NE(one.path(), two.path());
    EXPECT_EQ(std::filesystem::status(one.path()).permissions(), std::filesystem::perms::owner_all);
}

TEST(DataDir, unusable_directory_names_path_and_remedy) {
    const auto refused = DataDirLock::acquire("/proc/no-such-place");
    EXPECT_THAT(refused.error().message(), HasSubstr("/proc/no-such-place/LOCK"));
}

TEST(BlobStore, put_get_list) {
    const TempDir dir;
    BlobStore blobs(dir.path() / "ca");
    const auto digest = blobs.put(key("hello world")).value();
    EXPECT_EQ(types::to_string(digest),
              "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9");
    EXPECT_TRUE(std::filesystem::exists(
        dir.path() / "ca/b9/4d/b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"));
    EXPECT_EQ(blobs.get(digest).value(), key("hello world"));
    std::ofstream(dir.path() / "ca/stray-file") << "x";
    EXPECT_EQ(blobs.list(), std::vector<types::ComponentDigest>{digest});
}

TEST(BlobStore, a_damaged_blob_is_not_served) {
    const TempDir dir;
    const auto digest = BlobStore(dir.path()).put(key("hello world")).value();
    const auto path =
        dir.path() / "b9/4d/b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    std::ofstream(path) << "hello";
    BlobStore blobs(dir.path());
    EXPECT_EQ(blobs.get(digest).error().code().view(), "blob_damaged");
    EXPECT_FALSE(blobs.contains(digest));
}

TEST(Keys, byte_order_is_number_order) {
    EXPECT_LT(KeyWriter().u64(255).get(), KeyWriter().u64(256).get());
    EXPECT_EQ(read_u64(KeyWriter().u8(1).u64(77).get(), 1), 77U);
    EXPECT_EQ(read_u64(key("abc"), 0), 0U);
}

}  // namespace
}  // namespace wavs::storage
