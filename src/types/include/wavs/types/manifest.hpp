// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/signature_kind.hpp"
#include "wavs/types/trigger.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

namespace wavs::types {

/// The manifest of a service: docs/protocol/01-values.md 3. Plain values; equal manifests have
/// equal canonical JSON.

struct DownloadSource {
    /// Absolute, kept as written.
    std::string uri;
    ComponentDigest digest;
    friend bool operator==(const DownloadSource&, const DownloadSource&) = default;
};
struct RegistrySource {
    ComponentDigest digest;
    std::optional<std::string> domain;
    std::optional<std::string> version;
    /// `namespace:name`.
    std::string package;
    friend bool operator==(const RegistrySource&, const RegistrySource&) = default;
};
/// Stored on the node already.
struct DigestSource {
    ComponentDigest digest;
    friend bool operator==(const DigestSource&, const DigestSource&) = default;
};
using ComponentSource = std::variant<DownloadSource, RegistrySource, DigestSource>;
const ComponentDigest& digest_of(const ComponentSource& source);

struct AllHosts {
    friend bool operator==(const AllHosts&, const AllHosts&) = default;
};
struct NoHosts {
    friend bool operator==(const NoHosts&, const NoHosts&) = default;
};
struct OnlyHosts {
    std::vector<std::string> hosts;
    friend bool operator==(const OnlyHosts&, const OnlyHosts&) = default;
};
using AllowedHosts = std::variant<NoHosts, AllHosts, OnlyHosts>;

struct Permissions {
    AllowedHosts allowed_http_hosts;
    bool file_system = false;
    bool raw_sockets = false;
    bool dns_resolution = false;
    friend bool operator==(const Permissions&, const Permissions&) = default;
};

struct Component {
    ComponentSource source;
    Permissions permissions;
    std::optional<std::uint64_t> fuel_limit;
    std::optional<std::uint64_t> time_limit_seconds;
    std::map<std::string, std::string> config;
    std::set<std::string> env_keys;
    friend bool operator==(const Component&, const Component&) = default;
};

/// The component runs; nothing is signed or posted.
struct SubmitNone {
    friend bool operator==(const SubmitNone&, const SubmitNone&) = default;
};
struct SubmitAggregator {
    Component component;
    SignatureKind signature_kind;
    friend bool operator==(const SubmitAggregator&, const SubmitAggregator&) = default;
};
using Submit = std::variant<SubmitNone, SubmitAggregator>;

struct Workflow {
    Trigger trigger;
    Component component;
    Submit submit;
    friend bool operator==(const Workflow&, const Workflow&) = default;

    /// Null when `submit` is none.
    const SubmitAggregator* aggregator() const { return std::get_if<SubmitAggregator>(&submit); }
};

enum class ServiceStatus : std::uint8_t { Active, Paused };
std::string_view to_string(ServiceStatus status);

/// The contract that governs a service. The variant does not depend on the namespace of the chain:
/// an EVM manager may live on "dev:fork".
struct EvmManager {
    ChainKey chain;
    EvmAddress address;
    friend bool operator==(const EvmManager&, const EvmManager&) = default;
};
struct CosmosManager {
    ChainKey chain;
    CosmosAddress address;
    friend bool operator==(const CosmosManager&, const CosmosManager&) = default;
};
using ServiceManager = std::variant<EvmManager, CosmosManager>;

const ChainKey& chain_of(const ServiceManager& manager);
/// "0x..." or bech32.
std::string address_text(const ServiceManager& manager);
ServiceId service_id_of(const ServiceManager& manager);

struct Service {
    std::string name;
    std::map<WorkflowId, Workflow> workflows;
    ServiceStatus status = ServiceStatus::Active;
    ServiceManager manager;
    friend bool operator==(const Service&, const Service&) = default;

    /// Hashes on every call; keep the result where it is needed often.
    ServiceId id() const { return service_id_of(manager); }
    /// Null when there is no such workflow.
    const Workflow* find(const WorkflowId& workflow) const;
};

/// SHA-256 of the canonical JSON.
ServiceDigest service_digest(const Service& service);

/// Every component of the service, operator and aggregator ones, in workflow order.
std::vector<const Component*> components_of(const Service& service);

/// Where an older manifest wants its results: docs/protocol/01-values.md 4.2.
struct Destination {
    ChainKey chain;
    EvmAddress address;
    /// Upper bound of the gas limit of a transaction to it.
    std::optional<std::uint64_t> max_gas;
    friend bool operator==(const Destination&, const Destination&) = default;
};

/// The source digest that stands for the aggregator component built into the node, which an older
/// manifest gets. It is a name, not the hash of a file, so that the digest of such a service does
/// not change when the built-in component is rebuilt. Whoever looks up components by digest maps
/// it to that component.
const ComponentDigest& embedded_aggregator_digest();
bool is_embedded_aggregator(const Component& component);
/// The component of an older manifest, its destinations in `config`.
Component embedded_aggregator(const std::vector<Destination>& destinations);
/// What `embedded_aggregator()` wrote; empty for any other component.
base::Result<std::vector<Destination>> destinations_of(const Component& component);

}  // namespace wavs::types
