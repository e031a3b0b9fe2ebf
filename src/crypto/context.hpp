// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <secp256k1.h>

namespace wavs::crypto {

/// The process's one curve context, blinded with fresh randomness at first use. Constant
/// afterwards, so every thread may use it.
const secp256k1_context* curve();

}  // namespace wavs::crypto
