// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <cstdint>

namespace wavs::net {

/// A TCP port of the loopback interface that was free a moment ago, for programs that cannot take
/// port 0. Never the same one twice in a row within a process.
base::Result<std::uint16_t> free_port();

}  // namespace wavs::net
