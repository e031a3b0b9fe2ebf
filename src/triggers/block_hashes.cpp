// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/block_hashes.hpp"

#include "wavs/types/codec.hpp"

#include <algorithm>

namespace wavs::triggers {
namespace {

using Blocks = BlockHashes::Blocks;

constexpr std::uint8_t kVersion = 1;
// What is retracted beyond so many blocks although its block stands comes back when it is read
// again.
constexpr std::uint64_t kMostCompared = 4096;

void put(Blocks& blocks, std::uint64_t number, const types::Bytes32& hash) {
    blocks[number] = hash;
    while (blocks.size() > BlockHashes::kMost) {
        blocks.erase(blocks.begin());
    }
}

void encode_blocks(types::Encoder& out, const Blocks& blocks) {
    out.number(blocks.size());
    for (const auto& [number, hash] : blocks) {
        out.number(number);
        out.fixed(hash.view());
    }
}

Blocks decode_blocks(types::Decoder& in) {
    Blocks out;
    const auto count = in.number();
    for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
        const auto number = in.number();
        out[number] = types::read_fixed<types::Bytes32>(in);
    }
    return out;
}

base::Error chain_moved(std::uint64_t number) {
    return {base::ErrorKind::Unavailable, "chain_moved",
            fmt::format("the chain changed at block {} while it was compared with what had been "
                        "read of it",
                        number),
            "nothing: it is compared again"};
}

enum class Compared { Same, Different, Missing };

/// The chain as it is now, block by block.
class Comparison {
public:
    Comparison(chain_evm::RpcClient client, BlockHashes hashes, chain_evm::BlockHeader latest)
        : client_(std::move(client)), hashes_(std::move(hashes)), latest_(std::move(latest)) {}

    async::Task<base::Result<std::optional<Fork>>> run() {
        WAVS_CO_TRY(const auto noted, co_await first_noted_different());
        WAVS_CO_TRY(auto fork, co_await below_known());
        if (noted && (!fork || *noted < fork->from_block)) {
            fork = Fork{*noted, fork && fork->none_left, {}};
        }
        if (fork) {
            WAVS_CO_TRY(fork->now, co_await blocks_from(fork->from_block));
        }
        co_return std::move(fork);
    }

private:
    async::Task<base::Result<std::optional<chain_evm::BlockHeader>>> header(std::uint64_t number) {
        if (number == latest_.number) {
            co_return std::optional(latest_);
        }
        if (number > latest_.number) {
            co_return std::optional<chain_evm::BlockHeader>();
        }
        co_return co_await client_.block(chain_evm::BlockRef::at(number));
    }

    async::Task<base::Result<Compared>> compare(std::uint64_t number, types::Bytes32 hash) {
        WAVS_CO_TRY(const auto now, co_await header(number));
        if (!now || !now->hash) {
            co_return Compared::Missing;
        }
        co_return *now->hash == hash ? Compared::Same : Compared::Different;
    }

    async::Task<base::Result<std::optional<std::uint64_t>>> first_noted_different() {
        for (const auto& [number, hash] : hashes_.noted()) {
            WAVS_CO_TRY(const auto compared, co_await compare(number, hash));
            if (compared == Compared::Different) {
                co_return std::optional(number);
            }
        }
        co_return std::optional<std::uint64_t>();
    }

    // From the newest known block down to one the chain has.
    async::Task<base::Result<std::optional<Fork>>> below_known() {
        std::optional<Fork> fork;
        const auto& known = hashes_.known();
        for (auto block = known.rbegin(); block != known.rend(); ++block) {
            WAVS_CO_TRY(const auto compared, co_await compare(block->first, block->second));
            if (compared == Compared::Same) {
                if (fork) {
                    fork->from_block = block->first + 1;
                    fork->none_left = false;
                }
                break;
            }
            if (compared == Compared::Different) {
                fork = Fork{block->first, true, {}};
            }
        }
        co_return std::move(fork);
    }

    async::Task<base::Result<Blocks>> blocks_from(std::uint64_t from) {
        Blocks out;
        const auto top = std::min(latest_.number, hashes_.highest());
        if (from > top) {
            co_return std::move(out);
        }
        const auto first = std::max(from, top - std::min(top, kMostCompared - 1));
        auto parent = first == from && from > 0 ? hashes_.at(from - 1) : std::nullopt;
        for (auto number = first; number <= top; ++number) {
            WAVS_CO_TRY(const auto now, co_await header(number));
            if (!now || !now->hash ||
                (parent && now->parent_hash && *now->parent_hash != *parent)) {
                co_return chain_moved(number);
            }
            parent = now->hash;
            out[number] = *now->hash;
        }
        co_return std::move(out);
    }

    chain_evm::RpcClient client_;
    BlockHashes hashes_;
    chain_evm::BlockHeader latest_;
};

}  // namespace

std::optional<types::Bytes32> BlockHashes::at(std::uint64_t number) const {
    const auto found = known_.find(number);
    return found == known_.end() ? std::nullopt : std::optional(found->second);
}

std::uint64_t BlockHashes::highest() const {
    return std::max(newest(), noted_.empty() ? 0 : noted_.rbegin()->first);
}

BlockHashes::Fit BlockHashes::fit(std::uint64_t number, const types::Bytes32& hash) const {
    if (const auto known = at(number)) {
        return *known == hash ? Fit::Known : Fit::Differs;
    }
    const auto noted = noted_.find(number);
    if (noted != noted_.end()) {
        return noted->second == hash ? Fit::Known : Fit::Differs;
    }
    return number < newest() ? Fit::Older : Fit::Unlinked;
}

BlockHashes::Fit BlockHashes::fit(const chain_evm::BlockHeader& header) const {
    if (!header.hash) {
        return Fit::Follows;
    }
    const auto same = fit(header.number, *header.hash);
    if (same == Fit::Differs || at(header.number)) {
        return same;
    }
    const auto before = header.number == 0 ? std::nullopt : at(header.number - 1);
    if (before && header.parent_hash) {
        return *before == *header.parent_hash ? Fit::Follows : Fit::Differs;
    }
    if (known_.empty() || !header.parent_hash) {
        return Fit::Follows;
    }
    return header.number < newest() ? Fit::Older : Fit::Unlinked;
}

void BlockHashes::add(std::uint64_t number, const types::Bytes32& hash) {
    put(known_, number, hash);
    noted_.erase(number);
}

void BlockHashes::note(std::uint64_t number, const types::Bytes32& hash) {
    put(noted_, number, hash);
}

void BlockHashes::confirm_noted(std::uint64_t up_to) {
    const auto end = noted_.upper_bound(up_to);
    for (auto block = noted_.begin(); block != end; ++block) {
        put(known_, block->first, block->second);
    }
    noted_.erase(noted_.begin(), end);
}

void BlockHashes::drop(std::uint64_t from) {
    known_.erase(known_.lower_bound(from), known_.end());
    noted_.erase(noted_.lower_bound(from), noted_.end());
}

base::Bytes BlockHashes::encode() const {
    types::Encoder out;
    out.byte(kVersion);
    encode_blocks(out, known_);
    encode_blocks(out, noted_);
    return std::move(out).take();
}

base::Result<BlockHashes> BlockHashes::decode(base::ByteView data) {
    types::Decoder in(data);
    const auto version = in.byte();
    BlockHashes out;
    out.known_ = decode_blocks(in);
    out.noted_ = decode_blocks(in);
    if (version != kVersion || !in.at_end()) {
        return types::unreadable_record("block_hashes_record", "the list of a chain's block hashes",
                                        version, kVersion);
    }
    return out;
}

async::Task<base::Result<std::optional<Fork>>> find_fork(chain_evm::RpcClient client,
                                                         BlockHashes hashes,
                                                         chain_evm::BlockHeader latest) {
    Comparison comparison(std::move(client), std::move(hashes), std::move(latest));
    co_return co_await comparison.run();
}

async::Task<base::Result<Blocks>> read_ancestors(chain_evm::RpcClient client, BlockHashes hashes,
                                                 chain_evm::BlockHeader latest, std::size_t limit) {
    Blocks out;
    auto newest = std::move(latest);
    while (newest.number > 0 && newest.parent_hash) {
        const auto number = newest.number - 1;
        if (const auto known = hashes.at(number)) {
            if (*known != *newest.parent_hash) {
                co_return chain_moved(number);
            }
            break;
        }
        if (out.size() == limit) {
            break;
        }
        WAVS_CO_TRY(auto parent, co_await client.block_by_hash(*newest.parent_hash));
        if (!parent || !parent->hash || parent->number != number) {
            break;  // not every endpoint serves blocks by hash
        }
        out[number] = *parent->hash;
        newest = std::move(*parent);
    }
    co_return std::move(out);
}

}  // namespace wavs::triggers
