// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/engine.hpp"
#include "wavs/rt/peers.hpp"

namespace wavs::rt {

/// The guest library that is linked into this program.
const Library& native_library();
const PeerLibrary& native_peer_library();

}  // namespace wavs::rt
