// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/json_read.hpp"
#include "wavs/types/trigger.hpp"

#include <functional>

namespace wavs::types {

/// Reads member `chain` of a struct, or what stands for it in an older manifest.
using ChainReader = std::function<base::Result<ChainKey>(const json::Fields&)>;

base::Result<ChainKey> read_plain_chain(const json::Fields& fields);
base::Result<Trigger> read_trigger(const json::Value& value, const ChainReader& read_chain);

}  // namespace wavs::types
