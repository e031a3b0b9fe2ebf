// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"

#include <cstdint>
#include <map>
#include <optional>

namespace wavs::triggers {

/// The hashes of the newest blocks of a chain, by which a reorganisation is recognised. All known
/// blocks are of one chain: each was added when the newest before it was still part of it. A noted
/// block is one that a live log named and whose place is not known yet. The stored form is in
/// docs/protocol/02-records.md.
class BlockHashes {
public:
    static constexpr std::size_t kMost = 256;
    using Blocks = std::map<std::uint64_t, types::Bytes32>;

    enum class Fit : std::uint8_t {
        Known,     ///< one of ours
        Follows,   ///< its parent is ours, or nothing is known to compare it with
        Older,     ///< below the newest of ours, with nothing to compare it with
        Unlinked,  ///< above ours, and nothing says that it follows
        Differs,   ///< not of the same chain as ours
    };
    Fit fit(const chain_evm::BlockHeader& header) const;
    /// Of the block a log is in.
    Fit fit(std::uint64_t number, const types::Bytes32& hash) const;

    /// Only what `Follows`, or was compared otherwise. The lowest make room.
    void add(std::uint64_t number, const types::Bytes32& hash);
    void note(std::uint64_t number, const types::Bytes32& hash);
    /// The chain has the noted blocks up to this one: now they are known.
    void confirm_noted(std::uint64_t up_to);
    /// Blocks from `from` on were replaced.
    void drop(std::uint64_t from);

    const Blocks& known() const { return known_; }
    const Blocks& noted() const { return noted_; }
    std::optional<types::Bytes32> at(std::uint64_t number) const;
    /// The newest block, known or also noted; 0 when there is none.
    std::uint64_t newest() const { return known_.empty() ? 0 : known_.rbegin()->first; }
    std::uint64_t highest() const;

    base::Bytes encode() const;
    static base::Result<BlockHashes> decode(base::ByteView data);
    friend bool operator==(const BlockHashes&, const BlockHashes&) = default;

private:
    Blocks known_;
    Blocks noted_;
};

/// Where the chain left what was known of it.
struct Fork {
    /// The first block that is not known to be as before.
    std::uint64_t from_block = 0;
    /// No known block is left: the chain may have changed below them, too.
    bool none_left = false;
    /// The blocks from there on as they are now, as far as blocks were known. Of a very long
    /// stretch only the newest.
    BlockHashes::Blocks now;
};

/// Compares `hashes` with the chain whose newest block is `latest`. None when the chain still has
/// what is known of it. A block it does not have says nothing: an endpoint may lag behind. Error
/// `chain_moved` (Unavailable) when it changes meanwhile.
async::Task<base::Result<std::optional<Fork>>> find_fork(chain_evm::RpcClient client,
                                                         BlockHashes hashes,
                                                         chain_evm::BlockHeader latest);

/// The newest ancestors of `latest` down to a block that is known, at most `limit`. Error
/// `chain_moved` as above.
async::Task<base::Result<BlockHashes::Blocks>> read_ancestors(chain_evm::RpcClient client,
                                                              BlockHashes hashes,
                                                              chain_evm::BlockHeader latest,
                                                              std::size_t limit);

}  // namespace wavs::triggers
