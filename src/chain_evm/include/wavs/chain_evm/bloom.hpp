// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/chain_evm/rpc_client.hpp"

#include <array>
#include <cstdint>
#include <vector>

namespace wavs::chain_evm {

/// Which blocks can hold logs of a filter, by the bloom filter of their headers (`logsBloom`: of
/// each address and topic of the block's logs, three bits of its Keccak-256 are set). A block that
/// is excluded holds none; one that is not may.
class BloomQuery {
public:
    BloomQuery() = default;
    explicit BloomQuery(const LogFilter& filter);
    bool may_match(const Bloom& bloom) const;

private:
    using Bits = std::array<std::uint16_t, 3>;
    static Bits bits_of(base::ByteView item);

    // Empty: any.
    std::vector<Bits> addresses_;
    std::vector<Bits> topics_;
};

}  // namespace wavs::chain_evm
