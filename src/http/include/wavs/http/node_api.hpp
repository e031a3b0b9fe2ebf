// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/types/chain_config.hpp"
#include "wavs/types/envelope.hpp"
#include "wavs/types/ids.hpp"
#include "wavs/types/manifest.hpp"
#include "wavs/types/trigger_data.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace wavs::http {

/// What the HTTP interface tells about the node: docs/protocol/03-http.md.

struct EndpointFailure {
    /// Scheme, host and port only.
    std::string endpoint;
    std::string error;
    friend bool operator==(const EndpointFailure&, const EndpointFailure&) = default;
};
struct ChainHealth {
    /// None when healthy.
    std::optional<std::string> error;
    /// Endpoints that do not answer although the chain as a whole is healthy.
    std::vector<EndpointFailure> failing_endpoints;
    /// What keeps results of a healthy chain from being posted, or soon will, with its remedy.
    std::vector<std::string> warnings;
    friend bool operator==(const ChainHealth&, const ChainHealth&) = default;
};
struct HealthStatus {
    types::Timestamp timestamp;
    std::map<types::ChainKey, ChainHealth> chains;
    friend bool operator==(const HealthStatus&, const HealthStatus&) = default;
};

struct NodeInfo {
    std::string version;
    std::string protocol;
    /// Empty when the build does not know it.
    std::string revision;
    std::uint64_t uptime_secs = 0;
};

struct PeerInfo {
    std::string peer_id;
    double score = 0;
    std::string agent;
    /// Of another network: takes no part in gossip.
    bool foreign = false;
};

/// Ids, addresses and counts of a network that is not enabled are empty.
struct P2pStatus {
    bool enabled = false;
    std::optional<std::string> local_peer_id;
    std::vector<std::string> listen_addresses;
    std::vector<std::string> external_addresses;
    std::vector<std::string> peer_ids;
    std::vector<std::string> subscribed_topics;
    /// Subscribed peers by topic.
    std::map<std::string, std::uint64_t> topic_peer_counts;
    /// Of those, the ones in our mesh.
    std::map<std::string, std::uint64_t> topic_mesh_peer_counts;
    /// Shown while enabled, with all that follows.
    std::vector<PeerInfo> peers;
    /// Since the start, by name.
    std::vector<std::pair<std::string, std::uint64_t>> counters;
    std::uint64_t pending_publishes = 0;
    std::uint64_t waiting_events = 0;
    std::uint64_t unjudged = 0;
};

struct ServiceList {
    std::vector<types::Service> services;
    /// Every stored component, used or not.
    std::vector<types::ComponentDigest> component_digests;
};

struct AddServiceRequest {
    types::ServiceManager manager;
    /// The key to use; the next free one when absent.
    std::optional<std::uint32_t> hd_index;
    friend bool operator==(const AddServiceRequest&, const AddServiceRequest&) = default;
};

/// The key a service signs with.
struct SignerInfo {
    std::uint32_t hd_index = 0;
    types::EvmAddress address;
};

struct SimulatedTriggerRequest {
    types::TriggerAction action;
    std::uint64_t count = 1;
    bool wait_for_completion = false;
    friend bool operator==(const SimulatedTriggerRequest&,
                           const SimulatedTriggerRequest&) = default;
};

struct NewHeadsSubscription {};
struct NewPendingTransactionsSubscription {};
struct LogsSubscription {
    std::vector<types::EvmAddress> addresses;
    std::vector<types::Bytes32> topics;
};
using Subscription =
    std::variant<NewHeadsSubscription, LogsSubscription, NewPendingTransactionsSubscription>;

/// How far a chain has been read.
struct ChainCoverage {
    /// The blocks that were read for the logs of one address and first topic.
    struct Pair {
        types::EvmAddress address;
        types::Bytes32 topic;
        /// First and last block of each range.
        std::vector<std::pair<std::uint64_t, std::uint64_t>> blocks;
    };
    std::uint64_t head = 0;
    std::uint64_t covered_to = 0;
    std::uint64_t gap_blocks = 0;
    /// Reorganisations since the start of the node.
    std::uint64_t reorgs = 0;
    /// Workflows with a block interval, and the height that fires next.
    std::size_t block_workflows = 0;
    std::optional<std::uint64_t> next_block;
    std::size_t pair_count = 0;
    /// The first of them.
    std::vector<Pair> pairs;
};

/// One endpoint of a chain for calls.
struct ChainEndpoint {
    /// Scheme, host and port.
    std::string endpoint;
    bool in_use = false;
    /// It answers, as far as is known.
    bool usable = true;
    std::uint64_t recent_failures = 0;
    std::optional<std::string> last_error;
};

struct ChainStream {
    std::optional<std::string> current_endpoint;
    bool is_connected = false;
    bool any_active_rpcs_in_flight = false;
    /// By the id that the endpoint gave.
    std::map<std::string, Subscription> active_subscriptions;
    ChainCoverage coverage;
    /// In the configured order.
    std::vector<ChainEndpoint> endpoints;
};
enum class FeedState : std::uint8_t { Waiting, Connecting, Connected };
std::string_view to_string(FeedState state);

struct TriggerStreams {
    /// EVM chains whose stream was started.
    std::map<types::ChainKey, ChainStream> chains;
    /// By feed key.
    std::map<std::string, FeedState> hypercore;
};

enum class RunState : std::uint8_t { Active, Paused, Degraded, Held, WaitingForChain };
std::string_view to_string(RunState state);

struct WorkflowState {
    types::WorkflowId workflow;
    RunState state = RunState::Active;
    /// Why; empty when active.
    std::string reason;
};
/// An update that asks for more permissions than the operator agreed to.
struct AskedForMore {
    /// Of its manifest; what an agreement names.
    types::ServiceDigest digest;
    std::string uri;
    /// Otherwise the version before is, until the operator agrees.
    bool in_force = false;
    std::vector<std::string> permissions;
};
struct ServiceState {
    types::ServiceId service;
    std::string name;
    RunState state = RunState::Active;
    std::string reason;
    std::vector<WorkflowState> workflows;
    /// What the manifest in force may do, a sentence each.
    std::vector<std::string> permissions;
    std::optional<AskedForMore> asks_for_more;
};

/// One step of an event on its way, with the time it was stored.
struct EventStage {
    std::string stage;
    types::Timestamp time;
    /// Event id, transaction, or why it stopped.
    std::string detail;
};
/// An accepted event and how far it has come.
struct EventInfo {
    std::uint64_t sequence = 0;
    types::EventId event_id;
    types::ServiceId service;
    types::WorkflowId workflow;
    types::TraceId trace;
    std::string state;
    /// The event in whose result's transaction this one happened, when it is among those shown.
    std::optional<types::EventId> caused_by;
    std::vector<EventStage> stages;
};

/// A component that has ended the node.
struct StruckComponent {
    types::ComponentDigest digest;
    /// It is not run any more.
    bool quarantined = false;
    /// When it ended the node.
    std::vector<types::Timestamp> strikes;
    std::vector<types::ServiceId> services;
};

/// An event whose operators have not signed the same.
struct DivergentEvent {
    struct Signer {
        types::EvmAddress address;
        /// Who delivered it: "self", or a peer.
        std::string peer;
        types::Timestamp received_at;
    };
    struct SignedResult {
        types::Bytes32 digest;
        types::Ordering ordering;
        base::Bytes payload;
        /// How `text` shows the payload: "json", "text", "abi" or "bytes".
        std::string form;
        std::string text;
        std::vector<Signer> signers;
    };
    struct Difference {
        std::string place;
        /// Of the first and of another result, by their places in `results`.
        std::size_t other = 1;
        std::string left;
        std::string right;
    };
    types::ServiceId service;
    types::WorkflowId workflow;
    types::EventId event_id;
    /// The one with most signers first.
    std::vector<SignedResult> results;
    std::vector<Difference> differences;
};

/// Everything the HTTP interface needs from the node; implemented by `app`. Methods are called from
/// any executor, several at a time, and resume on their caller's. Reads may be cancelled while they
/// wait (the client went away, or the request took too long); changes are cancelled only when the
/// interface stops. A failure is an `Error` whose message is served as it is: no secrets, no
/// endpoint paths. Its kind and code choose the status: `status_of()` in `status.hpp`.
class NodeApi {
public:
    virtual ~NodeApi() = default;

    /// Runs the checks now; the interface shares one run between callers and keeps it for a moment.
    virtual async::Task<base::Result<HealthStatus>> health() = 0;
    /// The effective configuration as a JSON object, its secrets redacted in both forms.
    virtual async::Task<base::Result<std::string>> config_json(types::Endpoints endpoints) = 0;
    virtual async::Task<base::Result<NodeInfo>> info() = 0;
    virtual async::Task<base::Result<P2pStatus>> p2p_status() = 0;
    /// Why the node is not ready for work; empty when it is.
    virtual async::Task<base::Result<std::vector<std::string>>> readiness() = 0;
    /// The Prometheus text page.
    virtual async::Task<base::Result<std::string>> render_metrics() = 0;

    /// In any order.
    virtual async::Task<base::Result<ServiceList>> list_services() = 0;
    virtual async::Task<base::Result<std::vector<ServiceState>>> service_states() = 0;
    /// The operator agrees to what the manifest with this digest asks for. NotFound when no service
    /// waits for it, Conflict while a newer one is on its way.
    virtual async::Task<base::Result<void>> agree_to_permissions(types::ServiceDigest digest) = 0;
    /// The operator says that the key of the service has signed nothing elsewhere. NotFound for an
    /// unknown service, Conflict when its key signs.
    virtual async::Task<base::Result<void>> accept_empty_ledger(types::ServiceId service) = 0;
    /// The last few events, newest first.
    virtual async::Task<base::Result<std::vector<EventInfo>>> latest_events() = 0;
    /// Those that wait for an operator, oldest first.
    virtual async::Task<base::Result<std::vector<EventInfo>>> failed_events() = 0;
    /// What to do with a failed event.
    enum class FailedEvent : std::uint8_t { Retry, Skip };
    virtual async::Task<base::Result<void>> settle_failed(std::uint64_t sequence,
                                                          FailedEvent what) = 0;
    /// Components that have ended the node since they were last let off.
    virtual async::Task<base::Result<std::vector<StruckComponent>>> struck_components() = 0;
    /// Lets one off, and runs again what was refused because of it. NotFound when nothing is held
    /// against it.
    virtual async::Task<base::Result<void>> lift_quarantine(types::ComponentDigest digest) = 0;
    /// Newest first.
    virtual async::Task<base::Result<std::vector<DivergentEvent>>> divergent_events() = 0;
    /// None when no such chain is configured.
    virtual async::Task<base::Result<std::optional<types::NamedChainConfig>>> find_chain(
        types::ChainKey chain) = 0;
    /// None when unknown. Of one revision, also while an update is applied.
    virtual async::Task<base::Result<std::optional<types::Service>>> find_service(
        types::ServiceManager manager) = 0;
    /// Opt-in; ends when the service is live. NotFound means that something the manager or its
    /// manifest refers to is missing, not the service.
    virtual async::Task<base::Result<void>> add_service(AddServiceRequest request) = 0;
    /// Attempts all; unknown ones are no error.
    virtual async::Task<base::Result<void>> remove_services(
        std::vector<types::ServiceManager> managers) = 0;
    /// None when the service has no key.
    virtual async::Task<base::Result<std::optional<SignerInfo>>> signer(
        types::ServiceManager manager) = 0;

    /// None when no manifest is saved under that digest.
    virtual async::Task<base::Result<std::optional<types::Service>>> saved_manifest(
        types::ServiceDigest digest) = 0;
    /// Keeps it without registering the service; twice does no harm.
    virtual async::Task<base::Result<types::ServiceDigest>> save_manifest(
        types::Service service) = 0;
    /// As `add_service`, from a saved manifest and without asking the chain.
    virtual async::Task<base::Result<void>> register_saved(types::ServiceDigest digest) = 0;
    /// Compiles and stores. At most `HttpOptions::max_compilations` calls at a time.
    virtual async::Task<base::Result<types::ComponentDigest>> upload_component(
        base::Bytes component) = 0;
    /// With `wait_for_completion`, ends when each of the actions has reached its end. NotFound for
    /// an unknown service or workflow, waiting or not; Conflict for a paused one; Guest with the
    /// first failure of the component; Timeout.
    virtual async::Task<base::Result<void>> simulate_trigger(SimulatedTriggerRequest request) = 0;
    virtual async::Task<base::Result<TriggerStreams>> trigger_streams() = 0;
    /// None when there is no such value.
    virtual async::Task<base::Result<std::optional<base::Bytes>>> kv_read(types::ServiceId service,
                                                                          std::string bucket,
                                                                          std::string key) = 0;
    /// Errors of `types::ChainConfigs::add`.
    virtual async::Task<base::Result<void>> add_chain(types::AddChainRequest request) = 0;
};

}  // namespace wavs::http
