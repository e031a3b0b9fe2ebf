// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

#include <cstdint>
#include <string>

namespace wavs::rt {

/// The error behind a status of the library other than Ok.
base::Error error_of(std::uint32_t status, std::string message);

}  // namespace wavs::rt
