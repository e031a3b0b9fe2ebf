// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "work.hpp"

namespace wavs::aggregator {

/// A submission in a queue, with the action that brought it there.
struct Aggregator::Member {
    WorkPtr work;
    types::SubmitAction action;
};

/// An envelope with quorum.
struct Aggregator::Chosen {
    types::Envelope envelope;
    std::vector<types::QueueSignature> signatures;
    std::uint32_t reference_block = 0;
};

/// What the chain says to the envelopes of a queue.
struct Aggregator::Choice {
    std::optional<Chosen> chosen;
    /// Why none has quorum.
    std::string text;
    /// And none ever will.
    bool refused = false;
};

/// Whether another operator has posted; `unknown` says why that cannot be told now.
struct Aggregator::Elsewhere {
    bool posted = false;
    std::optional<base::Error> unknown;
};

/// For its turn to post.
struct Aggregator::Waited {
    base::Duration time{0};
    std::uint64_t blocks = 0;
};

/// How a queue ends.
struct Aggregator::Settled {
    types::ResultState state = types::ResultState::Failed;
    std::optional<types::TxHash> hash;
    std::string reason;
    /// The digest of the envelope on chain, when it is known: who signed another has lost.
    std::optional<types::Bytes32> posted = std::nullopt;
    /// Stored in the same commit.
    storage::Batch batch = {};
};

/// A queue that is not settled. One task drives it; others add to it.
struct Aggregator::OpenQueue {
    OpenQueue(base::Bytes its_key, types::EventId its_event, types::QueueTarget its_target)
        : key(std::move(its_key)), event(its_event), target(std::move(its_target)) {}

    const base::Bytes key;
    const types::EventId event;
    const types::QueueTarget target;

    std::mutex mutex;
    // Under the mutex.
    std::vector<Member> incoming;
    std::optional<async::OneShot<bool>> wake;

    // Of the task that drives it.
    std::vector<Member> members;
    std::optional<Queue> stored;
    unsigned refusals = 0;
    // The text the component was told last; the same text is not told twice.
    std::string told;
    /// The code of an error whose numbers change from try to try.
    std::optional<base::ErrorCode> told_code;
    /// The first block that may hold somebody's transaction for the event.
    std::optional<std::uint64_t> from_block;
    /// When quorum was seen first, and the newest block then.
    std::optional<std::pair<base::SteadyTime, std::uint64_t>> reached;
    /// What is to be posted when it is our turn.
    std::optional<Chosen> in_line;
    /// The digest of what was sent last; unknown after a restart.
    std::optional<types::Bytes32> sent;
    /// The component waits for another signature.
    bool held = false;
    /// Look again so soon; none: after the usual time.
    std::optional<base::Duration> look_again;

    types::QueueRecord& record() { return stored->record; }
    const types::QueueRecord& record() const { return stored->record; }
    /// Whose component hears how it ends and whose price counts: our own, if there is one.
    const Member& speaker() const;
    const types::RegisteredServicePtr& service() const { return speaker().work->input.service; }
};

}  // namespace wavs::aggregator
