// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/as_flow.hpp"
#include "wavs/base/fault.hpp"

namespace wavs::async {

/// Waits, fails or ends the process when a fault is due at `point`. Call it through
/// `WAVS_CO_FAULT` or `WAVS_FLOW_FAULT`, which cost one load when nothing is armed.
Task<base::Result<void>> take_fault(Timers& timers, base::FaultPoint point);

}  // namespace wavs::async

/// In a coroutine that returns a Result: a place where tests can make it fail.
#define WAVS_CO_FAULT(timers, point)                                    \
    if (::wavs::base::Faults::armed()) [[unlikely]] {                   \
        WAVS_CO_TRY(co_await ::wavs::async::take_fault(timers, point)); \
    }

/// The same in a flow; `group` owns the delay.
#define WAVS_FLOW_FAULT(group, timers, point)                                                   \
    if (::wavs::base::Faults::armed()) [[unlikely]] {                                           \
        WAVS_CO_TRY(co_await ::wavs::async::as_flow(group, "fault",                             \
                                                    ::wavs::async::take_fault(timers, point))); \
    }
