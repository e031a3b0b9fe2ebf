// SPDX-License-Identifier: Apache-2.0
#include "wavs/base/random.hpp"

namespace wavs::base {

std::uint64_t RandomSource::below(std::uint64_t bound) {
    // The bias of a plain remainder is below 2^-32 for every bound the node uses (jitter,
    // shuffles).
    return bound == 0 ? 0 : next() % bound;
}

void RandomSource::fill(std::span<std::uint8_t> out) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
        if (i % 8 == 0) {
            word = next();
        }
        out[i] = static_cast<std::uint8_t>(word >> (8 * (i % 8)));
    }
}

std::uint64_t SeededRandom::entropy_seed() {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
}

std::uint64_t SeededRandom::next() {
    const std::lock_guard lock(mutex_);
    return engine_();
}

}  // namespace wavs::base
