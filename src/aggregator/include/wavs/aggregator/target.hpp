// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/records.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::aggregator {

/// What the chain says to the signatures collected so far.
struct QuorumCheck {
    enum class State {
        Reached,
        Waiting,  ///< more signatures, or time, may help
        Refused,  ///< this set can never pass
    };
    State state = State::Waiting;
    /// For the submit callback; empty when reached.
    std::string text;
};

/// How posting ended when it did not fail.
struct Posted {
    enum class State {
        Mined,
        HandlerRefused,  ///< quorum stands but the handler does not take it: handled already, or
                         ///< never
    };
    State state = State::Mined;
    std::optional<types::TxHash> tx_hash;
    std::string text;
};

struct PostRequest {
    types::SubmitAction action;
    types::Envelope envelope;
    std::vector<types::QueueSignature> signatures;
    std::optional<std::uint64_t> max_gas;
    /// Awaited with the hash before the transaction leaves the process; an error keeps it from
    /// being sent.
    std::function<async::Task<base::Result<void>>(types::TxHash)> before_send;
};

/// Where results are posted: one chain with one account. The messages of its errors are those
/// components get to see in the submit callback. Callable from any executor.
class Target {
public:
    virtual ~Target() = default;
    virtual async::Task<base::Result<QuorumCheck>> check(
        types::SubmitAction action, types::Envelope envelope,
        std::vector<types::QueueSignature> signatures) = 0;
    /// Ends when the transaction is in a block, or the handler is known to refuse.
    virtual async::Task<base::Result<Posted>> post(PostRequest request) = 0;
    /// Whether a transaction sent before a restart was mined and succeeded; none while nobody
    /// knows.
    virtual async::Task<base::Result<std::optional<bool>>> outcome(types::TxHash hash) = 0;
};

/// Unavailable ("no_target") when the chain is not configured or no credential is set: both may
/// change.
using TargetLookup =
    std::function<async::Task<base::Result<std::shared_ptr<Target>>>(types::SubmitAction action)>;

}  // namespace wavs::aggregator
