// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

#include <cstdint>
#include <string>

namespace wavs::rt {

/// The error behind a status of the library other than Ok.
base::Error error_of(std::uint32_t status, std::string message);
/// The same for the peer-to-peer functions, whose statuses have numbers of their own.
base::Error peer_error_of(std::uint32_t status, std::string message);

/// Header and archive differ: `rt_abi` with both numbers.
base::Error abi_error(std::uint32_t found);

}  // namespace wavs::rt
