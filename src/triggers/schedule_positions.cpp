// SPDX-License-Identifier: Apache-2.0
#include "wavs/triggers/schedule_positions.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace wavs::triggers {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

types::Bytes32 SchedulePositions::digest_of(types::Encoder trigger) {
    const auto hash = hash::sha256(std::move(trigger).take());
    types::Bytes32 digest;
    std::copy(hash.begin(), hash.end(), digest.array().begin());
    return digest;
}

base::Result<void> SchedulePositions::restore(const storage::Entry& position) {
    types::Decoder key(position.key);
    const auto prefix = key.fixed(key_prefix_.size());
    const auto service = types::read_fixed<types::ServiceId>(key);
    auto workflow = types::WorkflowId::parse(base::as_text(key.fixed(key.left())));
    types::Decoder in(position.value);
    const auto version = in.byte();
    Position out;
    out.trigger = types::read_fixed<types::Bytes32>(in);
    out.done = in.number();
    if (version != kVersion || !in.at_end() || key.failed() || !workflow.has_value() ||
        base::as_text(prefix) != key_prefix_) {
        return types::unreadable_record(
            "schedule_record",
            fmt::format("the position of {} (key {})", what_, base::hex(position.key)), version,
            kVersion);
    }
    restored_[{service, std::move(workflow.value())}] = out;
    return base::ok();
}

std::optional<std::uint64_t> SchedulePositions::restored(const Workflow& workflow,
                                                         const types::Bytes32& trigger) const {
    const auto found = restored_.find(workflow);
    return found != restored_.end() && found->second.trigger == trigger
               ? std::optional(found->second.done)
               : std::nullopt;
}

std::optional<std::uint64_t> SchedulePositions::go_on(const Workflow& workflow,
                                                      const types::Bytes32& trigger) {
    auto out = restored(workflow, trigger);
    if (out) {
        restored_.erase(workflow);
    }
    return out;
}

void SchedulePositions::drop_restored() {
    for (const auto& [workflow, position] : restored_) {
        changed_.insert(workflow);
    }
    restored_.clear();
}

std::vector<types::SourcePosition> SchedulePositions::take_changes(const PositionOf& position_of) {
    std::vector<types::SourcePosition> out;
    for (const auto& workflow : std::exchange(changed_, {})) {
        types::SourcePosition stored;
        base::append(stored.key, base::as_bytes(key_prefix_));
        base::append(stored.key, workflow.first.view());
        base::append(stored.key, base::as_bytes(workflow.second.str()));
        if (const auto position = position_of(workflow)) {
            types::Encoder value;
            value.byte(kVersion);
            value.fixed(position->trigger.view());
            value.number(position->done);
            stored.value = std::move(value).take();
        }
        out.push_back(std::move(stored));
    }
    return out;
}

}  // namespace wavs::triggers
