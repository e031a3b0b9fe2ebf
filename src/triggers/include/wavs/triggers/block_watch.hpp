// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/triggers/schedule_positions.hpp"
#include "wavs/triggers/trigger_index.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace wavs::triggers {

struct BlockOptions {
    /// Most heights of one workflow that are made up for at once; 0 = all of them.
    std::uint32_t max_catchup = 0;
};

/// Which block interval workflow of one chain is due at which height, without the chain: the source
/// tells the heights. Each workflow knows the height up to which it is done; that only grows, so no
/// height comes twice, whatever the chain replaces, and it is stored with the events
/// (docs/protocol/02-records.md). What is due is found in a queue ordered by height, service and
/// workflow; an idle workflow costs its memory. Not thread-safe: `EvmSource` guards it.
class BlockWatch {
public:
    BlockWatch(types::ChainKey chain, BlockOptions options)
        : chain_(std::move(chain)),
          options_(options),
          positions_(key_prefix(chain_), "a block interval") {}

    /// What the keys of the chain's positions begin with.
    static std::string key_prefix(const types::ChainKey& chain);
    /// A stored position; before the first `set_targets()`.
    base::Result<void> restore(const storage::Entry& position) {
        return positions_.restore(position);
    }

    /// True when something new among them can only start at the chain's head.
    bool needs_head(std::span<const TriggerIndex::BlockTarget> targets) const;
    /// Another set of workflows, ascending by service, then workflow. One whose trigger is the same
    /// goes on. What is new wants the heights after its manifest came into force, when its manager
    /// is on this chain, or else those after `head`; when that is not known, those after the head
    /// of the first `start_pending()`. In the first set it may go on from its stored position.
    void set_targets(std::span<const TriggerIndex::BlockTarget> targets,
                     std::optional<std::uint64_t> head);
    void start_pending(std::uint64_t head);

    std::size_t workflows() const { return entries_.size(); }
    /// The lowest height that some workflow waits for; none when nothing will ever be due.
    std::optional<std::uint64_t> next() const;
    /// True when something is due up to `height` or has to be stored.
    bool has_work(std::uint64_t height) const;
    /// The services with something due up to `height`.
    std::vector<types::RegisteredServicePtr> due_services(std::uint64_t height) const;

    /// The last height a revision may be given now.
    using Limit = std::function<std::uint64_t(const types::RegisteredService&)>;

    struct Dropped {
        std::uint64_t heights = 0;
        std::size_t workflows = 0;
        /// One of them.
        types::ServiceId service;
        types::WorkflowId workflow;
    };
    /// Leaves each workflow at most `max_catchup` of the heights that `take()` would give, the
    /// newest.
    Dropped drop_old(std::uint64_t height, const Limit& limit);

    struct Due {
        std::vector<types::SeenEvent> events;
        std::vector<types::SourcePosition> positions;
        bool empty() const { return events.empty() && positions.empty(); }
    };
    /// The first `most` ticks up to `height` within the limits, in order of height, service and
    /// workflow, with the positions after them and all others that changed.
    Due take(std::uint64_t height, const Limit& limit, std::size_t most);

private:
    using Workflow = SchedulePositions::Workflow;

    struct Entry {
        types::RegisteredServicePtr service;
        types::BlockIntervalTrigger trigger;
        /// In heights.
        SchedulePositions::Position position;
        /// Nothing says yet where it begins.
        bool pending = false;
        std::optional<std::uint64_t> next;
    };
    /// Pointers into `entries_`, whose nodes stay where they are.
    struct Scheduled {
        std::uint64_t height;
        const Workflow* workflow;
        Entry* entry;
    };
    struct Lower {
        bool operator()(const Scheduled& a, const Scheduled& b) const {
            return a.height != b.height ? a.height < b.height : *a.workflow < *b.workflow;
        }
    };
    using Entries = std::map<Workflow, Entry>;

    void start(const Workflow& workflow, Entry& entry, const TriggerIndex::BlockTarget& target,
               std::optional<std::uint64_t> head);
    void begin(const Workflow& workflow, Entry& entry, std::uint64_t after);
    void schedule(const Workflow& workflow, Entry& entry);
    void unschedule(const Workflow& workflow, Entry& entry);
    void set_pending(Entry& entry, bool pending);
    Entries::iterator forget(Entries::iterator at);

    types::ChainKey chain_;
    BlockOptions options_;
    Entries entries_;
    std::size_t pending_ = 0;
    std::set<Scheduled, Lower> queue_;
    SchedulePositions positions_;
};

}  // namespace wavs::triggers
