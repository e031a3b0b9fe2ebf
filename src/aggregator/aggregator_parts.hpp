// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"
#include "wavs/types/records.hpp"

#include <chrono>

namespace wavs::aggregator {

types::Timestamp earlier(types::Timestamp now, std::chrono::seconds age);
/// Later may be better: the chain, the node or the disk is not there now.
bool is_transient(const base::Error& error);

}  // namespace wavs::aggregator
