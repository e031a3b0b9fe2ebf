// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"

#include <cstdint>

namespace wavs::chain_evm {

/// So far behind the newest block, and no further, results posted by others are looked for.
inline constexpr std::uint64_t kLookBackBlocks = 1'024;

/// The lowest block of that window.
constexpr std::uint64_t look_back_from(std::uint64_t head) {
    return head < kLookBackBlocks ? 0 : head - kLookBackBlocks;
}

/// The newest block not later than `time`; the lowest of the window below `head` when all of them
/// are later. About twice the logarithm of the distance in calls. `client` stays with one endpoint.
/// Error `block_time_unknown` (Unavailable) when the endpoint lacks a block or its time.
async::Task<base::Result<std::uint64_t>> find_block_at(RpcClient client, std::uint64_t head,
                                                       types::Timestamp time);

}  // namespace wavs::chain_evm
