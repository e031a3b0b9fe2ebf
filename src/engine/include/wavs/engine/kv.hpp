// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"
#include "wavs/types/ids.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace wavs::engine {

/// The key-value store of components: persistent, apart per service, shared by the workflows of a
/// service. Byte values and counters are two maps, as components expect. Writes are visible at once
/// and durable with the next synced commit of the store. Read-modify-write calls of one service
/// exclude each other. Thread-safe; used on guest threads, so nothing here waits for a disk sync.
///
/// Errors are for the guest as `other(<message>)`: `kv_quota` (TooLarge, "quota exceeded"),
/// `kv_overflow` (Invalid, "overflow"), `kv_bucket` (Invalid), or the store's (Unavailable).
class KeyValue {
public:
    struct Options {
        /// Keys and values of both maps together.
        std::uint64_t quota_bytes = 64ULL << 20;
        std::size_t page_size = 1000;
    };
    struct Page {
        std::vector<std::string> keys;
        /// The first key of the next page.
        std::optional<std::string> cursor;
    };
    enum class Swap : std::uint8_t { Done, Changed };

    KeyValue(storage::Store& store, const Options& options) : store_(store), options_(options) {}
    KeyValue(const KeyValue&) = delete;
    KeyValue& operator=(const KeyValue&) = delete;

    base::Result<std::optional<base::Bytes>> get(const types::ServiceId& service,
                                                 std::string_view bucket,
                                                 std::string_view key) const;
    base::Result<void> set(const types::ServiceId& service, std::string_view bucket,
                           std::string_view key, base::ByteView value);
    /// Also when there is nothing to delete.
    base::Result<void> erase(const types::ServiceId& service, std::string_view bucket,
                             std::string_view key);
    /// Ascending byte order, from the first key not below `cursor` on.
    base::Result<Page> list(const types::ServiceId& service, std::string_view bucket,
                            std::optional<std::string_view> cursor) const;
    /// The counter after the addition; a missing one is 0.
    base::Result<std::int64_t> increment(const types::ServiceId& service, std::string_view bucket,
                                         std::string_view key, std::int64_t delta);
    /// Stores `value` if the stored one equals `expected` (none: there is none).
    base::Result<Swap> compare_and_swap(const types::ServiceId& service, std::string_view bucket,
                                        std::string_view key,
                                        std::optional<base::ByteView> expected,
                                        base::ByteView value);

    /// For `GET /dev/kv`: none also when `service` is not the text of a service id.
    base::Result<std::optional<base::Bytes>> read(std::string_view service, std::string_view bucket,
                                                  std::string_view key) const;

    /// Erases everything of a service when committed; call `forget()` after that.
    static storage::Batch erase_service(const types::ServiceId& service);
    void forget(const types::ServiceId& service);
    /// Bytes that count towards the quota.
    base::Result<std::uint64_t> used_bytes(const types::ServiceId& service);

private:
    // One lock per group of services; a service's size is known only to its own.
    struct Stripe {
        std::mutex mutex;
        std::unordered_map<types::ServiceId, std::uint64_t, base::FixedBytesHash> used;
    };
    static constexpr std::size_t kStripes = 64;

    Stripe& stripe_of(const types::ServiceId& service);
    base::Result<std::uint64_t*> used_locked(Stripe& stripe, const types::ServiceId& service);
    base::Result<void> put_locked(Stripe& stripe, const types::ServiceId& service,
                                  storage::Keyspace keyspace, const base::Bytes& key,
                                  base::ByteView value, const std::optional<base::Bytes>& replaced);

    storage::Store& store_;
    Options options_;
    std::array<Stripe, kStripes> stripes_;
};

}  // namespace wavs::engine
