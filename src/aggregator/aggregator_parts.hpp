// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"
#include "wavs/types/records.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace wavs::aggregator {

/// Why a result ended whose event is no longer part of its chain.
inline constexpr std::string_view kRetracted = "the chain replaced the block of its event";

/// Why a signed result ended although its event is on chain.
inline constexpr std::string_view kOtherResult =
    "operators signed different results, and another one is on chain: see `wavs-cli divergences`";

/// Who delivered what this node has signed itself.
inline constexpr std::string_view kSelf = "self";

/// When the event happened, if it says so.
std::optional<types::Timestamp> time_of(const types::TriggerData& data);
types::Timestamp earlier(types::Timestamp now, std::chrono::seconds age);
/// Later may be better: the chain, the node or the disk is not there now.
bool is_transient(const base::Error& error);

}  // namespace wavs::aggregator
