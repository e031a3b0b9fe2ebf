// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sim_operators.hpp"

#include <cstdint>

namespace wavs::aggregator::testing {

/// Simulated operators whose events are to be posted once each.
class QuorumTest : public Operators {
protected:
    using Operators::Operators;

    void all_sign(std::uint32_t event) {
        for (auto& one : operators_) {
            sign_event(*one, event);
        }
    }
    void expect_posted_once(std::uint32_t events) {
        for (std::uint32_t event = 0; event < events; ++event) {
            const auto id = id_of(*operators_[0], event);
            EXPECT_EQ(chain_.transactions(id), 1U) << "event " << event;
            EXPECT_TRUE(chain_.has(id)) << "event " << event;
        }
    }
};

}  // namespace wavs::aggregator::testing
