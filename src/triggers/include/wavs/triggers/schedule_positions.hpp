// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/error.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/codec.hpp"
#include "wavs/types/pipeline.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace wavs::triggers {

/// Where the workflows of one schedule are, as it is stored with the events
/// (docs/protocol/02-records.md): one record each, whose point (a second, a height) only grows.
/// Knows what a start found and what has to be stored; the points in between are the owner's.
/// Errors: `schedule_record`. Not thread-safe.
class SchedulePositions {
public:
    using Workflow = std::pair<types::ServiceId, types::WorkflowId>;
    /// Everything up to and including this point is done, for the trigger with this digest.
    struct Position {
        types::Bytes32 trigger;
        std::uint64_t done = 0;
    };

    /// Keys begin with `key_prefix`; `what` a record is of is for errors.
    SchedulePositions(std::string key_prefix, std::string_view what)
        : key_prefix_(std::move(key_prefix)), what_(what) {}
    /// Of a trigger, so that another one of the same workflow begins anew.
    static types::Bytes32 digest_of(types::Encoder trigger);
    const std::string& key_prefix() const { return key_prefix_; }

    /// What was stored at the last stop; until the first set of workflows is complete.
    base::Result<void> restore(const storage::Entry& position);
    /// Up to where the workflow is done, when it had this trigger.
    std::optional<std::uint64_t> restored(const Workflow& workflow,
                                          const types::Bytes32& trigger) const;
    /// The same, once: it goes on from there.
    std::optional<std::uint64_t> go_on(const Workflow& workflow, const types::Bytes32& trigger);
    /// The first set of workflows is complete: what none of them went on from is erased.
    void drop_restored();

    /// What is stored of it is not what it should be any more.
    void changed(const Workflow& workflow) { changed_.insert(workflow); }
    bool has_changes() const { return !changed_.empty(); }
    /// What has to be stored. `position_of` says where a workflow is now; none: it is gone.
    using PositionOf = std::function<std::optional<Position>(const Workflow&)>;
    std::vector<types::SourcePosition> take_changes(const PositionOf& position_of);

private:
    const std::string key_prefix_;
    const std::string what_;
    std::set<Workflow> changed_;
    std::map<Workflow, Position> restored_;
};

}  // namespace wavs::triggers
