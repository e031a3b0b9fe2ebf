// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/fault.hpp"

namespace wavs::async {

Task<base::Result<void>> take_fault(Timers& timers, base::FaultPoint point) {
    const auto fault = base::Faults::instance().pass(point);
    if (!fault) {
        co_return base::ok();
    }
    if (fault->action == base::Fault::Action::Delay) {
        co_return co_await timers.sleep_for(fault->delay);
    }
    co_return base::fault_error(point);
}

}  // namespace wavs::async
