// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"

#include "embedded_aggregator.hpp"
#include "wavs/base/version.hpp"
#include "wavs/crypto/hd_key.hpp"
#include "wavs/crypto/mnemonic.hpp"

namespace wavs::app {
namespace {

types::ManifestOptions manifest_options(const config::Config& config) {
    types::ManifestOptions options;
    options.legacy_chain_names.insert(config.legacy_chain_names.begin(),
                                      config.legacy_chain_names.end());
    options.legacy = config.accept_legacy_manifests ? types::LegacyManifests::Accept
                                                    : types::LegacyManifests::Refuse;
    options.max_bytes = config.fetch.max_manifest_bytes;
    return options;
}

engine::RecordOptions record_options(const config::EngineConfig& config) {
    engine::RecordOptions out;
    out.bytes = config.record_bytes;
    out.kept = config.record_runs;
    for (const auto& service : config.record_services) {
        const auto id = types::parse_service_id(service);
        out.all = out.all || service == "*";
        if (id.has_value()) {
            out.services.insert(id.value());
        }
    }
    return out;
}

// Any number of an operator is a time: what is beyond a century stays there.
std::chrono::seconds seconds(std::uint64_t number) {
    constexpr std::uint64_t kMost = 100ULL * 366 * 24 * 3600;
    return std::chrono::seconds(std::min(number, kMost));
}

void set_common(const config::P2pCommon& from, p2p::Options& to) {
    to.listen_port = from.listen_port;
    to.external_addresses = from.external_addresses;
    to.max_retry = seconds(from.max_retry_duration_secs);
    to.retry_interval =
        std::chrono::milliseconds(std::min<std::uint64_t>(from.retry_interval_ms, 1ULL << 32));
    to.catchup_timeout = seconds(from.catchup_request_timeout_secs);
    to.max_pending_publishes = from.max_pending_publishes;
    to.max_catchups_per_service = from.max_concurrent_catchup_requests_per_service;
}

}  // namespace

engine::Options engine_options(const config::Config& config,
                               std::map<std::string, std::string> environment) {
    engine::Options options;
    options.limits.fuel = config.max_wasm_fuel;
    options.limits.time =
        std::chrono::seconds(std::min<std::uint64_t>(config.max_execution_seconds, 1'000'000'000));
    options.limits.memory_bytes = config.engine.max_memory_bytes;
    options.limits.table_elements = static_cast<std::uint32_t>(config.engine.max_table_elements);
    options.limits.handles = static_cast<std::uint32_t>(config.engine.max_resources);
    options.limits.instances = static_cast<std::uint32_t>(config.engine.max_instances);
    options.limits.fs_bytes_per_service = config.engine.fs_quota_bytes;
    options.limits.host_call_bytes = config.engine.max_host_call_bytes;
    options.limits.log_bytes = static_cast<std::uint32_t>(config.engine.max_log_bytes);
    options.limits.payload_bytes = config.engine.max_payload_bytes;
    options.limits.kv_bytes_per_service = config.engine.kv_quota_bytes;
    options.records = record_options(config.engine);
    options.max_runs = config.engine.max_runs;
    options.max_runs_per_service = config.engine.max_runs_per_service;
    options.queue_capacity = config.engine.queue_capacity;
    options.guest_threads = config.wasm_threads;
    options.component_cache = static_cast<std::uint32_t>(config.wasm_lru_size);
    options.data = config.data;
    options.environment = std::move(environment);
    options.env_bindings = config.env_bindings;
    options.embedded_aggregator = embedded_aggregator();
    return options;
}

sources::SourcesOptions sources_options(const config::Config& config) {
    sources::SourcesOptions options;
    options.connect_timeout = config.fetch.connect_timeout;
    options.manifest_timeout = config.fetch.manifest_timeout;
    options.component_timeout = config.fetch.component_timeout;
    options.max_component_bytes = config.fetch.max_component_bytes;
    options.retries = config.fetch.retries;
    options.manifest = manifest_options(config);
    return options;
}

dispatcher::ServicesOptions services_options(const config::Config& config) {
    dispatcher::ServicesOptions options;
    options.manifest = manifest_options(config);
    options.uri_poll = config.service_uri_poll;
    options.update_hold = config.update_hold;
    options.permission_policy = config.permission_policy == config::PermissionPolicy::Hold
                                    ? dispatcher::PermissionPolicy::Hold
                                    : dispatcher::PermissionPolicy::Accept;
    return options;
}

triggers::CronOptions cron_options(const config::Config& config) {
    using Restart = triggers::CronOptions::Restart;
    return {config.cron_max_catchup,
            config.cron_catch_up_on_restart ? Restart::CatchUp : Restart::Skip};
}

triggers::BlockOptions block_options(const config::Config& config) {
    return {config.block_interval_max_catchup};
}

std::optional<p2p::Options> p2p_options(const config::Config& config) {
    p2p::Options options;
    options.agent = fmt::format("wavs/{}", base::kVersion);
    if (const auto* const local = std::get_if<config::P2pLocal>(&config.p2p)) {
        options.discovery = p2p::Discovery::Local;
        set_common(*local, options);
        return options;
    }
    if (const auto* const remote = std::get_if<config::P2pRemote>(&config.p2p)) {
        options.discovery = p2p::Discovery::Remote;
        set_common(*remote, options);
        options.bootstrap_nodes = remote->bootstrap_nodes;
        options.discovery_interval = seconds(remote->kademlia_discovery_interval_secs);
        return options;
    }
    return std::nullopt;
}

aggregator::ExchangeOptions exchange_options(const config::Config& config) {
    aggregator::ExchangeOptions options;
    options.oldest = config.aggregator.burned_queue_ttl;
    const config::P2pCommon* common = std::get_if<config::P2pLocal>(&config.p2p);
    if (common == nullptr) {
        common = std::get_if<config::P2pRemote>(&config.p2p);
    }
    if (common != nullptr) {
        options.submissions.catchup_ttl = seconds(common->submission_ttl_secs);
        options.submissions.most_per_answer = common->max_catchup_submissions;
        options.submissions.most_kept = common->max_stored_submissions_per_service;
    }
    return options;
}

base::Result<http::HttpOptions> http_options(const config::Config& config) {
    http::HttpOptions options;
    options.host = config.host;
    options.port = config.port;
    if (config.bearer_token) {
        WAVS_TRY(auto token, http::BearerToken::make(config.bearer_token->reveal()));
        options.bearer_token.emplace(std::move(token));
    }
    options.dev_endpoints = config.dev_endpoints_enabled;
    options.protect_reads = config.http.protect_reads;
    options.dev_open_reads = config.http.dev_open_reads;
    options.cors_allowed_origins = config.cors_allowed_origins;
    options.max_body_bytes = std::size_t{config.max_body_size_mb} << 20;
    options.request_timeout = config.http.request_timeout;
    options.header_timeout = config.http.header_timeout;
    options.max_connections = config.http.max_connections;
    options.manifest = manifest_options(config);
    return options;
}

base::Result<std::shared_ptr<const crypto::SecretKey>> account_key(std::string_view credential) {
    if (credential.starts_with("0x")) {
        WAVS_TRY(auto key, crypto::SecretKey::from_hex(credential));
        return std::make_shared<const crypto::SecretKey>(std::move(key));
    }
    WAVS_TRY(auto seed, crypto::seed_from_mnemonic(credential));
    WAVS_TRY(auto master, crypto::HdKey::master(seed.reveal()));
    WAVS_TRY(auto node, master.derive(std::string(crypto::kEthereumPath) + "/0"));
    return std::make_shared<const crypto::SecretKey>(std::move(node).take_key());
}

}  // namespace wavs::app
