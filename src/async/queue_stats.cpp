// SPDX-License-Identifier: Apache-2.0
#include "wavs/async/queue_stats.hpp"

namespace wavs::async {

QueueRegistry& QueueRegistry::instance() {
    static QueueRegistry registry;
    return registry;
}

void QueueRegistry::add(const std::shared_ptr<QueueStats>& stats) {
    const std::lock_guard lock(mutex_);
    std::erase_if(queues_, [](const auto& queue) { return queue.expired(); });
    queues_.push_back(stats);
}

std::vector<std::shared_ptr<QueueStats>> QueueRegistry::living() {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<QueueStats>> out;
    for (const auto& queue : queues_) {
        if (auto stats = queue.lock()) {
            out.push_back(std::move(stats));
        }
    }
    return out;
}

}  // namespace wavs::async
