// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"

namespace wavs::http {

/// The HTTP status of a failure, from its kind and, for a few, its code: docs/protocol/03-http.md.
unsigned status_of(const base::Error& error);

}  // namespace wavs::http
