// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

namespace wavs::http {

/// For requests that bring a manifest or a component: what it refers to and is missing (NotFound),
/// or what its component is at fault for (Guest), is a fault of the input (400), not of the path.
base::Error as_input_error(const base::Error& error);

}  // namespace wavs::http
