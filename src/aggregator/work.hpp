// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/aggregator.hpp"

namespace wavs::aggregator {

struct Aggregator::Work {
    Input input;
    /// What is collected; the component may run on another one of the same event.
    std::shared_ptr<const types::Submission> submission;
    /// Null: a peer's.
    std::shared_ptr<const types::ResultRecord> own;
    types::EvmAddress signer;
    /// "self", or who delivered it.
    std::string peer;
    /// Of its record: a result, or a peer's submission.
    base::Bytes key;

    /// Actions end on several strands.
    std::mutex mutex;
    types::TimerRecord left = {};
    /// From the first timer on, what is left is on disk.
    bool stored = false;

    const types::EventId& event() const { return submission->event_id; }
};

}  // namespace wavs::aggregator
