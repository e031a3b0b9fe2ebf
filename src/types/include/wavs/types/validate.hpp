// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/finding.hpp"
#include "wavs/types/manifest.hpp"

#include <cstddef>
#include <vector>

namespace wavs::types {

inline constexpr std::size_t kMaxWorkflows = 256;
/// What a variable a component may read has to begin with.
inline constexpr std::string_view kEnvPrefix = "WAVS_ENV";

/// Everything that can be said about a manifest without asking a chain or a node, the service
/// first, then its workflows in order: docs/protocol/01-values.md 3.6. Used by node and command
/// line alike. `now` decides what lies in the past.
std::vector<Finding> validate(const Service& service, Timestamp now);

/// The checks of one trigger alone.
std::vector<Finding> validate(const WorkflowId& workflow, const Trigger& trigger, Timestamp now);

}  // namespace wavs::types
