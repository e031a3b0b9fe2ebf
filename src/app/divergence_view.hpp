// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/submissions.hpp"
#include "wavs/http/node_api.hpp"

namespace wavs::app {

/// A divergence as the HTTP interface shows it.
http::DivergentEvent divergent_event(const aggregator::Divergence& divergence);

}  // namespace wavs::app
