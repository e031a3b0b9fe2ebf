// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace wavs::types {

/// Whether a service manager counts signatures of a key.
enum class SignerCounts : std::uint8_t {
    No,
    Yes,
    Unknown,  ///< the manager does not know keys: only a whole set of signatures can be asked about
};

}  // namespace wavs::types
