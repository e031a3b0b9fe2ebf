// SPDX-License-Identifier: Apache-2.0
#include "task_metrics.hpp"

#include "wavs/async/queue_stats.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::app {

void report_task(telemetry::Metrics& metrics, const async::TaskStatus& task) {
    const bool down = task.state == async::TaskStatus::State::Restarting;
    metrics
        .gauge("wavs_subsystem_down", "1 while a task of the node is not running",
               {{"task", task.name}})
        .set(down ? 1 : 0);
    if (down) {
        telemetry::log_error("app", "a task ended unasked and is started again",
                             {{"task", task.name}, {"error", task.last_error.value_or("")}});
    }
}

void export_queues(telemetry::Metrics& metrics) {
    for (const auto& queue : async::QueueRegistry::instance().living()) {
        const telemetry::Labels labels{{"queue", queue->name}};
        metrics.gauge("wavs_queue_depth", "Items waiting", labels)
            .set(static_cast<double>(queue->depth.load()));
        metrics.gauge("wavs_queue_capacity", "Items a queue holds at most", labels)
            .set(static_cast<double>(queue->capacity));
        metrics.gauge("wavs_queue_full_events", "Times a sender found the queue full", labels)
            .set(static_cast<double>(queue->full_count.load()));
        metrics.gauge("wavs_queue_dropped_items", "Items dropped by a full queue", labels)
            .set(static_cast<double>(queue->dropped.load()));
    }
}

}  // namespace wavs::app
