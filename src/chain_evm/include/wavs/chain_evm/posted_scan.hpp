// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/chain_evm/look_back.hpp"
#include "wavs/chain_evm/service_manager.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace wavs::chain_evm {

/// A transaction in a block, with status 1, that handed an event to a handler.
struct PostedResult {
    types::Bytes32 tx_hash;
    std::uint64_t block = 0;
    types::Bytes32 envelope_digest;
};

/// Blocks by whether they had room for one more transaction: those without a gas limit had.
struct BlockCount {
    std::uint64_t with_room = 0;
    std::uint64_t full = 0;
};

/// Finds what any operator posted to the handlers of one chain, by reading its blocks
/// (docs/protocol/05-evm.md 9), and how full they were. Reads only while somebody asks, each block
/// once. Owned by its chain. Thread-safe.
///
/// Each block is remembered with its hash: one that does not follow the one before it voids all
/// that was read. A failure leaves what was read, and the next call goes on there. Errors: those of
/// `RpcClient`; `posted_scan_incomplete` (Unavailable), when the endpoint does not have a block, or
/// a receipt, that it should have.
class PostedScan {
public:
    struct Limits {
        /// What is further below the head is forgotten.
        std::uint64_t kept_blocks = 2'048;
        /// Transactions remembered. With more, the oldest blocks are forgotten and not read again.
        std::size_t most_transactions = 65'536;
        /// Asked for in one message.
        std::size_t blocks_at_once = 8;
    };
    /// `name` is for texts; `executor` wakes those who wait for a scan of somebody else.
    PostedScan(std::string name, RpcClient client, ServiceManagerClient heads,
               async::Executor executor, Limits limits);
    PostedScan(std::string name, RpcClient client, ServiceManagerClient heads,
               async::Executor executor)
        : PostedScan(std::move(name), std::move(client), std::move(heads), std::move(executor),
                     Limits()) {}

    /// The first result for this event at this handler in a block from `from_block` to the head;
    /// none when there is none yet. Looks back `kLookBackBlocks` at most.
    async::Task<base::Result<std::optional<PostedResult>>> find(types::EvmAddress handler,
                                                                types::EventId event,
                                                                std::uint64_t from_block);
    /// The blocks after this one, up to the head; `kLookBackBlocks` of them at most.
    async::Task<base::Result<BlockCount>> blocks_after(std::uint64_t block);
    /// The chain replaced blocks: what was read is void.
    void forget();

private:
    /// Handler, event, block, transaction: those of one event stand together, the oldest first.
    using Key = std::tuple<types::EvmAddress, types::EventId, std::uint64_t, types::Bytes32>;
    struct Handled {
        types::Bytes32 envelope_digest;
        /// By its receipt: it handled nothing.
        bool failed = false;
    };
    using Hit = std::pair<Key, Handled>;
    struct ScannedBlock {
        std::optional<types::Bytes32> hash;
        std::optional<types::Bytes32> parent;
        std::vector<Key> transactions;
        bool full = false;
    };
    struct Piece {
        /// Away from what is scanned already.
        std::vector<std::uint64_t> numbers;
        std::uint64_t generation = 0;
    };
    class Caller;

    /// The generation of which all that is wanted was read.
    async::Task<base::Result<std::uint64_t>> catch_up(std::uint64_t ticket);
    async::Task<base::Result<std::uint64_t>> scan();
    async::Task<base::Result<std::optional<PostedResult>>> confirmed(types::EvmAddress handler,
                                                                     types::EventId event,
                                                                     std::uint64_t from_block);
    base::Result<void> begin(std::uint64_t head);
    Piece next_piece(std::uint64_t head);
    base::Result<void> take(const Piece& piece,
                            const std::vector<base::Result<std::optional<Block>>>& blocks);
    base::Result<void> take_block_locked(std::uint64_t number,
                                         const base::Result<std::optional<Block>>& block);
    bool follows_locked(std::uint64_t number, const BlockHeader& header) const;
    void add_locked(const Block& block);
    void drop_locked(std::map<std::uint64_t, ScannedBlock>::iterator block);
    void drop_from_locked(std::uint64_t number);
    void forget_locked();
    void keep_bounds_locked();
    std::optional<Hit> next_hit_locked(const Key& after) const;
    std::uint64_t generation();
    base::Error incomplete(std::string what) const;
    base::Error unsettled() const;

    const std::string name_;
    RpcClient client_;
    ServiceManagerClient heads_;
    const Limits limits_;
    async::Mutex turn_;

    std::mutex mutex_;
    /// Without a gap.
    std::map<std::uint64_t, ScannedBlock> blocks_;
    std::map<Key, Handled> transactions_;
    /// Below it there were more transactions than are kept.
    std::uint64_t floor_ = 0;
    /// Counts how often blocks were dropped that somebody may still count on.
    std::uint64_t generation_ = 0;
    std::size_t blocks_at_once_;
    /// Of those who are in `find` now.
    std::multiset<std::uint64_t> wanted_;
    std::uint64_t tickets_ = 0;
    /// The scan under way is for those up to this ticket.
    std::uint64_t serving_ = 0;
    /// The last one was for those up to this ticket, and ended so.
    std::uint64_t served_ = 0;
    std::optional<base::Error> failure_;
    bool told_of_cut_ = false;
    bool told_of_floor_ = false;
};

}  // namespace wavs::chain_evm
