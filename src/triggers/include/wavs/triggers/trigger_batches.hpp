// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/types/pipeline.hpp"

namespace wavs::triggers {

/// Where the sources deliver to, in the order of what they saw.
using TriggerBatches = async::Channel<types::TriggerBatch>;

}  // namespace wavs::triggers
