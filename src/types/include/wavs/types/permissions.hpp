// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/manifest.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace wavs::types {

/// What a manifest asks an operator for: docs/protocol/01-values.md 3.8. Plain values without the
/// components themselves: another digest with the same permissions asks for nothing more.

struct ComponentGrants {
    Permissions permissions;
    std::set<std::string> env_keys;
    /// Bounds that the manifest sets itself; none = the node's maximum.
    std::optional<std::uint64_t> fuel_limit;
    std::optional<std::uint64_t> time_limit_seconds;
    friend bool operator==(const ComponentGrants&, const ComponentGrants&) = default;
};

/// Of a workflow whose results are signed and submitted.
struct SubmitGrants {
    ComponentGrants component;
    /// The bare hash is signed, without a prefix that keeps it apart from other messages.
    bool bare_signature = false;
    /// Where an older manifest wants its results, with the bound of the gas limit.
    std::map<std::pair<ChainKey, EvmAddress>, std::optional<std::uint64_t>> destinations;
    friend bool operator==(const SubmitGrants&, const SubmitGrants&) = default;
};

struct WorkflowGrants {
    ComponentGrants component;
    /// None when nothing is signed.
    std::optional<SubmitGrants> submit;
    friend bool operator==(const WorkflowGrants&, const WorkflowGrants&) = default;
};

using PermissionSet = std::map<WorkflowId, WorkflowGrants>;

PermissionSet permissions_of(const Service& service);

/// Everything in `permissions`, a sentence each, by workflow and in a fixed order.
std::vector<std::string> describe(const PermissionSet& permissions);

/// What `now` asks for beyond `before`, a sentence each, by workflow and in a fixed order; empty
/// when it asks for the same or less. A workflow that is new is compared with one that may nothing
/// and has the widest limits of those before. A host that only might be covered counts as more.
std::vector<std::string> more_than(const PermissionSet& before, const PermissionSet& now);

}  // namespace wavs::types
