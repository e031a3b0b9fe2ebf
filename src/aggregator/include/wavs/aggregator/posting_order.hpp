// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/trigger_data.hpp"

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <set>

namespace wavs::aggregator {

/// Which operator posts first, so that one event costs one transaction (docs/decisions.md D-83).
/// Every event has its own order: ascending keccak256(event id, signer). It holds among those who
/// have signed the envelope and those who are known to sign soon: operators that reach quorum at
/// the same moment, each with other signatures, still agree on it.
using Signers = std::set<types::EvmAddress>;

/// Place of `own` in the order, 0 first; last when it has not signed. `signed_by` are the signers
/// of the envelope.
std::size_t posting_rank(const types::EventId& event, const types::EvmAddress& own,
                         const Signers& signed_by, const Signers& expected);

/// Every place in the order waits for so many more blocks.
inline constexpr std::uint64_t kBlocksPerTurn = 2;

/// A transaction before us may still wait when blocks are full: eight of those count as one
/// (docs/decisions.md D-91).
std::uint64_t blocks_that_count(std::uint64_t with_room, std::uint64_t full);

/// Who signs for a service now, by what was seen lately. Thread-safe.
class ActiveSigners {
public:
    void saw(const types::ServiceId& service, const types::EventId& event,
             const types::EvmAddress& signer, types::Timestamp now);
    /// Who has signed within the last minute, or one of the three events before this one.
    Signers expected(const types::ServiceId& service, const types::EventId& event,
                     types::Timestamp now) const;
    /// False before another event was seen for long enough to know who signs.
    bool knows_habits(const types::ServiceId& service, const types::EventId& event,
                      types::Timestamp now) const;
    void forget(const types::ServiceId& service);

private:
    struct SeenEvent {
        types::EventId event;
        Signers signers;
    };
    struct Seen {
        /// Of all: how long this service is known.
        types::EventId first;
        types::Timestamp since;
        std::map<types::EvmAddress, types::Timestamp> last;
        /// Oldest first.
        std::deque<SeenEvent> events;
    };
    mutable std::mutex mutex_;
    std::map<types::ServiceId, Seen> services_;
};

}  // namespace wavs::aggregator
