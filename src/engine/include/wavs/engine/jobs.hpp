// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/service_snapshot.hpp"
#include "wavs/rt/types.hpp"
#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/response.hpp"
#include "wavs/types/trigger_data.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace wavs::engine {

using World = rt::World;
using LoadSource = rt::LoadSource;

/// One event for the operator component of its workflow (`action->config.workflow_id`).
struct OperatorJob {
    ServiceSnapshot service;
    std::shared_ptr<const types::TriggerAction> action;
    /// The default event id of `action`, which the caller knows already.
    types::EventId event_id;
    types::TraceId trace_id;
};

struct OperatorOutcome {
    std::vector<types::WasmResponse> responses;
    std::uint64_t fuel_used = 0;
    std::chrono::nanoseconds wall{0};
    /// Responses that were dropped because an earlier one has the same salt and another payload.
    std::size_t dropped_responses = 0;
};

/// One submission for the aggregator component of its workflow.
struct AggregatorJob {
    ServiceSnapshot service;
    std::shared_ptr<const types::TriggerAction> action;
    std::shared_ptr<const types::WasmResponse> response;
    /// Of the submission.
    types::EventId event_id;
    types::TraceId trace_id;
};

/// What became of a submit action: a transaction, or why there is none.
using SubmitResult = std::variant<types::TxHash, std::string>;

/// A collected signature that the aggregator component may choose.
struct QuorumEntry {
    /// The address of the signing key.
    base::Bytes signer;
    /// Of the operator at the reference block, in decimal digits.
    std::string weight;
    base::Bytes signature;
};

/// Places in a list of entries, ascending.
using Selection = std::vector<std::uint32_t>;

/// A component that is ready to run.
struct ComponentInfo {
    types::ComponentDigest digest;
    World world = World::Operator;
    LoadSource source = LoadSource::Memory;
    std::chrono::nanoseconds wall{0};
    /// Names of the imported interfaces, such as "wasi:http/outgoing-handler@0.2.9".
    std::vector<std::string> imports;
    /// Whether an aggregator component has the export `wavs:quorum/select`.
    bool selects = false;
};

/// The permissions that the component's imports hint at and the manifest does not grant:
/// "allowed_http_hosts", "raw_sockets", "dns_resolution". Not an error: a component may import
/// what it never calls.
std::vector<std::string> ungranted_permissions(const ComponentInfo& component,
                                               const types::Permissions& granted);

}  // namespace wavs::engine
