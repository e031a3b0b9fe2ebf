// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/kv.hpp"

#include "wavs/storage/keys.hpp"

#include <algorithm>
#include <limits>

namespace wavs::engine {
namespace {

using storage::Keyspace;
using OptionalBytes = std::optional<base::Bytes>;

constexpr std::size_t kSizeScanPage = 256;
constexpr std::size_t kCounterBytes = 8;

base::Result<base::Bytes> prefix_of(const types::ServiceId& service, std::string_view bucket) {
    if (bucket.size() > std::numeric_limits<std::uint16_t>::max()) {
        return base::Error(base::ErrorKind::Invalid, "kv_bucket", "bucket name too long");
    }
    return storage::KeyWriter()
        .bytes(service.view())
        .u16(static_cast<std::uint16_t>(bucket.size()))
        .text(bucket)
        .get();
}

base::Result<base::Bytes> key_of(const types::ServiceId& service, std::string_view bucket,
                                 std::string_view key) {
    WAVS_TRY(auto out, prefix_of(service, bucket));
    base::append(out, base::as_bytes(key));
    return out;
}

std::uint64_t size_of(base::ByteView key, base::ByteView value) {
    return std::uint64_t{key.size()} + value.size();
}

std::int64_t decode_counter(const base::Bytes& bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = kCounterBytes; i > 0; --i) {
        value = (value << 8) | bytes[i - 1];
    }
    return static_cast<std::int64_t>(value);
}

base::Bytes encode_counter(std::int64_t value) {
    base::Bytes out;
    for (std::size_t i = 0; i < kCounterBytes; ++i) {
        out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
    return out;
}

base::Result<std::uint64_t> stored_bytes(const storage::Store& store, Keyspace keyspace,
                                         const types::ServiceId& service) {
    std::uint64_t total = 0;
    storage::Scan scan{
        .prefix = base::to_bytes(service.view()), .from = {}, .limit = kSizeScanPage};
    while (true) {
        WAVS_TRY(const auto entries, store.scan(keyspace, scan));
        for (const auto& entry : entries) {
            total += size_of(entry.key, entry.value);
        }
        if (entries.size() < kSizeScanPage) {
            return total;
        }
        scan.from = entries.back().key;
        scan.from.push_back(0);
    }
}

}  // namespace

KeyValue::Stripe& KeyValue::stripe_of(const types::ServiceId& service) {
    return stripes_.at(base::FixedBytesHash()(service) % kStripes);
}

// Counted once per process by a scan, then kept in memory.
base::Result<std::uint64_t*> KeyValue::used_locked(Stripe& stripe,
                                                   const types::ServiceId& service) {
    const auto found = stripe.used.find(service);
    if (found != stripe.used.end()) {
        return &found->second;
    }
    WAVS_TRY(const auto values, stored_bytes(store_, Keyspace::KeyValue, service));
    WAVS_TRY(const auto counters, stored_bytes(store_, Keyspace::Counters, service));
    return &stripe.used.emplace(service, values + counters).first->second;
}

base::Result<void> KeyValue::put_locked(Stripe& stripe, const types::ServiceId& service,
                                        Keyspace keyspace, const base::Bytes& key,
                                        base::ByteView value, const OptionalBytes& replaced) {
    WAVS_TRY(auto* used, used_locked(stripe, service));
    const std::uint64_t before = replaced ? size_of(key, *replaced) : 0;
    const std::uint64_t after = *used - std::min(before, *used) + size_of(key, value);
    // A write that makes the service smaller is let through, so that it can get below its quota.
    if (after > options_.quota_bytes && after > *used) {
        return base::Error(base::ErrorKind::TooLarge, "kv_quota", "quota exceeded",
                           "delete keys, or raise the node's quota per service");
    }
    storage::Batch batch;
    batch.put(keyspace, key, value);
    WAVS_TRY(store_.write_unsynced(batch));
    *used = after;
    return base::ok();
}

base::Result<OptionalBytes> KeyValue::get(const types::ServiceId& service, std::string_view bucket,
                                          std::string_view key) const {
    WAVS_TRY(const auto full, key_of(service, bucket, key));
    return store_.get(Keyspace::KeyValue, full);
}

base::Result<void> KeyValue::set(const types::ServiceId& service, std::string_view bucket,
                                 std::string_view key, base::ByteView value) {
    WAVS_TRY(const auto full, key_of(service, bucket, key));
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    WAVS_TRY(const auto old, store_.get(Keyspace::KeyValue, full));
    return put_locked(stripe, service, Keyspace::KeyValue, full, value, old);
}

base::Result<void> KeyValue::erase(const types::ServiceId& service, std::string_view bucket,
                                   std::string_view key) {
    WAVS_TRY(const auto full, key_of(service, bucket, key));
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    WAVS_TRY(const auto old, store_.get(Keyspace::KeyValue, full));
    if (!old) {
        return base::ok();
    }
    WAVS_TRY(auto* used, used_locked(stripe, service));
    storage::Batch batch;
    batch.erase(Keyspace::KeyValue, full);
    WAVS_TRY(store_.write_unsynced(batch));
    *used -= std::min(*used, size_of(full, *old));
    return base::ok();
}

base::Result<KeyValue::Page> KeyValue::list(const types::ServiceId& service,
                                            std::string_view bucket,
                                            std::optional<std::string_view> cursor) const {
    WAVS_TRY(const auto prefix, prefix_of(service, bucket));
    storage::Scan scan{.prefix = prefix, .from = {}, .limit = options_.page_size + 1};
    if (cursor) {
        scan.from = prefix;
        base::append(scan.from, base::as_bytes(*cursor));
    }
    WAVS_TRY(const auto entries, store_.scan(Keyspace::KeyValue, scan));
    Page page;
    for (const auto& entry : entries) {
        std::string key(base::as_text(base::ByteView(entry.key).subspan(prefix.size())));
        if (page.keys.size() == options_.page_size) {
            page.cursor = std::move(key);
            break;
        }
        page.keys.push_back(std::move(key));
    }
    return page;
}

base::Result<std::int64_t> KeyValue::increment(const types::ServiceId& service,
                                               std::string_view bucket, std::string_view key,
                                               std::int64_t delta) {
    WAVS_TRY(const auto full, key_of(service, bucket, key));
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    WAVS_TRY(const auto old, store_.get(Keyspace::Counters, full));
    if (old && old->size() != kCounterBytes) {
        return base::Error(base::ErrorKind::Bug, "kv_counter", "a stored counter is damaged");
    }
    std::int64_t sum = 0;
    if (__builtin_add_overflow(old ? decode_counter(*old) : 0, delta, &sum)) {
        return base::Error(base::ErrorKind::Invalid, "kv_overflow", "overflow");
    }
    WAVS_TRY(put_locked(stripe, service, Keyspace::Counters, full, encode_counter(sum), old));
    return sum;
}

base::Result<KeyValue::Swap> KeyValue::compare_and_swap(const types::ServiceId& service,
                                                        std::string_view bucket,
                                                        std::string_view key,
                                                        std::optional<base::ByteView> expected,
                                                        base::ByteView value) {
    WAVS_TRY(const auto full, key_of(service, bucket, key));
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    WAVS_TRY(const auto old, store_.get(Keyspace::KeyValue, full));
    const bool same = old && expected ? std::ranges::equal(*old, *expected)
                                      : old.has_value() == expected.has_value();
    if (!same) {
        return Swap::Changed;
    }
    WAVS_TRY(put_locked(stripe, service, Keyspace::KeyValue, full, value, old));
    return Swap::Done;
}

base::Result<OptionalBytes> KeyValue::read(std::string_view service, std::string_view bucket,
                                           std::string_view key) const {
    const auto id = types::parse_service_id(service);
    if (!id.has_value()) {
        return OptionalBytes();
    }
    return get(id.value(), bucket, key);
}

storage::Batch KeyValue::erase_service(const types::ServiceId& service) {
    storage::Batch batch;
    batch.erase_prefix(Keyspace::KeyValue, service.view());
    batch.erase_prefix(Keyspace::Counters, service.view());
    return batch;
}

void KeyValue::forget(const types::ServiceId& service) {
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    stripe.used.erase(service);
}

base::Result<std::uint64_t> KeyValue::used_bytes(const types::ServiceId& service) {
    auto& stripe = stripe_of(service);
    const std::lock_guard lock(stripe.mutex);
    WAVS_TRY(const auto* used, used_locked(stripe, service));
    return *used;
}

}  // namespace wavs::engine
