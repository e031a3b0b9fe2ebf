// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "flat.hpp"
#include "flat_writer.hpp"

namespace wavs::engine {

void write_address(FlatWriter& out, const types::CosmosAddress& address);
void write_trigger(FlatWriter& out, const types::Trigger& trigger);

}  // namespace wavs::engine
