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
#include <set>
#include <utility>

namespace wavs::dispatcher {

struct JobQueueOptions {
    /// Jobs kept in memory; of those beyond, only the number is, and the journal has the rest.
    std::size_t in_memory = 10'000;
    /// Jobs whose component runs.
    std::size_t running = 256;
    std::size_t running_per_service = 128;
    /// Jobs picked whose outcome is not stored yet.
    std::size_t picked = 1024;
    /// Workflows whose events run one after the other.
    std::set<std::pair<types::ServiceId, types::WorkflowId>> ordered = {};
};

/// The accepted events that wait for their run: in order within a service, in turn between
/// services, so that one with many or slow events delays no other. It never gives a service more
/// than its share of the runs. An ordered workflow stands in a line of its own, with a turn of its
/// own, and its next event is picked once the one before is stored. It never refuses: what it holds
/// is on disk already, and what limits it is the disk (`low_disk_watermark`). Thread-safe.
class JobQueue {
public:
    using Job = std::shared_ptr<const types::EventJob>;
    /// Reads a job back from the journal; an empty pointer when it is gone.
    using Load = std::function<base::Result<Job>(std::uint64_t sequence)>;

    JobQueue(JobQueueOptions options, Load load);

    void push(Job job);
    /// An event that is in the journal only; read once now when its service has ordered workflows.
    void push(const types::ServiceId& service, std::uint64_t sequence);
    /// The next one that may run; none when nothing waits or a limit is reached. Whoever picks says
    /// `ran()` once it no longer runs, and `stored()` in the end.
    Job pick();
    void ran(const types::ServiceId& service);
    void stored(const types::TriggerConfig& of);
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
    /// None: the workflows of the service that are not ordered.
    using Lane = std::optional<types::WorkflowId>;
    struct Line {
        std::deque<Item> items;
        bool in_ring = false;
        /// Of an ordered workflow: picked and not stored yet.
        bool busy = false;
    };
    struct Group {
        std::map<Lane, Line> lines;
        std::size_t running = 0;
    };
    struct Picked {
        types::ServiceId service;
        Lane lane;
        Item item;
    };

    Lane lane_of(const types::ServiceId& service, const types::WorkflowId& workflow) const;
    bool has_lanes(const types::ServiceId& service) const;
    void add_locked(const types::ServiceId& service, const Lane& lane, Item item);
    void offer_locked(const types::ServiceId& service, const Group& group, const Lane& lane,
                      Line& line);
    void tidy_locked(const types::ServiceId& service);
    std::optional<Picked> pick_item();
    void stored(const types::ServiceId& service, const Lane& lane);

    JobQueueOptions options_;
    Load load_;
    std::shared_ptr<async::QueueStats> stats_;
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Group> groups_;
    // Lines that have something waiting and room to run it.
    std::deque<std::pair<types::ServiceId, Lane>> ring_;
    std::size_t waiting_ = 0;
    std::size_t running_ = 0;
    std::size_t picked_ = 0;
    std::size_t in_memory_ = 0;
    bool closed_ = false;
};

}  // namespace wavs::dispatcher
