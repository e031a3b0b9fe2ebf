// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/p2p/network.hpp"

namespace wavs::p2p {

/// Values of the library (rust/FLAT.md, Peers). `p2p_library` (Bug) when the bytes do not decode:
/// they come from our own library.
base::Result<Event> read_event(base::ByteView flat);
base::Result<Status> read_status(base::ByteView flat);

}  // namespace wavs::p2p
