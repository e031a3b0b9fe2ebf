// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/base/fault.hpp"

namespace wavs::async {

/// Waits, fails or ends the process when a fault is due at `point`. Call it through
/// `WAVS_CO_FAULT`, which costs one load when nothing is armed.
Task<base::Result<void>> take_fault(Timers& timers, base::FaultPoint point);

}  // namespace wavs::async

/// In a coroutine that returns a Result: a place where tests can make it fail.
#define WAVS_CO_FAULT(timers, point)                                    \
    if (::wavs::base::Faults::armed()) [[unlikely]] {                   \
        WAVS_CO_TRY(co_await ::wavs::async::take_fault(timers, point)); \
    }
