// SPDX-License-Identifier: Apache-2.0
// The node's table of keys.
#include "checks.hpp"
#include "field.hpp"

namespace wavs::config {
namespace {

using C = Config;

constexpr Traits kLater{.effect = Effect::Later};

base::Result<void> check_lru(std::uint64_t& size) {
    // What existing nodes make of 0.
    constexpr std::uint64_t kInsteadOfZero = 10;
    size = size == 0 ? kInsteadOfZero : size;
    return base::ok();
}

void add_server(Fields<C>& out) {
    out.push_back(field<C>("port", path(&C::port), "HTTP port; 0 = any free one"));
    out.push_back(field<C>("host", path(&C::host), "address the HTTP server binds to"));
    out.push_back(field<C>("data", path(&C::data), "data folder; `~` is expanded"));
    out.push_back(field<C>("log_level", path(&C::log_level),
                           "log directives, on top of `RUST_LOG`: `level`, `target=level`, "
                           "`target[span{field=value}]=level`",
                           {}, check_log_directives));
    out.push_back(field<C>("log_format", path(&C::log_format), "form of log lines"));
    out.push_back(field<C>("cors_allowed_origins", path(&C::cors_allowed_origins),
                           "origins browsers may call from, `*` and `?` as wildcards; none = no "
                           "CORS headers"));
    out.push_back(field<C>("bearer_token", path(&C::bearer_token),
                           "token that changing requests must carry; none = such requests are "
                           "taken from this machine only"));
    out.push_back(
        field<C>("dev_endpoints_enabled", path(&C::dev_endpoints_enabled), "offer `/dev/*`"));
    out.push_back(field<C>("max_body_size_mb", path(&C::max_body_size_mb),
                           "most MiB of a request body", {}, check_not_zero_32));
    out.push_back(field<C>("health_check_mode", path(&C::health_check_mode),
                           "check of the chain endpoints at start: in the background, wait and "
                           "warn, wait and stop on a failure"));
    out.push_back(field<C>("shutdown_grace_secs", path(&C::shutdown_grace),
                           "how long a stop waits for what runs"));
}

void add_keys(Fields<C>& out) {
    out.push_back(field<C>("signing_mnemonic", path(&C::signing_mnemonic),
                           "English BIP-39 phrase of the services' signing keys; required",
                           {.old_name = "submission_mnemonic"}));
    out.push_back(field<C>("aggregator_evm_credential", path(&C::aggregator_evm_credential),
                           "sender of EVM transactions: phrase, or `0x` and a private key; none = "
                           "nothing is posted on EVM chains"));
    out.push_back(field<C>("aggregator_cosmos_credential", path(&C::aggregator_cosmos_credential),
                           "sender of Cosmos transactions: phrase",
                           {.effect = Effect::Later, .old_name = "cosmos_submission_mnemonic"}));
}

void add_services(Fields<C>& out) {
    out.push_back(field<C>("wasm_lru_size", path(&C::wasm_lru_size),
                           "compiled components kept that no registered service uses; 0 = 10", {},
                           check_lru));
    out.push_back(field<C>("wasm_threads", path(&C::wasm_threads),
                           "threads that run components; 0 = one per processor"));
    out.push_back(field<C>("max_wasm_fuel", path(&C::max_wasm_fuel),
                           "most fuel of a run; a number above 2^63-1 is written as a string", {},
                           check_not_zero));
    out.push_back(field<C>("max_execution_seconds", path(&C::max_execution_seconds),
                           "most seconds of a run", {}, check_not_zero));
    out.push_back(field<C>("ipfs_gateway", path(&C::ipfs_gateway), "where `ipfs://` is fetched", {},
                           check_gateway));
    out.push_back(field<C>("service_uri_poll_secs", path(&C::service_uri_poll),
                           "how often a manager's service URI is asked for, besides its events; 0 "
                           "= never"));
    out.push_back(field<C>("update_hold_secs", path(&C::update_hold),
                           "how long later events of the manager's chain wait for the manifest of "
                           "an update"));
    out.push_back(field<C>("cron_max_catchup", path(&C::cron_max_catchup),
                           "most late occurrences of a cron trigger that are made up for at once; "
                           "older ones are dropped",
                           {}, check_not_zero_32));
    out.push_back(field<C>("cron_catch_up_on_restart", path(&C::cron_catch_up_on_restart),
                           "fire what cron triggers missed while the node was down"));
    out.push_back(field<C>("block_interval_max_catchup", path(&C::block_interval_max_catchup),
                           "most missed heights of a block interval that are made up for at once; "
                           "older ones are dropped; 0 = all are made up for"));
    out.push_back(field<C>("permission_policy", path(&C::permission_policy),
                           "an update that asks for more permissions: take it, or hold the old "
                           "version until the operator agrees"));
    out.push_back(field<C>("accept_legacy_manifests", path(&C::accept_legacy_manifests),
                           "read manifests of the older form"));
    out.push_back(field<C>("legacy_chain_names", path(&C::legacy_chain_names),
                           "`chain_name` in such a manifest to chain, as `ethereum = \"evm:1\"`"));
    out.push_back(field<C>("env_bindings", path(&C::env_bindings),
                           "`WAVS_ENV*` variable to the ids of the only services that get it"));
}

void add_feeds(Fields<C>& out) {
    out.push_back(field<C>("jaeger", path(&C::jaeger),
                           "OTLP/gRPC collector for traces, as `http://host:4317`", kLater,
                           check_optional_http_url));
    out.push_back(field<C>("prometheus", path(&C::prometheus),
                           "base of an OTLP/HTTP receiver to push metrics to", kLater,
                           check_optional_http_url));
    out.push_back(field<C>("prometheus_push_interval_secs", path(&C::prometheus_push_interval),
                           "pause between pushes", kLater, check_not_zero_secs));
    out.push_back(field<C>("jetstream_endpoint", path(&C::jetstream_endpoint),
                           "AT Protocol Jetstream", kLater, check_ws_url));
    out.push_back(field<C>("jetstream_max_message_size", path(&C::jetstream_max_message_size),
                           "most bytes of one message; 0 = no limit", kLater));
    out.push_back(field<C>("hyperswarm_bootstrap", path(&C::hyperswarm_bootstrap),
                           "`ip:port` to start from; none = the public nodes", kLater));
}

void add_engine(Fields<C>& out) {
    using E = EngineConfig;
    const auto add = [&out](std::string_view name, auto member, std::string_view doc,
                            auto... check) {
        out.push_back(field<C>(name, path(&C::engine, member), doc, {}, check...));
    };
    const auto later = [&out](std::string_view name, auto member, std::string_view doc,
                              auto... check) {
        out.push_back(field<C>(name, path(&C::engine, member), doc, kLater, check...));
    };
    add("engine.max_memory_bytes", &E::max_memory_bytes, "most memory of a run", check_not_zero);
    add("engine.max_table_elements", &E::max_table_elements, "most elements of a table");
    add("engine.max_instances", &E::max_instances, "most core instances of a component",
        check_not_zero);
    add("engine.max_resources", &E::max_resources, "most host resources a run may hold",
        check_not_zero);
    add("engine.max_host_call_bytes", &E::max_host_call_bytes, "most bytes of one host call",
        check_not_zero);
    add("engine.max_log_bytes", &E::max_log_bytes, "most bytes a run may log");
    add("engine.max_payload_bytes", &E::max_payload_bytes, "most bytes of a result",
        check_not_zero);
    add("engine.kv_quota_bytes", &E::kv_quota_bytes, "key-value storage of a service");
    add("engine.fs_quota_bytes", &E::fs_quota_bytes, "files of a service; 0 = no bound");
    add("engine.max_runs", &E::max_runs, "runs in flight", check_not_zero_32);
    add("engine.max_runs_per_service", &E::max_runs_per_service, "runs in flight of one service",
        check_not_zero_32);
    add("engine.queue_capacity", &E::queue_capacity,
        "runs that may wait; when full, sources stop reading", check_not_zero_32);
    add("engine.ordered_workflows", &E::ordered_workflows,
        "`<service id>/<workflow id>` whose events run one after the other, each when the result "
        "of the one before is stored");
    later("engine.keep_resident_bytes", &E::keep_resident_bytes,
          "memory of a finished run kept for the next one");
    add("engine.deny_private_networks", &E::deny_private_networks,
        "refuse private, loopback, link-local and metadata addresses to components");
    add("engine.allow_private", &E::allow_private,
        "exceptions: addresses, networks (`10.0.0.0/8`) or host names, each with an optional port");
    add("engine.tls_ca_file", &E::tls_ca_file,
        "certificate authorities (PEM) that components trust besides the public ones");
    add("engine.record_services", &E::record_services,
        "services whose runs are recorded for `wavs-cli replay`: their ids, or `*` for all",
        check_record_services);
    add("engine.record_bytes", &E::record_bytes, "most bytes of one recorded run", check_not_zero);
    add("engine.record_runs", &E::record_runs, "recorded runs kept of one service",
        check_not_zero_32);
}

void add_groups(Fields<C>& out) {
    using A = AggregatorConfig;
    using H = HttpConfig;
    const auto add = [&out](std::string_view name, auto access, std::string_view doc,
                            auto... check) {
        out.push_back(field<C>(name, access, doc, {}, check...));
    };
    const auto later = [&out](std::string_view name, auto access, std::string_view doc) {
        out.push_back(field<C>(name, access, doc, kLater));
    };
    add("aggregator.burned_queue_ttl_secs", path(&C::aggregator, &A::burned_queue_ttl),
        "how long a posted result is remembered", check_not_zero_secs);
    add("aggregator.submit_stagger", path(&C::aggregator, &A::submit_stagger),
        "how long each operator waits for the one before it to post; 0 = no turns");
    add("http.protect_reads", path(&C::http, &H::protect_reads),
        "ask for the token on GET as well");
    add("http.dev_open_reads", path(&C::http, &H::dev_open_reads),
        "GET under `/dev` needs no token");
    add("http.request_timeout_secs", path(&C::http, &H::request_timeout),
        "limit of a request that does not wait for a run", check_not_zero_secs);
    add("http.header_timeout_secs", path(&C::http, &H::header_timeout),
        "limit for receiving a request's header", check_not_zero_secs);
    add("http.max_connections", path(&C::http, &H::max_connections), "connections at a time",
        check_not_zero_32);
    add("http.dev_trigger_timeout_secs", path(&C::http, &H::dev_trigger_timeout),
        "limit of `POST /dev/triggers` with `wait_for_completion`", check_not_zero_secs);
    later("http.health_check_interval_secs", path(&C::http, &H::health_check_interval),
          "pause between checks of the chain endpoints; 0 = only on request");
}

void add_fetch_and_storage(Fields<C>& out) {
    using F = FetchConfig;
    using S = StorageConfig;
    const auto add = [&out](std::string_view name, auto access, std::string_view doc,
                            auto... check) {
        out.push_back(field<C>(name, access, doc, {}, check...));
    };
    const auto later = [&out](std::string_view name, auto access, std::string_view doc) {
        out.push_back(field<C>(name, access, doc, kLater));
    };
    add("fetch.connect_timeout_secs", path(&C::fetch, &F::connect_timeout), "limit for connecting",
        check_not_zero_secs);
    add("fetch.manifest_timeout_secs", path(&C::fetch, &F::manifest_timeout),
        "limit for a manifest", check_not_zero_secs);
    add("fetch.component_timeout_secs", path(&C::fetch, &F::component_timeout),
        "limit for a component", check_not_zero_secs);
    add("fetch.max_manifest_bytes", path(&C::fetch, &F::max_manifest_bytes),
        "most bytes of a manifest", check_not_zero);
    add("fetch.max_component_bytes", path(&C::fetch, &F::max_component_bytes),
        "most bytes of a component", check_not_zero);
    add("fetch.retries", path(&C::fetch, &F::retries), "further tries after a failure");
    later("fetch.deny_private_networks", path(&C::fetch, &F::deny_private_networks),
          "do not fetch from private, loopback, link-local and metadata addresses");
    later("fetch.allow_private", path(&C::fetch, &F::allow_private),
          "exceptions, as for `engine.allow_private`");
    add("storage.event_retention", path(&C::storage, &S::event_retention),
        "how long finished events are kept; at least `aggregator.burned_queue_ttl_secs`");
    add("storage.ledger_retention", path(&C::storage, &S::ledger_retention),
        "how long a signed event is remembered, so that no second result is signed for it; at "
        "least `90d`");
    add("storage.min_free_bytes", path(&C::storage, &S::min_free_bytes),
        "free disk space below which no new events are taken");
}

}  // namespace

const Fields<Config>& node_fields() {
    static const Fields<Config> rows = [] {
        Fields<Config> out;
        add_server(out);
        add_keys(out);
        add_services(out);
        add_feeds(out);
        add_engine(out);
        add_groups(out);
        add_fetch_and_storage(out);
        return out;
    }();
    return rows;
}

}  // namespace wavs::config
