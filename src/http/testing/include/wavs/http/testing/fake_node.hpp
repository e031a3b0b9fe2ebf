// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/http/node_api.hpp"

#include <functional>
#include <map>
#include <mutex>
#include <set>

namespace wavs::http::testing {

/// Holds calls back until it is told to let one go on, as often as it is told.
class Gate {
public:
    explicit Gate(const async::Executor& executor)
        : channel_(std::make_shared<async::Channel<bool>>(executor, "test.gate", 100)) {}
    void set(bool value) const { (void)channel_->try_send(value); }
    async::Task<base::Result<void>> wait() const {
        auto channel = channel_;
        WAVS_CO_TRY(co_await channel->receive());
        co_return base::ok();
    }

private:
    std::shared_ptr<async::Channel<bool>> channel_;
};

/// A node that remembers what it is told. For one thread.
class FakeNode : public NodeApi {
public:
    // What it answers; a test sets these before it asks.
    HealthStatus health_status;
    std::string config = R"({"port":8000})";
    P2pStatus p2p;
    std::vector<std::string> not_ready;
    TriggerStreams streams;
    std::vector<ServiceState> states;
    std::vector<EventInfo> events;
    std::vector<EventInfo> failed;
    std::vector<std::pair<std::uint64_t, FailedEvent>> settled;
    std::vector<types::ServiceDigest> agreed;
    std::vector<types::ServiceId> accepted_ledgers;
    std::vector<StruckComponent> struck;
    std::vector<DivergentEvent> divergent;
    std::vector<types::ComponentDigest> lifted;
    std::set<types::ComponentDigest> components;
    std::map<types::ChainKey, types::NamedChainConfig> chains;
    std::map<types::ServiceId, types::Service> services;
    std::map<types::ServiceDigest, types::Service> manifests;
    std::map<types::ServiceId, SignerInfo> signers;
    std::map<std::string, base::Bytes> values;
    /// By name of the method: the error it fails with.
    std::map<std::string, base::Error, std::less<>> failures;
    /// By name of the method: each call waits for one value before it goes on.
    std::map<std::string, Gate, std::less<>> gates;
    /// Runs inside `info()`, to throw there.
    std::function<void()> on_info;

    // What it was asked.
    std::vector<AddServiceRequest> added;
    std::vector<types::ServiceManager> removed;
    std::vector<SimulatedTriggerRequest> triggers;
    std::vector<types::AddChainRequest> added_chains;
    std::vector<std::size_t> uploads;
    std::map<std::string, int, std::less<>> calls;
    int running_uploads = 0;
    int most_running_uploads = 0;

    async::Task<base::Result<HealthStatus>> health() override {
        WAVS_CO_TRY(co_await enter("health"));
        co_return health_status;
    }
    async::Task<base::Result<std::string>> config_json(types::Endpoints endpoints) override {
        WAVS_CO_TRY(co_await enter("config_json"));
        co_return endpoints == types::Endpoints::Full ? R"({"full":true})" : config;
    }
    async::Task<base::Result<NodeInfo>> info() override {
        WAVS_CO_TRY(co_await enter("info"));
        if (on_info) {
            on_info();
        }
        co_return NodeInfo{"0.1.0", "2.0.0", "", 5};
    }
    async::Task<base::Result<P2pStatus>> p2p_status() override {
        WAVS_CO_TRY(co_await enter("p2p_status"));
        co_return p2p;
    }
    async::Task<base::Result<std::vector<std::string>>> readiness() override {
        WAVS_CO_TRY(co_await enter("readiness"));
        co_return not_ready;
    }
    async::Task<base::Result<std::string>> render_metrics() override {
        WAVS_CO_TRY(co_await enter("render_metrics"));
        co_return std::string("# HELP x\n");
    }
    async::Task<base::Result<ServiceList>> list_services() override {
        WAVS_CO_TRY(co_await enter("list_services"));
        ServiceList out;
        // Backwards, since any order is allowed.
        for (auto it = services.rbegin(); it != services.rend(); ++it) {
            out.services.push_back(it->second);
        }
        out.component_digests.assign(components.rbegin(), components.rend());
        co_return out;
    }
    async::Task<base::Result<std::vector<ServiceState>>> service_states() override {
        WAVS_CO_TRY(co_await enter("service_states"));
        co_return states;
    }
    async::Task<base::Result<void>> agree_to_permissions(types::ServiceDigest digest) override {
        WAVS_CO_TRY(co_await enter("agree_to_permissions"));
        agreed.push_back(digest);
        co_return base::ok();
    }
    async::Task<base::Result<void>> accept_empty_ledger(types::ServiceId service) override {
        WAVS_CO_TRY(co_await enter("accept_empty_ledger"));
        accepted_ledgers.push_back(service);
        co_return base::ok();
    }
    async::Task<base::Result<std::vector<EventInfo>>> latest_events() override {
        WAVS_CO_TRY(co_await enter("latest_events"));
        co_return events;
    }
    async::Task<base::Result<std::vector<EventInfo>>> failed_events() override {
        WAVS_CO_TRY(co_await enter("failed_events"));
        co_return failed;
    }
    async::Task<base::Result<void>> settle_failed(std::uint64_t sequence,
                                                  FailedEvent what) override {
        WAVS_CO_TRY(co_await enter("settle_failed"));
        settled.emplace_back(sequence, what);
        co_return base::ok();
    }
    async::Task<base::Result<std::vector<StruckComponent>>> struck_components() override {
        WAVS_CO_TRY(co_await enter("struck_components"));
        co_return struck;
    }
    async::Task<base::Result<void>> lift_quarantine(types::ComponentDigest digest) override {
        WAVS_CO_TRY(co_await enter("lift_quarantine"));
        lifted.push_back(digest);
        co_return base::ok();
    }
    async::Task<base::Result<std::vector<DivergentEvent>>> divergent_events() override {
        WAVS_CO_TRY(co_await enter("divergent_events"));
        co_return divergent;
    }
    async::Task<base::Result<std::optional<types::NamedChainConfig>>> find_chain(
        types::ChainKey chain) override {
        WAVS_CO_TRY(co_await enter("find_chain"));
        co_return find(chains, chain);
    }
    async::Task<base::Result<std::optional<types::Service>>> find_service(
        types::ServiceManager manager) override {
        WAVS_CO_TRY(co_await enter("find_service"));
        co_return find(services, types::service_id_of(manager));
    }
    async::Task<base::Result<void>> add_service(AddServiceRequest request) override {
        WAVS_CO_TRY(co_await enter("add_service"));
        added.push_back(std::move(request));
        co_return base::ok();
    }
    async::Task<base::Result<void>> remove_services(
        std::vector<types::ServiceManager> managers) override {
        WAVS_CO_TRY(co_await enter("remove_services"));
        removed.insert(removed.end(), managers.begin(), managers.end());
        co_return base::ok();
    }
    async::Task<base::Result<std::optional<SignerInfo>>> signer(
        types::ServiceManager manager) override {
        WAVS_CO_TRY(co_await enter("signer"));
        co_return find(signers, types::service_id_of(manager));
    }
    async::Task<base::Result<std::optional<types::Service>>> saved_manifest(
        types::ServiceDigest digest) override {
        WAVS_CO_TRY(co_await enter("saved_manifest"));
        co_return find(manifests, digest);
    }
    async::Task<base::Result<types::ServiceDigest>> save_manifest(types::Service service) override {
        WAVS_CO_TRY(co_await enter("save_manifest"));
        const auto digest = types::service_digest(service);
        manifests.insert_or_assign(digest, std::move(service));
        co_return digest;
    }
    async::Task<base::Result<void>> register_saved(types::ServiceDigest digest) override {
        WAVS_CO_TRY(co_await enter("register_saved"));
        services.insert_or_assign(manifests.at(digest).id(), manifests.at(digest));
        co_return base::ok();
    }
    async::Task<base::Result<types::ComponentDigest>> upload_component(
        base::Bytes component) override {
        most_running_uploads = std::max(most_running_uploads, ++running_uploads);
        auto entered = co_await enter("upload_component");
        --running_uploads;
        WAVS_CO_TRY(std::move(entered));
        uploads.push_back(component.size());
        co_return types::ComponentDigest();
    }
    async::Task<base::Result<void>> simulate_trigger(SimulatedTriggerRequest request) override {
        WAVS_CO_TRY(co_await enter("simulate_trigger"));
        triggers.push_back(std::move(request));
        co_return base::ok();
    }
    async::Task<base::Result<TriggerStreams>> trigger_streams() override {
        WAVS_CO_TRY(co_await enter("trigger_streams"));
        co_return streams;
    }
    async::Task<base::Result<std::optional<base::Bytes>>> kv_read(types::ServiceId service,
                                                                  std::string bucket,
                                                                  std::string key) override {
        WAVS_CO_TRY(co_await enter("kv_read"));
        co_return find(values, types::to_string(service) + "|" + bucket + "|" + key);
    }
    async::Task<base::Result<void>> add_chain(types::AddChainRequest request) override {
        WAVS_CO_TRY(co_await enter("add_chain"));
        types::ChainConfigs known;
        for (const auto& [key, value] : chains) {
            WAVS_CO_TRY(known.add(key, value));
        }
        WAVS_CO_TRY(known.add(request.chain, request.config));
        chains = known.all();
        added_chains.push_back(std::move(request));
        co_return base::ok();
    }

private:
    template <typename Key, typename Value>
    static std::optional<Value> find(const std::map<Key, Value>& in, const Key& key) {
        const auto found = in.find(key);
        return found == in.end() ? std::nullopt : std::optional(found->second);
    }

    async::Task<base::Result<void>> enter(std::string method) {
        ++calls[method];
        if (const auto gate = gates.find(method); gate != gates.end()) {
            const auto opened = gate->second;
            WAVS_CO_TRY(co_await opened.wait());
        }
        if (const auto failure = failures.find(method); failure != failures.end()) {
            co_return failure->second;
        }
        co_return base::ok();
    }
};

}  // namespace wavs::http::testing
