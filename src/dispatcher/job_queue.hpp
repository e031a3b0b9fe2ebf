// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/queue_stats.hpp"
#include "wavs/types/pipeline.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

namespace wavs::dispatcher {

struct JobQueueOptions {
    /// Jobs kept in memory; of those beyond, only the number is, and the journal has the rest.
    std::size_t in_memory = 10'000;
    /// Jobs whose component runs.
    std::size_t running = 256;
    std::size_t running_per_service = 128;
    /// Jobs picked whose outcome is not stored yet.
    std::size_t picked = 1024;
};

/// The accepted events that wait for their run: in order within a service, in turn between
/// services, so that one with many or slow events delays no other. It never gives a service more
/// than its share of the runs. It never refuses: what it holds is on disk already, and what limits
/// it is the disk (`low_disk_watermark`). Thread-safe.
class JobQueue {
public:
    using Job = std::shared_ptr<const types::EventJob>;
    /// Reads a job back from the journal; an empty pointer when it is gone.
    using Load = std::function<base::Result<Job>(std::uint64_t sequence)>;

    JobQueue(JobQueueOptions options, Load load);

    void push(Job job);
    /// An event that is in the journal only.
    void push(const types::ServiceId& service, std::uint64_t sequence);
    /// The next one that may run; none when nothing waits or a limit is reached. Whoever picks says
    /// `ran()` once it no longer runs, and `stored()` in the end.
    Job pick();
    void ran(const types::ServiceId& service);
    void stored();
    /// From now on nothing is picked; what waits is left to the next start.
    void close();

    std::size_t waiting() const;
    std::size_t waiting(const types::ServiceId& service) const;
    /// Picked and not stored yet.
    std::size_t picked() const;

private:
    struct Item {
        std::uint64_t sequence;
        Job job;  // empty: in the journal only
    };
    struct Line {
        std::deque<Item> items;
        std::size_t running = 0;
        bool in_ring = false;
    };

    void add_locked(const types::ServiceId& service, Item item);
    void offer_locked(const types::ServiceId& service, Line& line);
    std::optional<std::pair<types::ServiceId, Item>> pick_item();

    JobQueueOptions options_;
    Load load_;
    std::shared_ptr<async::QueueStats> stats_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Line> lines_;
    // Services that have something waiting and room to run it.
    std::deque<types::ServiceId> ring_;
    std::size_t waiting_ = 0;
    std::size_t running_ = 0;
    std::size_t picked_ = 0;
    std::size_t in_memory_ = 0;
    bool closed_ = false;
};

}  // namespace wavs::dispatcher
