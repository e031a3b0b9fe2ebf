// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace wavs::async {

/// What a full queue does with one more item.
enum class WhenFull { Wait, Reject, DropOldest };

/// The figures of one queue; written by its owner, read by the metrics page at any time.
struct QueueStats {
    QueueStats(std::string queue_name, std::size_t queue_capacity, WhenFull when_full)
        : name(std::move(queue_name)), capacity(queue_capacity), policy(when_full) {}

    const std::string name;
    const std::size_t capacity;
    const WhenFull policy;
    std::atomic<std::size_t> depth{0};
    std::atomic<std::uint64_t> sent{0};
    std::atomic<std::uint64_t> full_count{0};
    std::atomic<std::uint64_t> dropped{0};
};

/// Every living queue of the process, so that none can be forgotten on the metrics page.
/// The one global of the node: it holds weak references to figures only.
class QueueRegistry {
public:
    static QueueRegistry& instance();
    void add(const std::shared_ptr<QueueStats>& stats);
    std::vector<std::shared_ptr<QueueStats>> living();

private:
    std::mutex mutex_;
    std::vector<std::weak_ptr<QueueStats>> queues_;
};

}  // namespace wavs::async
