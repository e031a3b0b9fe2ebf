// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/look_back.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

async::Task<base::Result<std::uint64_t>> time_of(RpcClient& client, std::uint64_t block) {
    WAVS_CO_TRY(const auto header, co_await client.block(BlockRef::at(block)));
    if (!header || !header->timestamp) {
        co_return base::Error(base::ErrorKind::Unavailable, "block_time_unknown",
                              fmt::format("{}: {} block {}", client.endpoint(),
                                          header ? "no timestamp in" : "no", block),
                              "it is tried again; if it stays, check the endpoints of this chain "
                              "in the configuration");
    }
    co_return *header->timestamp;
}

}  // namespace

// What is looked for is mostly young: from the head down in steps that double, then in halves.
async::Task<base::Result<std::uint64_t>> find_block_at(RpcClient client, std::uint64_t head,
                                                       types::Timestamp time) {
    const auto lowest = look_back_from(head);
    auto early = head;
    auto late = head + 1;
    for (std::uint64_t step = 1;; step *= 2) {
        WAVS_CO_TRY(const auto seconds, co_await time_of(client, early));
        if (seconds <= time.seconds()) {
            break;
        }
        if (early == lowest) {
            co_return lowest;
        }
        late = early;
        early -= std::min(step, early - lowest);
    }
    while (late - early > 1) {
        const auto middle = early + (late - early) / 2;
        WAVS_CO_TRY(const auto seconds, co_await time_of(client, middle));
        (seconds <= time.seconds() ? early : late) = middle;
    }
    co_return early;
}

}  // namespace wavs::chain_evm
