// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flat.hpp"
#include "wavs/rt/flat.hpp"

namespace wavs::engine {

using rt::FlatWriter;

void write_address(FlatWriter& out, const types::CosmosAddress& address);
void write_trigger(FlatWriter& out, const types::Trigger& trigger);

}  // namespace wavs::engine
