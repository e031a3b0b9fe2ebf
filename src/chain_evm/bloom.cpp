// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/bloom.hpp"

#include "wavs/hash/hash.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kBits = 2048;

bool has(const Bloom& bloom, std::uint16_t bit) {
    return (bloom.at(bloom.size() - 1 - bit / 8) >> (bit % 8) & 1U) != 0;
}

}  // namespace

// The bits are counted from the end of the 256 bytes.
BloomQuery::Bits BloomQuery::bits_of(base::ByteView item) {
    const auto hash = hash::keccak256(item);
    Bits out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto pair = static_cast<unsigned>(hash.at(2 * i) << 8U) | hash.at(2 * i + 1);
        out.at(i) = static_cast<std::uint16_t>(pair % kBits);
    }
    return out;
}

BloomQuery::BloomQuery(const LogFilter& filter) {
    for (const auto& address : filter.addresses) {
        addresses_.push_back(bits_of(address.view()));
    }
    for (const auto& topic : filter.topics) {
        topics_.push_back(bits_of(topic.view()));
    }
}

bool BloomQuery::may_match(const Bloom& bloom) const {
    const auto any_of = [&bloom](const std::vector<Bits>& items) {
        return items.empty() || std::any_of(items.begin(), items.end(), [&bloom](const Bits& bits) {
                   return std::all_of(bits.begin(), bits.end(),
                                      [&bloom](std::uint16_t bit) { return has(bloom, bit); });
               });
    };
    return any_of(addresses_) && any_of(topics_);
}

}  // namespace wavs::chain_evm
