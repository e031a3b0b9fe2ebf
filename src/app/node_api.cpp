// SPDX-License-Identifier: Apache-2.0
#include "node_api.hpp"

#include "divergence_view.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/base/version.hpp"
#include "wavs/config/config_json.hpp"
#include "wavs/telemetry/log.hpp"

#include <map>

namespace wavs::app {
namespace {

http::Subscription to_subscription(const chain_evm::ActiveSubscription& subscription) {
    if (subscription.kind == chain_evm::ActiveSubscription::Kind::NewHeads) {
        return http::NewHeadsSubscription{};
    }
    return http::LogsSubscription{subscription.filter.addresses, subscription.filter.topics};
}

http::ChainCoverage to_coverage(const triggers::EvmSource::Status& status) {
    http::ChainCoverage out;
    out.head = status.head;
    out.covered_to = status.covered_to;
    out.gap_blocks = status.gap_blocks;
    out.reorgs = status.reorgs;
    out.block_workflows = status.block_workflows;
    out.next_block = status.next_block;
    out.pair_count = status.pairs;
    for (const auto& [pair, ranges] : status.covered) {
        auto& shown = out.pairs.emplace_back();
        shown.address = pair.first;
        shown.topic = pair.second;
        for (const auto& range : ranges) {
            shown.blocks.emplace_back(range.from, range.to);
        }
    }
    return out;
}

}  // namespace

async::Task<base::Result<http::HealthStatus>> NodeApi::health() {
    http::HealthStatus status;
    for (const auto& [chain, health] : co_await deps_.chains.health()) {
        auto& out = status.chains[chain];
        if (!health.healthy) {
            out.error = health.error;
        }
        for (const auto& [endpoint, error] : health.endpoints) {
            out.failing_endpoints.push_back({endpoint, error});
        }
    }
    for (auto& [chain, warnings] : deps_.chains.warnings()) {
        status.chains[chain].warnings = std::move(warnings);
    }
    if (deps_.exchange != nullptr) {
        for (auto& [chain, warning] : deps_.exchange->warnings()) {
            status.chains[chain].warnings.push_back(std::move(warning));
        }
    }
    status.timestamp = deps_.clock.wall_now();
    co_return status;
}

async::Task<base::Result<std::string>> NodeApi::config_json(types::Endpoints endpoints) {
    co_return config::config_json(deps_.config, *deps_.chains.configs(), endpoints);
}

async::Task<base::Result<http::NodeInfo>> NodeApi::info() {
    http::NodeInfo info;
    info.version = base::kVersion;
    info.protocol = base::kProtocolLevel;
    const auto uptime = deps_.clock.steady_now() - started_;
    info.uptime_secs = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(uptime).count());
    co_return info;
}

async::Task<base::Result<http::P2pStatus>> NodeApi::p2p_status() {
    if (deps_.network == nullptr) {
        co_return http::P2pStatus{};
    }
    const auto status = co_await deps_.network->status();
    if (status.has_value()) {
        co_return to_p2p_status(status.value());
    }
    // A network that has ended is as good as none.
    if (status.error().kind() == base::ErrorKind::Cancelled) {
        co_return http::P2pStatus{};
    }
    co_return status.error();
}

async::Task<base::Result<std::vector<std::string>>> NodeApi::readiness() {
    std::vector<std::string> reasons;
    for (const auto& task : deps_.supervisor.status()) {
        if (task.state == async::TaskStatus::State::Restarting) {
            reasons.push_back(task.name +
                              " is starting again: " + task.last_error.value_or("no reason known"));
        }
    }
    for (const auto& source : deps_.triggers.status()) {
        if (!source.link.is_connected && !source.link.polling) {
            reasons.push_back("chain " + source.chain.str() + " is not connected");
        }
    }
    co_return reasons;
}

async::Task<base::Result<std::string>> NodeApi::render_metrics() {
    if (deps_.network != nullptr) {
        // Without it the page shows the figures of the last time.
        if (const auto status = co_await deps_.network->status(); status.has_value()) {
            peer_metrics_.show(status.value());
        }
    }
    co_return deps_.metrics.render();
}

async::Task<base::Result<http::ServiceList>> NodeApi::list_services() {
    http::ServiceList list;
    for (const auto& service : deps_.services.list()) {
        list.services.push_back(service->service);
    }
    using Digests = base::Result<std::vector<types::ComponentDigest>>;
    WAVS_CO_TRY(list.component_digests,
                co_await async::run_blocking(deps_.blocking, deps_.io, [&blobs = deps_.blobs] {
                    return Digests(blobs.list());
                }));
    co_return list;
}

namespace {

http::RunState run_state(dispatcher::ServiceHealth::State state) {
    using Health = dispatcher::ServiceHealth::State;
    switch (state) {
        case Health::Active:
            return http::RunState::Active;
        case Health::Paused:
            return http::RunState::Paused;
        case Health::Degraded:
            return http::RunState::Degraded;
        case Health::Held:
            return http::RunState::Held;
        case Health::WaitingForChain:
            return http::RunState::WaitingForChain;
    }
    return http::RunState::Degraded;
}

}  // namespace

// Why the workflow's components are not run; empty when they are.
std::string NodeApi::quarantine_of(const types::Workflow& workflow) const {
    std::vector<types::ComponentDigest> used{types::digest_of(workflow.component.source)};
    if (const auto* aggregator = workflow.aggregator()) {
        used.push_back(types::digest_of(aggregator->component.source));
    }
    for (const auto& digest : used) {
        if (const auto refusal = deps_.engine.refusal(digest)) {
            return refusal->full_text();
        }
    }
    return {};
}

http::WorkflowState NodeApi::state_of(const types::RegisteredService& service,
                                      const types::WorkflowId& id, http::RunState state) const {
    const auto& workflow = service.service.workflows.at(id);
    http::WorkflowState out{id, state, {}};
    const auto* chain = types::chain_of(workflow.trigger);
    if (auto refused = quarantine_of(workflow); !refused.empty()) {
        out.state = http::RunState::Degraded;
        out.reason = std::move(refused);
    } else if (chain != nullptr && deps_.chains.configs()->find(*chain) == nullptr) {
        out.state = http::RunState::WaitingForChain;
        out.reason = "chain " + chain->str() + " is not configured";
    } else if (auto error = deps_.dispatcher.last_error(service.id, id)) {
        out.state = http::RunState::Degraded;
        out.reason = "last run failed: " + *error;
    }
    return out;
}

base::Result<http::ServiceState> NodeApi::state_of(const types::RegisteredService& service) const {
    const auto health = deps_.services.health(service.id);
    WAVS_TRY(auto permissions, deps_.services.permissions(service.id));
    http::ServiceState state;
    state.service = service.id;
    state.name = service.service.name;
    state.reason = health.reason;
    state.state = run_state(health.state);
    state.permissions = std::move(permissions.in_force);
    auto workflows = state.state;
    if (workflows == http::RunState::WaitingForChain) {
        workflows = http::RunState::Active;
    }
    if (auto& more = permissions.asks_for_more) {
        // While an update waits for the operator, the version before runs.
        if (workflows == http::RunState::Held) {
            workflows = service.active() ? http::RunState::Active : http::RunState::Paused;
        }
        state.asks_for_more = {more->digest, std::move(more->uri), more->in_force,
                               std::move(more->permissions)};
    }
    for (const auto& [id, workflow] : service.service.workflows) {
        auto one = state_of(service, id, workflows);
        if (state.state == http::RunState::Active && !quarantine_of(workflow).empty()) {
            state.state = http::RunState::Degraded;
            state.reason = one.reason;
        }
        state.workflows.push_back(std::move(one));
    }
    return state;
}

async::Task<base::Result<std::vector<http::ServiceState>>> NodeApi::service_states() {
    std::vector<http::ServiceState> states;
    for (const auto& service : deps_.services.list()) {
        WAVS_CO_TRY(auto state, state_of(*service));
        states.push_back(std::move(state));
    }
    co_return states;
}

async::Task<base::Result<void>> NodeApi::agree_to_permissions(types::ServiceDigest digest) {
    co_return co_await deps_.services.agree(digest);
}

async::Task<base::Result<void>> NodeApi::accept_empty_ledger(types::ServiceId service) {
    co_return co_await deps_.services.accept_empty_ledger(service);
}

base::Result<http::EventInfo> NodeApi::info_of(const types::EventRecord& event) const {
    http::EventInfo info;
    info.sequence = event.sequence;
    info.event_id = event.default_event_id;
    info.service = event.action.config.service_id;
    info.workflow = event.action.config.workflow_id;
    info.trace = event.trace_id;
    info.state = types::to_string(event.state);
    info.stages.push_back({"event accepted", event.accepted_at, "by " + event.source});
    WAVS_TRY(auto results, deps_.journal.results_of(event.sequence));
    if (types::is_final(event.state) ||
        types::work_of(event.state) == types::WorkKind::FailedEvent) {
        const bool is_signed = event.state == types::EventState::Done && !results.empty();
        info.stages.push_back({is_signed ? "component ran, signed" : "run " + info.state,
                               event.updated_at, event.reason});
    }
    for (const auto& result : results) {
        if (result.state == types::ResultState::Signed) {
            continue;
        }
        const auto detail = result.tx_hash ? types::to_string(*result.tx_hash) : result.reason;
        const bool on_chain = result.state == types::ResultState::Burned;
        const auto state = std::string(types::to_string(result.state));
        info.stages.push_back(
            {on_chain ? "result confirmed" : "result " + state, result.updated_at, detail});
    }
    return info;
}

async::Task<base::Result<std::vector<http::EventInfo>>> NodeApi::latest_events() {
    constexpr std::size_t kEvents = 20;
    WAVS_CO_TRY(auto events, deps_.journal.latest(kEvents));
    std::map<types::Bytes32, types::EventId> posted;
    for (const auto& event : events) {
        WAVS_CO_TRY(const auto results, deps_.journal.results_of(event.sequence));
        for (const auto& result : results) {
            const auto* evm =
                result.tx_hash ? std::get_if<types::EvmTxHash>(&*result.tx_hash) : nullptr;
            if (evm != nullptr) {
                posted.emplace(evm->hash, event.default_event_id);
            }
        }
    }
    std::vector<http::EventInfo> out;
    for (const auto& event : events) {
        WAVS_CO_TRY(auto info, info_of(event));
        if (const auto* log = std::get_if<types::EvmEventData>(&event.action.data)) {
            const auto cause = posted.find(log->tx_hash);
            if (cause != posted.end()) {
                info.caused_by = cause->second;
            }
        }
        out.push_back(std::move(info));
    }
    co_return out;
}

async::Task<base::Result<std::vector<http::EventInfo>>> NodeApi::failed_events() {
    constexpr std::size_t kEvents = 1'000;
    WAVS_CO_TRY(auto failed, deps_.journal.work(types::WorkKind::FailedEvent, kEvents));
    std::vector<http::EventInfo> out;
    for (const auto& one : failed) {
        WAVS_CO_TRY(const auto event, deps_.journal.event(one.sequence));
        if (event) {
            WAVS_CO_TRY(auto info, info_of(*event));
            out.push_back(std::move(info));
        }
    }
    co_return out;
}

async::Task<base::Result<void>> NodeApi::settle_failed(std::uint64_t sequence, FailedEvent what) {
    co_return co_await (what == FailedEvent::Retry ? deps_.dispatcher.retry(sequence)
                                                   : deps_.dispatcher.skip(sequence));
}

async::Task<base::Result<std::vector<http::StruckComponent>>> NodeApi::struck_components() {
    std::vector<http::StruckComponent> out;
    for (const auto& [digest, strikes] : deps_.quarantine.list()) {
        out.push_back({digest,
                       strikes.quarantined,
                       strikes.times,
                       {strikes.services.begin(), strikes.services.end()}});
    }
    co_return out;
}

async::Task<base::Result<void>> NodeApi::lift_quarantine(types::ComponentDigest digest) {
    WAVS_CO_TRY(co_await async::run_blocking(
        deps_.blocking, deps_.io,
        [digest, &quarantine = deps_.quarantine] { return quarantine.lift(digest); }));
    WAVS_CO_TRY(const auto events,
                co_await deps_.dispatcher.retry_all(engine::quarantine_text(digest)));
    telemetry::log_info("app", "a component is not quarantined any more",
                        {{"digest", types::to_string(digest)}, {"events_run_again", events}});
    co_return base::ok();
}

async::Task<base::Result<std::vector<http::DivergentEvent>>> NodeApi::divergent_events() {
    std::vector<http::DivergentEvent> out;
    if (deps_.exchange == nullptr) {
        co_return out;
    }
    WAVS_CO_TRY(const auto all, deps_.exchange->submissions().divergences());
    for (const auto& one : all) {
        out.push_back(divergent_event(one));
    }
    co_return out;
}

async::Task<base::Result<std::optional<types::NamedChainConfig>>> NodeApi::find_chain(
    types::ChainKey chain) {
    const auto configs = deps_.chains.configs();
    const auto* found = configs->find(chain);
    co_return found == nullptr ? std::nullopt : std::optional(*found);
}

async::Task<base::Result<std::optional<types::Service>>> NodeApi::find_service(
    types::ServiceManager manager) {
    const auto service = deps_.services.find(types::service_id_of(manager));
    co_return service ? std::optional(service->service) : std::nullopt;
}

async::Task<base::Result<void>> NodeApi::add_service(http::AddServiceRequest request) {
    co_return co_await deps_.services.add(std::move(request.manager), request.hd_index);
}

async::Task<base::Result<void>> NodeApi::remove_services(
    std::vector<types::ServiceManager> managers) {
    base::Result<void> first = base::ok();
    for (auto& manager : managers) {
        auto removed = co_await deps_.services.remove(std::move(manager));
        if (!removed.has_value() && first.has_value()) {
            first = std::move(removed);
        }
    }
    co_return first;
}

async::Task<base::Result<std::optional<http::SignerInfo>>> NodeApi::signer(
    types::ServiceManager manager) {
    const auto service = deps_.services.find(types::service_id_of(manager));
    co_return service ? std::optional(http::SignerInfo{service->hd_index, service->signer})
                      : std::nullopt;
}

async::Task<base::Result<std::optional<types::Service>>> NodeApi::saved_manifest(
    types::ServiceDigest digest) {
    auto saved = deps_.services.saved_manifest(digest);
    if (!saved.has_value()) {
        if (saved.error().kind() == base::ErrorKind::NotFound) {
            co_return std::optional<types::Service>();
        }
        co_return std::move(saved).error();
    }
    co_return std::optional(std::move(saved.value()));
}

async::Task<base::Result<types::ServiceDigest>> NodeApi::save_manifest(types::Service service) {
    co_return co_await deps_.services.save_manifest(std::move(service));
}

async::Task<base::Result<void>> NodeApi::register_saved(types::ServiceDigest digest) {
    co_return co_await deps_.services.add_saved(digest);
}

async::Task<base::Result<types::ComponentDigest>> NodeApi::upload_component(base::Bytes component) {
    auto bytes = std::make_shared<const base::Bytes>(std::move(component));
    WAVS_CO_TRY(co_await deps_.engine.validate(bytes, std::nullopt));
    co_return co_await async::run_blocking(
        deps_.blocking, deps_.io, [bytes, &blobs = deps_.blobs] { return blobs.put(*bytes); });
}

async::Task<base::Result<void>> NodeApi::simulate_trigger(http::SimulatedTriggerRequest request) {
    dispatcher::ManualRequest manual;
    manual.action = std::move(request.action);
    manual.count = request.count;
    if (!request.wait_for_completion) {
        co_return co_await async::as_task(deps_.dispatcher.trigger(std::move(manual)));
    }
    manual.wait = dispatcher::ManualRequest::Wait::UntilRun;
    co_return co_await async::with_timeout<void>(
        deps_.timers, deps_.config.http.dev_trigger_timeout, "waiting for the runs of the trigger",
        async::as_task(deps_.dispatcher.trigger(std::move(manual))));
}

async::Task<base::Result<http::TriggerStreams>> NodeApi::trigger_streams() {
    http::TriggerStreams streams;
    for (const auto& source : deps_.triggers.status()) {
        auto& out = streams.chains[source.chain];
        out.current_endpoint = source.link.current_endpoint;
        out.is_connected = source.link.is_connected;
        out.any_active_rpcs_in_flight = source.link.any_active_rpcs_in_flight;
        for (const auto& [id, subscription] : source.link.active_subscriptions) {
            out.active_subscriptions.emplace(id, to_subscription(subscription));
        }
        out.coverage = to_coverage(source.source);
        for (const auto& endpoint : source.endpoints) {
            out.endpoints.push_back(
                {endpoint.endpoint, endpoint.in_use, endpoint.usable, endpoint.recent_failures,
                 endpoint.last_error.empty() ? std::nullopt : std::optional(endpoint.last_error)});
        }
    }
    co_return streams;
}

async::Task<base::Result<std::optional<base::Bytes>>> NodeApi::kv_read(types::ServiceId service,
                                                                       std::string bucket,
                                                                       std::string key) {
    co_return deps_.engine.key_value().get(service, bucket, key);
}

async::Task<base::Result<void>> NodeApi::add_chain(types::AddChainRequest request) {
    const auto chain = request.chain;
    WAVS_CO_TRY(co_await deps_.chains.add(std::move(request)));
    WAVS_CO_TRY(deps_.guest_network.set_chains(deps_.chains.configs()));
    auto started = co_await deps_.triggers.chain_added(chain);
    if (!started.has_value()) {
        // Other chains may still be missing; that is no fault of this request.
        telemetry::log_failure(telemetry::Level::Info, "app", "a trigger still waits for its chain",
                               started.error());
    }
    co_return base::ok();
}

}  // namespace wavs::app
