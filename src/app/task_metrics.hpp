// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/supervisor.hpp"
#include "wavs/telemetry/metrics.hpp"

namespace wavs::app {

/// On the metrics page, and in the log when the task is down.
void report_task(telemetry::Metrics& metrics, const async::TaskStatus& task);
/// Every queue of the process on the metrics page.
void export_queues(telemetry::Metrics& metrics);

}  // namespace wavs::app
