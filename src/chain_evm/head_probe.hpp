// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"

#include <cstdint>
#include <deque>
#include <optional>

namespace wavs::chain_evm {

/// Whether a subscription to heads still delivers, judged by the newest block that the endpoint
/// names when it is asked. Decides, never waits.
class HeadProbe {
public:
    HeadProbe(base::Duration usual_block_time, base::Duration tick)
        : usual_(usual_block_time), tick_(tick) {}

    /// A subscription was made at `now`.
    void subscribed(base::SteadyTime now);
    void on_head(std::uint64_t number, base::SteadyTime now);

    /// Nothing came for one and a half block times, so the endpoint should be asked.
    bool due(base::SteadyTime now) const;
    enum class Verdict : std::uint8_t {
        Fine,    ///< nothing is known to be wrong
        Quiet,   ///< the endpoint has no newer block either
        Silent,  ///< twice in a row it had one that did not come
    };
    /// The endpoint named `newest`.
    Verdict answered(std::uint64_t newest, base::SteadyTime now);

    /// Subscriptions in a row that were found silent.
    unsigned silent_in_a_row() const { return silent_; }
    base::SteadyTime last_head() const { return last_at_; }
    /// The median of the newest times between two heads; the usual one as long as there are few.
    base::Duration block_time() const;

private:
    base::Duration usual_;
    base::Duration tick_;
    std::deque<base::Duration> gaps_;
    std::optional<std::uint64_t> newest_;
    std::optional<std::uint64_t> missing_;
    base::SteadyTime last_at_;
    base::SteadyTime ask_at_;
    unsigned silent_ = 0;
};

}  // namespace wavs::chain_evm
