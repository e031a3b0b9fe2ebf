// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <random>
#include <span>

namespace wavs::base {

/// The node's only source of randomness (back-off jitter, ids, tie-breaks). Never used for keys.
/// Injected, so that a test can replay a run from its seed. Thread-safe.
class RandomSource {
public:
    virtual ~RandomSource() = default;
    virtual std::uint64_t next() = 0;
    /// Uniform in [0, bound); 0 when `bound` is 0.
    std::uint64_t below(std::uint64_t bound);
    void fill(std::span<std::uint8_t> out);
};

/// Reproducible from its seed; `from_entropy()` seeds from the operating system.
class SeededRandom final : public RandomSource {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    static std::uint64_t entropy_seed();
    std::uint64_t next() override;

private:
    std::mutex mutex_;
    std::mt19937_64 engine_;
};

}  // namespace wavs::base
