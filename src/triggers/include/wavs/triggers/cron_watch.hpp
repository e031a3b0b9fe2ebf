// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/triggers/schedule_positions.hpp"
#include "wavs/triggers/trigger_index.hpp"
#include "wavs/types/cron.hpp"

#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace wavs::triggers {

struct CronOptions {
    /// Most occurrences of one trigger that are made up for at once; not 0.
    std::uint32_t max_catchup = 60;
    /// What fell due while the node was down.
    enum class Restart { Skip, CatchUp } restart = Restart::Skip;
};

/// When which cron workflow is due, without a clock: the source tells the time. Each workflow knows
/// the second up to which it is done; that only grows, so no occurrence comes twice, whatever the
/// wall clock does, and it is stored with the events (docs/protocol/02-records.md). What is due is
/// found in a queue ordered by time, service and workflow; an idle workflow costs its memory. Not
/// thread-safe: `CronSource` guards it.
class CronWatch {
public:
    explicit CronWatch(CronOptions options) : options_(options) {}

    /// A stored position; before the first `set_targets()`.
    base::Result<void> restore(const storage::Entry& position) {
        return positions_.restore(position);
    }

    /// Another set of workflows, ascending by service, then workflow. One whose trigger is the same
    /// goes on; what is new wants what comes after `now`, except that in the first set it may go on
    /// from its stored position.
    void set_targets(std::span<const TriggerIndex::CronTarget> targets, base::WallTime now);

    /// The earliest occurrence; none when nothing will ever be due.
    std::optional<base::WallTime> next() const;
    /// True when something is scheduled or has to be stored.
    bool has_work() const { return !queue_.empty() || positions_.has_changes(); }

    struct Dropped {
        std::uint64_t occurrences = 0;
        std::size_t workflows = 0;
        /// One of them.
        types::ServiceId service;
        types::WorkflowId workflow;
    };
    /// Leaves each workflow at most `max_catchup` occurrences up to `now`, the newest.
    Dropped drop_old(base::WallTime now);

    struct Due {
        std::vector<types::SeenEvent> events;
        std::vector<types::SourcePosition> positions;
        bool empty() const { return events.empty() && positions.empty(); }
    };
    /// The first `limit` occurrences up to `until`, in order of time, service and workflow, with
    /// the positions after them and all others that changed.
    Due take(base::WallTime until, std::size_t limit);

    static constexpr std::string_view kKeyPrefix = "cron/";

private:
    using Workflow = SchedulePositions::Workflow;

    struct Entry {
        types::RegisteredServicePtr service;
        types::CronTrigger trigger;
        types::CronSchedule schedule;
        /// In seconds.
        SchedulePositions::Position position;
        std::optional<base::WallTime> next;
    };
    /// Pointers into `entries_`, whose nodes stay where they are.
    struct Scheduled {
        base::WallTime at;
        const Workflow* workflow;
        Entry* entry;
    };
    struct Earlier {
        bool operator()(const Scheduled& a, const Scheduled& b) const {
            return a.at != b.at ? a.at < b.at : *a.workflow < *b.workflow;
        }
    };
    using Entries = std::map<Workflow, Entry>;

    void start(const Workflow& workflow, Entry& entry, const TriggerIndex::CronTarget& target,
               base::WallTime now);
    bool go_on(const Workflow& workflow, Entry& entry, base::WallTime now);
    void schedule(const Workflow& workflow, Entry& entry);
    void unschedule(const Workflow& workflow, Entry& entry);
    Entries::iterator forget(Entries::iterator at);

    CronOptions options_;
    Entries entries_;
    std::set<Scheduled, Earlier> queue_;
    SchedulePositions positions_{std::string(kKeyPrefix), "a cron workflow"};
};

}  // namespace wavs::triggers
