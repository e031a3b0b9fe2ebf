// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/kv.hpp"

#include "support.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/storage/memory_store.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <limits>
#include <thread>

namespace wavs::engine {
namespace {

using storage::Keyspace;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

base::Bytes bytes(std::string_view text) { return base::to_bytes(text); }

class KvTest : public ::testing::Test {
protected:
    std::string get(std::string_view bucket, std::string_view key) {
        const auto found = kv_.get(service_, bucket, key).value();
        return found ? std::string(base::as_text(*found)) : "<none>";
    }
    void set(std::string_view bucket, std::string_view key, std::string_view value) {
        ASSERT_TRUE(kv_.set(service_, bucket, key, bytes(value)).has_value());
    }

    storage::MemoryStore store_;
    KeyValue kv_{store_, {.quota_bytes = 1000, .page_size = 3}};
    const types::ServiceId service_ = id_of<types::ServiceId>(7);
    const types::ServiceId other_ = id_of<types::ServiceId>(8);
};

TEST_F(KvTest, values_are_set_replaced_and_erased) {
    EXPECT_EQ(get("b", "k"), "<none>");
    set("b", "k", "1");
    set("b", "k", "");
    EXPECT_EQ(get("b", "k"), "");
    EXPECT_TRUE(kv_.erase(service_, "b", "k").has_value());
    EXPECT_TRUE(kv_.erase(service_, "b", "k").has_value());
    EXPECT_EQ(get("b", "k"), "<none>");
}

TEST_F(KvTest, the_stored_key_is_the_documented_one) {
    set("bk", "key", "v");
    const auto key = storage::KeyWriter().bytes(service_.view()).u16(2).text("bkkey").get();
    EXPECT_EQ(store_.get(Keyspace::KeyValue, key).value(), bytes("v"));
    ASSERT_TRUE(kv_.increment(service_, "bk", "key", -2).has_value());
    EXPECT_EQ(store_.get(Keyspace::Counters, key).value(),
              (base::Bytes{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
    EXPECT_EQ(store_.sync_count(), 0U);
}

TEST_F(KvTest, buckets_and_services_do_not_alias) {
    set("a", "bc", "1");
    set("ab", "c", "2");
    set("", "abc", "3");
    ASSERT_TRUE(kv_.set(other_, "a", "bc", bytes("4")).has_value());
    EXPECT_EQ(get("a", "bc"), "1");
    EXPECT_EQ(get("ab", "c"), "2");
    EXPECT_THAT(kv_.list(service_, "a", std::nullopt).value().keys, ElementsAre("bc"));
    EXPECT_THAT(kv_.list(service_, "", std::nullopt).value().keys, ElementsAre("abc"));
}

TEST_F(KvTest, a_bucket_name_has_a_longest_length) {
    EXPECT_TRUE(kv_.get(service_, std::string(65535, 'x'), "k").has_value());
    EXPECT_EQ(kv_.get(service_, std::string(65536, 'x'), "k").error().code(),
              base::ErrorCode("kv_bucket"));
}

TEST_F(KvTest, pages_go_on_at_the_cursor) {
    for (const char* key : {"e", "a", "c", "b", "d"}) {
        set("b", key, "");
    }
    const auto first = kv_.list(service_, "b", std::nullopt).value();
    EXPECT_THAT(first.keys, ElementsAre("a", "b", "c"));
    ASSERT_EQ(first.cursor, "d");
    const auto second = kv_.list(service_, "b", *first.cursor).value();
    EXPECT_THAT(second.keys, ElementsAre("d", "e"));
    EXPECT_FALSE(second.cursor.has_value());
    EXPECT_THAT(kv_.list(service_, "b", "bb").value().keys, ElementsAre("c", "d", "e"));
    EXPECT_THAT(kv_.list(service_, "b", "z").value().keys, IsEmpty());
}

TEST_F(KvTest, counters_are_a_map_of_their_own) {
    set("b", "k", "10");
    EXPECT_EQ(kv_.increment(service_, "b", "k", 3).value(), 3);
    EXPECT_EQ(kv_.increment(service_, "b", "k", -5).value(), -2);
    EXPECT_EQ(get("b", "k"), "10");
}

TEST_F(KvTest, a_counter_does_not_wrap) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(kv_.increment(service_, "b", "k", kMost).value(), kMost);
    const auto failed = kv_.increment(service_, "b", "k", 1);
    EXPECT_EQ(failed.error().message(), "overflow");
    EXPECT_EQ(kv_.increment(service_, "b", "k", 0).value(), kMost);
}

TEST_F(KvTest, compare_and_swap_compares) {
    using Swap = KeyValue::Swap;
    const auto swap = [&](std::optional<std::string_view> expected, std::string_view value) {
        std::optional<base::ByteView> old;
        if (expected) {
            old = base::as_bytes(*expected);
        }
        return kv_.compare_and_swap(service_, "b", "k", old, base::as_bytes(value)).value();
    };
    EXPECT_EQ(swap("x", "1"), Swap::Changed);
    EXPECT_EQ(swap(std::nullopt, ""), Swap::Done);
    EXPECT_EQ(swap(std::nullopt, "2"), Swap::Changed);
    EXPECT_EQ(swap("", "2"), Swap::Done);
    EXPECT_EQ(swap("1", "3"), Swap::Changed);
    EXPECT_EQ(get("b", "k"), "2");
}

TEST_F(KvTest, the_quota_counts_keys_and_values_of_both_maps) {
    // 34 bytes in front of each key, 1 bucket, 1 key.
    set("b", "k", std::string(900, 'v'));
    EXPECT_EQ(kv_.used_bytes(service_).value(), 936U);
    EXPECT_EQ(kv_.increment(service_, "b", "k", 1).value(), 1);
    EXPECT_EQ(kv_.used_bytes(service_).value(), 980U);
    const auto refused = kv_.set(service_, "b", "l", {});
    EXPECT_EQ(refused.error().message(), "quota exceeded");
    EXPECT_EQ(kv_.increment(service_, "b", "m", 1).error().message(), "quota exceeded");
    EXPECT_EQ(kv_.compare_and_swap(service_, "b", "n", std::nullopt, {}).error().code(),
              base::ErrorCode("kv_quota"));
    EXPECT_TRUE(kv_.set(other_, "b", "l", {}).has_value());
    set("b", "k", "small");
    set("b", "l", "");
    EXPECT_EQ(kv_.used_bytes(service_).value(), 41U + 44U + 36U);
}

TEST_F(KvTest, sizes_survive_a_restart) {
    for (int i = 0; i < 9; ++i) {
        set("b", std::to_string(i), std::string(60, 'v'));
    }
    ASSERT_TRUE(kv_.increment(service_, "b", "k", 1).has_value());
    KeyValue again(store_, {.quota_bytes = 1000});
    EXPECT_EQ(again.used_bytes(service_).value(), kv_.used_bytes(service_).value());
    EXPECT_FALSE(again.set(service_, "b", "big", bytes(std::string(200, 'v'))).has_value());
}

TEST_F(KvTest, sizes_are_counted_over_many_pages) {
    KeyValue wide(store_, {.quota_bytes = 1 << 20});
    for (int i = 0; i < 600; ++i) {
        ASSERT_TRUE(wide.set(service_, "b", fmt::format("{:04}", i), bytes("v")).has_value());
    }
    KeyValue again(store_, {.quota_bytes = 1 << 20});
    EXPECT_EQ(again.used_bytes(service_).value(), 600U * (34 + 1 + 4 + 1));
}

TEST_F(KvTest, erasing_a_service_leaves_the_others) {
    set("b", "k", "1");
    ASSERT_TRUE(kv_.increment(service_, "b", "k", 1).has_value());
    ASSERT_TRUE(kv_.set(other_, "b", "k", bytes("2")).has_value());
    ASSERT_TRUE(store_.write_unsynced(KeyValue::erase_service(service_)).has_value());
    kv_.forget(service_);
    EXPECT_EQ(get("b", "k"), "<none>");
    EXPECT_EQ(kv_.increment(service_, "b", "k", 1).value(), 1);
    EXPECT_EQ(kv_.used_bytes(service_).value(), 44U);
    EXPECT_TRUE(kv_.get(other_, "b", "k").value().has_value());
}

TEST_F(KvTest, reads_by_the_text_of_the_service) {
    set("b", "k", "1");
    EXPECT_EQ(kv_.read(types::to_string(service_), "b", "k").value(), bytes("1"));
    EXPECT_FALSE(kv_.read("nonsense", "b", "k").value().has_value());
    EXPECT_FALSE(kv_.read(types::to_string(other_), "b", "k").value().has_value());
}

// Gives way after each read, so that a read-modify-write without a lock is interrupted.
class SlowStore final : public storage::Store {
public:
    base::Result<std::optional<base::Bytes>> get(Keyspace keyspace,
                                                 base::ByteView key) const override {
        auto found = inner_.get(keyspace, key);
        std::this_thread::sleep_for(std::chrono::microseconds(50));
        return found;
    }
    base::Result<std::vector<storage::Entry>> scan(Keyspace keyspace,
                                                   const storage::Scan& scan) const override {
        return inner_.scan(keyspace, scan);
    }
    void begin_commit(storage::Batch batch, async::Completion<void> done) override {
        inner_.begin_commit(std::move(batch), std::move(done));
    }
    base::Result<void> write_unsynced(const storage::Batch& batch) override {
        return inner_.write_unsynced(batch);
    }
    std::uint64_t sync_count() const override { return inner_.sync_count(); }

private:
    storage::MemoryStore inner_;
};

TEST_F(KvTest, increments_and_swaps_are_atomic) {
    constexpr int kThreads = 4;
    constexpr int kRounds = 100;
    SlowStore store;
    KeyValue kv(store, {});
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < kRounds; ++i) {
                EXPECT_TRUE(kv.increment(service_, "b", "sum", 1).has_value());
                while (true) {
                    const auto old = kv.get(service_, "b", "list").value();
                    auto next = old.value_or(base::Bytes{});
                    next.push_back('x');
                    std::optional<base::ByteView> expected;
                    if (old) {
                        expected = base::ByteView(*old);
                    }
                    if (kv.compare_and_swap(service_, "b", "list", expected, next).value() ==
                        KeyValue::Swap::Done) {
                        break;
                    }
                }
            }
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(kv.increment(service_, "b", "sum", 0).value(), kThreads * kRounds);
    EXPECT_EQ(kv.get(service_, "b", "list").value()->size(), std::size_t{kThreads * kRounds});
    EXPECT_EQ(kv.used_bytes(service_).value(), 34U + 4 + 8 + 34 + 5 + kThreads * kRounds);
}

}  // namespace
}  // namespace wavs::engine
