// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/jobs.hpp"
#include "wavs/engine/options.hpp"
#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/response.hpp"

#include <cstddef>
#include <vector>

namespace wavs::engine {

struct CheckedResponses {
    std::vector<types::WasmResponse> responses;
    /// Same salt as an earlier one, other payload.
    std::size_t dropped = 0;
};

/// Whether responses become submissions, which other operators must be able to receive.
enum class Submits : std::uint8_t { No, Yes };

/// The rules for what an operator component may answer. Errors: `missing_event_id_salt`,
/// `payload_too_large`, `too_many_responses` (Guest); then no response counts.
base::Result<CheckedResponses> check_responses(std::vector<types::WasmResponse> responses,
                                               const Limits& limits, Submits submits);

/// The same for an aggregator component: `too_many_actions` (Guest).
base::Result<void> check_actions(const std::vector<types::AggregatorAction>& actions,
                                 const Limits& limits);

/// What a component chose out of `entries` signatures, in ascending order. `select_indices` (Guest)
/// names the first index that is out of range or given twice; then nothing is chosen.
base::Result<Selection> check_selection(std::vector<std::uint32_t> indices, std::size_t entries);

}  // namespace wavs::engine
