// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/pipeline.hpp"

#include <cstdint>
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
    std::string text = {};
    /// The block whose weights counted, when reached: the transaction names the same.
    std::uint32_t reference_block = 0;
    /// One word for the metric, such as the name of the revert; empty when reached.
    std::string reason = {};
};

struct CheckRequest {
    types::SubmitAction action;
    types::RegisteredServicePtr service;
    types::Envelope envelope;
    std::vector<types::QueueSignature> signatures;
};

/// How posting ended when it did not fail.
struct Posted {
    enum class State {
        Mined,
        HandlerRefused,  ///< quorum stands but the handler does not take it: handled already, or
                         ///< never
    };
    State state = State::Mined;
    std::optional<types::TxHash> tx_hash = {};
    std::string text = {};
    /// To be stored together with the outcome: from then on nobody follows the transaction.
    storage::Batch settled = {};
};

/// A result that is on chain, whoever sent it.
struct PostedElsewhere {
    types::TxHash tx_hash;
    types::Bytes32 envelope_digest;
};

/// What is to be stored in the commit that records the transaction, before it leaves the process;
/// called again when it is replaced. Owns what it needs and may be called from any thread.
using OnSigned = std::function<storage::Batch(const types::TxHash&)>;

struct PostRequest {
    types::SubmitAction action;
    /// Who pays, by its budget.
    types::ServiceId service;
    types::Envelope envelope;
    std::vector<types::QueueSignature> signatures;
    std::uint32_t reference_block = 0;
    std::optional<std::uint64_t> max_gas;
    /// Names the transaction across restarts: there is one for it at a time.
    base::Bytes reference;
    OnSigned on_signed;
};

/// Blocks by whether a transaction that waits for its block could have got into them.
struct BlockCount {
    std::uint64_t with_room = 0;
    std::uint64_t full = 0;
};

/// Where results are posted: one chain with one account. The messages of its errors are those
/// components get to see in the submit callback. Callable from any executor.
class Target {
public:
    virtual ~Target() = default;
    /// Waits, too, for a handler that the operator does not allow.
    virtual async::Task<base::Result<QuorumCheck>> check(CheckRequest request) = 0;
    /// Ends when the transaction is in a block, or the handler is known to refuse. Code
    /// `tx_max_gas` when it costs more than `max_gas`.
    virtual async::Task<base::Result<Posted>> post(PostRequest request) = 0;
    /// Follows the transaction that was made for a reference, perhaps before a restart; none when
    /// there is none on its way.
    virtual async::Task<base::Result<std::optional<Posted>>> resume(base::Bytes reference,
                                                                    OnSigned on_signed) = 0;
    /// A transaction of somebody that has handled this event at this target, in a block not before
    /// `from_block`; none when there is none (yet). How far back it looks has a limit.
    virtual async::Task<base::Result<std::optional<PostedElsewhere>>> find_posted(
        types::SubmitAction action, types::EventId event, std::uint64_t from_block) = 0;
    /// What each signer weighs at a block, in decimal digits, in the order asked for.
    virtual async::Task<base::Result<std::vector<std::string>>> weights(
        types::SubmitAction action, std::vector<types::EvmAddress> signers,
        std::uint32_t reference_block) = 0;
    /// Number of the newest block.
    virtual async::Task<base::Result<std::uint64_t>> head() = 0;
    /// Those that came after this one.
    virtual async::Task<base::Result<BlockCount>> blocks_after(std::uint64_t block) = 0;
    /// The newest block that is not later; the oldest one that `find_posted` looks at when all
    /// those are later.
    virtual async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp time) = 0;
};

/// Unavailable ("no_target") when the chain is not configured or no credential is set: both may
/// change.
using TargetLookup =
    std::function<async::Task<base::Result<std::shared_ptr<Target>>>(types::SubmitAction action)>;

}  // namespace wavs::aggregator
