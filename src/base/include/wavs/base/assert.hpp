// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace wavs::base {
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);
}  // namespace wavs::base

/// For our own invariants only, in every build. Never on anything that came from the network, the
/// disk, a guest or an operator.
#define WAVS_ASSERT(condition)          \
    ((condition) ? static_cast<void>(0) \
                 : ::wavs::base::assertion_failed(#condition, __FILE__, __LINE__))
