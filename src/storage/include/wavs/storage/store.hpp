// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/base/result.hpp"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wavs::storage {

/// One kind of data each. The number is on disk for ever: add at the end, never renumber.
enum class Keyspace : std::uint8_t {
    Meta = 0,       ///< ASCII name -> varies (schema, next_hd_index, next_sequence)
    Services = 1,   ///< ServiceId[32] -> service record
    Manifests = 2,  ///< ServiceDigest[32] -> canonical manifest JSON
    Signers = 3,    ///< ServiceId[32] -> HD index record
    Chains = 4,     ///< chain key -> configuration JSON of chains added at run time
    KeyValue = 5,   ///< ServiceId[32] u16-BE bucket length, bucket, key -> bytes
    Counters = 6,   ///< as KeyValue -> i64 little-endian
    Events = 7,     ///< sequence u64-BE -> event record
    Results = 8,    ///< sequence u64-BE, response u32-BE -> result record
    Queues = 9,     ///< event id[20], target key -> queue record
    Ledger = 10,    ///< signer[20], ServiceId[32], event id[20], workflow id -> digest and time
    Cursors = 11,   ///< source key -> cursor
    Coverage = 12,  ///< source key -> scanned block ranges
    Timers = 13,    ///< sequence u64-BE, response u32-BE -> timer record
    PendingUpdates = 14,  ///< ServiceId[32] -> update that waits for the operator
    EventIndex = 15,      ///< nothing since layout 3
    EventIds = 16,        ///< default event id[20], sequence u64-BE -> nothing
    ResultIds = 17,       ///< event id[20], sequence u64-BE, response u32-BE -> nothing
    Transactions = 18,    ///< chain key length u8, chain key, account[20], nonce u64-BE -> record
    Work = 19,            ///< kind u8, sequence u64-BE, of results response u32-BE -> ServiceId[32]
    EventBlocks = 20,     ///< chain key length u8, chain key, block u64-BE, sequence u64-BE -> hash
    Spending = 21,        ///< chain key length u8, chain key, day u32-BE, ServiceId[32],
                          ///< account[20], nonce u64-BE -> cost of a transaction
    SignerStates = 22,    ///< signer[20] -> whether it may sign
    Submissions = 23,     ///< ServiceId[32], event id[20], signer[20], envelope digest[32] ->
                          ///< submission record
};
inline constexpr std::size_t kKeyspaceCount = 24;
std::string_view to_string(Keyspace keyspace);
/// Keys are mostly written in their own order here, which a store may rely on for its speed; in
/// return, no prefix is erased.
constexpr bool is_written_in_order(Keyspace keyspace) {
    return keyspace == Keyspace::Events || keyspace == Keyspace::Results ||
           keyspace == Keyspace::Work;
}

/// Changes that become visible and durable together or not at all.
class Batch {
public:
    struct Operation {
        enum class Kind { Put, Erase, ErasePrefix } kind;
        Keyspace keyspace;
        base::Bytes key;
        base::Bytes value;
    };

    /// Bytes of its own: taken over from a temporary, copied from anything else.
    class Blob {
    public:
        Blob() = default;
        Blob(base::Bytes&& bytes) : bytes_(std::move(bytes)) {}
        template <typename View>
            requires std::convertible_to<const View&, base::ByteView>
        Blob(const View& view) : bytes_(base::to_bytes(base::ByteView(view))) {}
        base::Bytes take() && { return std::move(bytes_); }

    private:
        base::Bytes bytes_;
    };

    Batch& put(Keyspace keyspace, Blob key, Blob value);
    Batch& erase(Keyspace keyspace, Blob key);
    /// Not where `is_written_in_order()`.
    Batch& erase_prefix(Keyspace keyspace, Blob prefix);
    /// Takes over the operations of `other`, after ours.
    Batch& append(Batch other);

    bool empty() const { return operations_.empty(); }
    const std::vector<Operation>& operations() const { return operations_; }

private:
    std::vector<Operation> operations_;
};

struct Entry {
    base::Bytes key;
    base::Bytes value;
};

/// Where a scan starts and ends. Keys come in byte order.
struct Scan {
    base::Bytes prefix;            ///< only keys that start with this
    base::Bytes from;              ///< first key not below this (whole key, prefix included)
    std::size_t limit = SIZE_MAX;  ///< at most this many
};

/// The node's state. Reads see every batch whose commit has ended. All methods are thread-safe;
/// owned by `app`, outlives every module that holds a reference.
class Store {
public:
    virtual ~Store() = default;

    virtual base::Result<std::optional<base::Bytes>> get(Keyspace keyspace,
                                                         base::ByteView key) const = 0;
    virtual base::Result<std::vector<Entry>> scan(Keyspace keyspace, const Scan& scan) const = 0;

    /// `done` when the batch is on disk. Commits that arrive together share one disk sync; they
    /// take effect in the order of the calls. A failure means that the disk can no longer be
    /// trusted.
    virtual void begin_commit(Batch batch, async::Completion<void> done) = 0;
    /// The same for tasks.
    async::Task<base::Result<void>> commit(Batch batch);
    /// The same for flows.
    async::Flow<base::Result<void>> committed(Batch batch);

    /// In the journal at once but not synced: durable no later than the next `commit` that ends.
    /// For guest writes.
    virtual base::Result<void> write_unsynced(const Batch& batch) = 0;

    /// Disk syncs since start.
    virtual std::uint64_t sync_count() const = 0;
};

}  // namespace wavs::storage
