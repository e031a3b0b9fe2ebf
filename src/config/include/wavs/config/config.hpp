// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/secret.hpp"
#include "wavs/types/chain_config.hpp"
#include "wavs/types/ids.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wavs::config {

/// What the check of all chain endpoints at start does: run in the background; block and warn;
/// block and stop the node.
enum class HealthCheckMode { Bypass, Wait, Exit };
enum class LogFormat { Text, Json };
/// An update that asks for more permissions: take it, or keep the old version until the operator
/// agrees.
enum class PermissionPolicy { Accept, Hold };
/// A workflow of a service, written "<service id>/<workflow id>".
struct WorkflowName {
    types::ServiceId service;
    types::WorkflowId workflow;
};
/// The limits of one run and of the engine as a whole (docs/decisions D-17).
struct EngineConfig {
    std::uint64_t max_memory_bytes = 1ULL << 30;
    std::uint64_t max_table_elements = 20'000;
    std::uint64_t max_instances = 10'000;
    std::uint64_t max_resources = 10'000;
    std::uint64_t max_host_call_bytes = 128ULL << 20;
    std::uint64_t max_log_bytes = 64ULL << 10;
    std::uint64_t max_payload_bytes = 10ULL << 20;
    std::uint64_t kv_quota_bytes = 64ULL << 20;
    std::uint64_t fs_quota_bytes = 1ULL << 30;
    std::uint32_t max_runs = 256;
    std::uint32_t max_runs_per_service = 128;
    std::uint32_t queue_capacity = 10'000;
    std::vector<WorkflowName> ordered_workflows;
    std::uint64_t keep_resident_bytes = 4ULL << 20;
    bool deny_private_networks = true;
    std::vector<std::string> allow_private;
    std::filesystem::path tls_ca_file;
    std::vector<std::string> record_services;
    std::uint64_t record_bytes = 1ULL << 20;
    std::uint32_t record_runs = 100;
};

struct AggregatorConfig {
    std::chrono::seconds burned_queue_ttl{172'800};
    std::chrono::milliseconds submit_stagger{2000};
};

struct HttpConfig {
    bool protect_reads = false;
    bool dev_open_reads = true;
    std::chrono::seconds request_timeout{60};
    std::chrono::seconds header_timeout{15};
    std::uint32_t max_connections = 1024;
    std::chrono::seconds dev_trigger_timeout{120};
    std::chrono::seconds health_check_interval{60};
};

struct FetchConfig {
    std::chrono::seconds connect_timeout{10};
    std::chrono::seconds manifest_timeout{60};
    std::chrono::seconds component_timeout{300};
    std::uint64_t max_manifest_bytes = 1ULL << 20;
    std::uint64_t max_component_bytes = 64ULL << 20;
    std::uint32_t retries = 3;
    bool deny_private_networks = true;
    std::vector<std::string> allow_private;
};

struct StorageConfig {
    std::chrono::milliseconds event_retention = std::chrono::hours(24 * 7);
    std::chrono::milliseconds ledger_retention = std::chrono::hours(24 * 90);
    std::uint64_t min_free_bytes = 256ULL << 20;
};

struct P2pCommon {
    std::uint16_t listen_port = 0;
    std::uint64_t max_retry_duration_secs = 10;
    std::uint64_t retry_interval_ms = 200;
    std::uint64_t submission_ttl_secs = 300;
    std::uint64_t max_catchup_submissions = 100;
    std::uint64_t cleanup_interval_secs = 60;
    std::uint64_t max_pending_publishes = 1000;
    std::uint64_t max_stored_submissions_per_service = 500;
    std::uint64_t catchup_request_timeout_secs = 30;
    std::uint64_t max_concurrent_catchup_requests_per_service = 3;
    std::vector<std::string> external_addresses;
};
/// Peers of the local network, found by mDNS.
struct P2pLocal : P2pCommon {};
/// Peers found by Kademlia from bootstrap nodes.
struct P2pRemote : P2pCommon {
    std::vector<std::string> bootstrap_nodes;
    std::uint64_t kademlia_discovery_interval_secs = 60;
};
/// Disabled when it holds `std::monostate`.
using P2pConfig = std::variant<std::monostate, P2pLocal, P2pRemote>;

/// Everything the node can be told, checked. Only `app`, `cli` and `http` see it; `app` copies
/// each module's part into that module's own options.
struct Config {
    std::uint16_t port = 8000;
    std::string host = "127.0.0.1";
    std::filesystem::path data = "/var/wavs";
    std::vector<std::string> log_level = {"info"};
    LogFormat log_format = LogFormat::Text;
    std::vector<std::string> cors_allowed_origins;
    std::uint64_t wasm_lru_size = 20;
    /// 0 = one per processor.
    std::uint32_t wasm_threads = 0;
    std::uint64_t max_wasm_fuel = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t max_execution_seconds = 300;
    std::optional<SecretString> signing_mnemonic;
    std::optional<SecretString> aggregator_evm_credential;
    std::optional<SecretString> aggregator_cosmos_credential;
    std::string ipfs_gateway = "https://ipfs.io/ipfs/";
    std::optional<std::string> jaeger;
    std::optional<std::string> prometheus;
    std::chrono::seconds prometheus_push_interval{30};
    std::optional<SecretString> bearer_token;
    bool dev_endpoints_enabled = false;
    std::uint32_t max_body_size_mb = 15;
    HealthCheckMode health_check_mode = HealthCheckMode::Wait;
    std::string jetstream_endpoint = "wss://jetstream1.us-east.bsky.network/subscribe";
    std::uint64_t jetstream_max_message_size = 1'048'576;
    std::optional<std::string> hyperswarm_bootstrap;
    P2pConfig p2p;

    std::chrono::seconds shutdown_grace{4};
    std::chrono::seconds service_uri_poll{300};
    std::chrono::seconds update_hold{60};
    std::uint32_t cron_max_catchup = 60;
    bool cron_catch_up_on_restart = false;
    std::uint32_t block_interval_max_catchup = 0;
    PermissionPolicy permission_policy = PermissionPolicy::Accept;
    bool accept_legacy_manifests = true;
    /// Name in an older manifest -> chain.
    std::map<std::string, types::ChainKey> legacy_chain_names;
    /// Variable -> the services that may have it (docs/decisions D-29).
    std::map<std::string, std::vector<types::ServiceId>> env_bindings;

    EngineConfig engine;
    AggregatorConfig aggregator;
    HttpConfig http;
    FetchConfig fetch;
    StorageConfig storage;

    types::ChainConfigs chains;
};

/// What every command of `wavs-cli` can be told.
struct CliConfig {
    std::string wavs_endpoint = "http://127.0.0.1:8000";
    std::optional<SecretString> bearer_token;
    std::vector<std::string> log_level = {"info"};
    std::filesystem::path data = "/var/wavs-cli";
    std::optional<SecretString> evm_credential;
    std::optional<SecretString> cosmos_mnemonic;
    bool save_deployment = true;
    bool quiet_results = false;
    bool json = false;
    std::string ipfs_gateway = "https://ipfs.io/ipfs/";
    types::ChainConfigs chains;
};

}  // namespace wavs::config
