// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "chains.hpp"
#include "guest_network.hpp"
#include "peers_view.hpp"
#include "wavs/aggregator/exchange.hpp"
#include "wavs/async/supervisor.hpp"
#include "wavs/config/config.hpp"
#include "wavs/dispatcher/dispatcher.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/http/node_api.hpp"
#include "wavs/triggers/trigger_manager.hpp"

namespace wavs::app {

struct NodeApiDeps {
    const config::Config& config;
    Chains& chains;
    dispatcher::Services& services;
    dispatcher::Dispatcher& dispatcher;
    dispatcher::Journal& journal;
    triggers::TriggerManager& triggers;
    engine::Engine& engine;
    GuestNetwork& guest_network;
    engine::Quarantine& quarantine;
    storage::BlobStore& blobs;
    async::Supervisor& supervisor;
    async::Timers& timers;
    const base::Clock& clock;
    telemetry::Metrics& metrics;
    async::Executor io;
    async::Executor blocking;
    /// Null when no peers are configured.
    p2p::Network* network;
    aggregator::Exchange* exchange;
};

/// What the HTTP interface asks of the node. Holds no state of its own but figures to show.
class NodeApi final : public http::NodeApi {
public:
    explicit NodeApi(NodeApiDeps deps)
        : deps_(deps), started_(deps.clock.steady_now()), peer_metrics_(deps.metrics) {}

    async::Task<base::Result<http::HealthStatus>> health() override;
    async::Task<base::Result<std::string>> config_json(types::Endpoints endpoints) override;
    async::Task<base::Result<http::NodeInfo>> info() override;
    async::Task<base::Result<http::P2pStatus>> p2p_status() override;
    async::Task<base::Result<std::vector<std::string>>> readiness() override;
    async::Task<base::Result<std::string>> render_metrics() override;

    async::Task<base::Result<http::ServiceList>> list_services() override;
    async::Task<base::Result<std::vector<http::ServiceState>>> service_states() override;
    async::Task<base::Result<void>> agree_to_permissions(types::ServiceDigest digest) override;
    async::Task<base::Result<void>> accept_empty_ledger(types::ServiceId service) override;
    async::Task<base::Result<std::vector<http::EventInfo>>> latest_events() override;
    async::Task<base::Result<std::vector<http::EventInfo>>> failed_events() override;
    async::Task<base::Result<void>> settle_failed(std::uint64_t sequence,
                                                  FailedEvent what) override;
    async::Task<base::Result<std::vector<http::StruckComponent>>> struck_components() override;
    async::Task<base::Result<void>> lift_quarantine(types::ComponentDigest digest) override;
    async::Task<base::Result<std::vector<http::DivergentEvent>>> divergent_events() override;
    async::Task<base::Result<std::optional<types::NamedChainConfig>>> find_chain(
        types::ChainKey chain) override;
    async::Task<base::Result<std::optional<types::Service>>> find_service(
        types::ServiceManager manager) override;
    async::Task<base::Result<void>> add_service(http::AddServiceRequest request) override;
    async::Task<base::Result<void>> remove_services(
        std::vector<types::ServiceManager> managers) override;
    async::Task<base::Result<std::optional<http::SignerInfo>>> signer(
        types::ServiceManager manager) override;

    async::Task<base::Result<std::optional<types::Service>>> saved_manifest(
        types::ServiceDigest digest) override;
    async::Task<base::Result<types::ServiceDigest>> save_manifest(types::Service service) override;
    async::Task<base::Result<void>> register_saved(types::ServiceDigest digest) override;
    async::Task<base::Result<types::ComponentDigest>> upload_component(
        base::Bytes component) override;
    async::Task<base::Result<void>> simulate_trigger(
        http::SimulatedTriggerRequest request) override;
    async::Task<base::Result<http::TriggerStreams>> trigger_streams() override;
    async::Task<base::Result<std::optional<base::Bytes>>> kv_read(types::ServiceId service,
                                                                  std::string bucket,
                                                                  std::string key) override;
    async::Task<base::Result<void>> add_chain(types::AddChainRequest request) override;

private:
    base::Result<http::ServiceState> state_of(const types::RegisteredService& service) const;
    http::WorkflowState state_of(const types::RegisteredService& service,
                                 const types::WorkflowId& id, http::RunState state) const;
    std::string quarantine_of(const types::Workflow& workflow) const;
    base::Result<http::EventInfo> info_of(const types::EventRecord& event) const;

    NodeApiDeps deps_;
    base::SteadyTime started_;
    PeerMetrics peer_metrics_;
};

}  // namespace wavs::app
