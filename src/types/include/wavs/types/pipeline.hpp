// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/finding.hpp"
#include "wavs/types/manifest.hpp"
#include "wavs/types/records.hpp"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace wavs::types {

/// Values that travel between the modules of the pipeline. They are made once and shared; nobody
/// changes one.

/// A moment in a chain's history: everything up to and including this log.
struct ChainPosition {
    std::uint64_t block = 0;
    std::uint64_t log_index = 0;

    static constexpr ChainPosition end_of(std::uint64_t block) { return {block, UINT64_MAX}; }
    /// The first block that holds anything later.
    std::uint64_t next_block() const { return log_index == UINT64_MAX ? block + 1 : block; }
    friend auto operator<=>(const ChainPosition&, const ChainPosition&) = default;
};

/// One revision of a service as this node runs it. Replaced as a whole by an update.
struct RegisteredService {
    ServiceId id;
    ServiceDigest digest;
    Service service;
    /// Bound to the id for ever (docs/decisions.md D-11).
    std::uint32_t hd_index = 0;
    /// Address of that key: what the operator registers on chain.
    EvmAddress signer;
    /// Where the manifest came from; empty when it was handed over directly.
    std::string uri;
    /// From when on, on the manager's chain: its announcement there, or the block whose state gave
    /// the URI. None when the manifest was handed over without asking the chain.
    std::optional<ChainPosition> in_force_from;
    Timestamp updated_at;
    /// What validation said of the manifest.
    std::vector<Finding> findings;

    bool active() const { return service.status == ServiceStatus::Active; }
};
using RegisteredServicePtr = std::shared_ptr<const RegisteredService>;

/// The revision in force now; null when the service is not registered. Thread-safe.
using ServiceLookup = std::function<RegisteredServicePtr(const ServiceId&)>;

/// How far a source has read: opaque to everyone but the source, stored in the same batch as the
/// events that were read up to there.
struct SourcePosition {
    /// Key under Keyspace::Coverage; an empty value erases it.
    base::Bytes key;
    base::Bytes value;
};

/// A service manager's contract announced another manifest.
struct ServiceUriChange {
    ServiceId service_id;
    std::string uri;
    ChainPosition at;
};

/// Something a source saw, with the revision whose trigger it matched.
struct SeenEvent {
    RegisteredServicePtr service;
    TriggerAction action;
};

/// A chain replaced blocks: its events in blocks from `from_block` on are void, unless their block
/// is one of `kept`.
struct Retraction {
    ChainKey chain;
    std::uint64_t from_block = 0;
    /// The blocks of the chain as it is now, as far as events may have come from them.
    std::set<Bytes32> kept;
};

/// What a source hands to the dispatcher: journaled together or not at all. The changes come after
/// the events of the same batch; a retraction has a batch without any.
struct TriggerBatch {
    /// Name of the source, such as "evm:31337".
    std::string source;
    std::optional<Retraction> retraction;
    std::vector<SeenEvent> events;
    std::vector<ServiceUriChange> changes;
    std::vector<SourcePosition> positions;
};

/// The places a batch takes in a queue: one for each event, for it may have hundreds.
inline std::size_t queue_weight(const TriggerBatch& batch) {
    return std::max<std::size_t>(batch.events.size(), 1);
}

/// One accepted event on its way through engine and signer, with the revision it runs under.
struct EventJob {
    RegisteredServicePtr service;
    std::shared_ptr<const EventRecord> event;

    /// Null when the revision has no such workflow.
    const Workflow* workflow() const {
        return service->service.find(event->action.config.workflow_id);
    }
};

}  // namespace wavs::types
