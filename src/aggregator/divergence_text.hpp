// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/submissions.hpp"

#include <string>

namespace wavs::aggregator {

/// Whether there are two envelopes among those that are kept and not put aside.
bool disagree(const std::vector<types::SubmissionRecord>& submissions);
/// One line: who signed what, and where the payloads part.
std::string divergence_text(const Divergence& divergence);

}  // namespace wavs::aggregator
