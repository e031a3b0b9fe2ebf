// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/component_runner.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace wavs::aggregator::testing {

/// An aggregator component that remembers what it was told, and chooses if it is given a way to.
class ChoosingComponents : public ComponentRunner {
public:
    async::Task<base::Result<void>> submit_callback(Input /*input*/, SubmitResult result) override {
        const auto* hash = std::get_if<types::TxHash>(&result);
        callbacks.push_back(hash != nullptr ? "ok" : std::get<std::string>(result));
        co_return base::ok();
    }
    async::Task<base::Result<bool>> selects(Input /*input*/) override {
        co_return static_cast<bool>(choose);
    }
    async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> select(
        Input /*input*/, types::SubmitAction /*action*/,
        std::vector<QuorumEntry> entries) override {
        co_return choose(entries);
    }

    std::vector<std::string> callbacks;
    /// What it wants posted, if it has a say.
    std::function<base::Result<std::optional<std::vector<std::uint32_t>>>(
        const std::vector<QuorumEntry>&)>
        choose;
};

}  // namespace wavs::aggregator::testing
