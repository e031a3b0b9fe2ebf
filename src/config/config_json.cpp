// SPDX-License-Identifier: Apache-2.0
#include "wavs/config/config_json.hpp"

#include "field.hpp"
#include "wavs/types/json.hpp"

namespace wavs::config {
namespace {

/// Members by name, so that each line below reads like the JSON.
class Members {
public:
    Members(types::json::Writer& out, types::Endpoints endpoints)
        : out_(out), endpoints_(endpoints) {}

    void number(std::string_view name, std::uint64_t value) {
        out_.key(name);
        out_.number(value);
    }
    void text(std::string_view name, std::string_view value) {
        out_.key(name);
        out_.string(value);
    }
    void boolean(std::string_view name, bool value) {
        out_.key(name);
        out_.boolean(value);
    }
    void list(std::string_view name, const std::vector<std::string>& items) {
        out_.key(name);
        out_.begin_array();
        for (const std::string& item : items) {
            out_.string(item);
        }
        out_.end_array();
    }
    void secret(std::string_view name, const std::optional<SecretString>& value) {
        value.has_value() ? text(name, kRedacted) : null(name);
    }
    void url(std::string_view name, const std::string& value, const std::string& initial) {
        text(name, value == initial ? value : shown(value));
    }
    void url(std::string_view name, const std::optional<std::string>& value) {
        value.has_value() ? text(name, shown(*value)) : null(name);
    }
    void optional(std::string_view name, const std::optional<std::string>& value) {
        value.has_value() ? text(name, *value) : null(name);
    }

private:
    std::string shown(const std::string& url) const {
        return endpoints_ == types::Endpoints::Full ? url : types::redact_url(url);
    }
    void null(std::string_view name) {
        out_.key(name);
        out_.null();
    }

    types::json::Writer& out_;
    types::Endpoints endpoints_;
};

void write_common(Members& members, const P2pCommon& p2p) {
    members.number("max_retry_duration_secs", p2p.max_retry_duration_secs);
    members.number("retry_interval_ms", p2p.retry_interval_ms);
    members.number("submission_ttl_secs", p2p.submission_ttl_secs);
    members.number("max_catchup_submissions", p2p.max_catchup_submissions);
    members.number("cleanup_interval_secs", p2p.cleanup_interval_secs);
}

void write_limits(Members& members, const P2pCommon& p2p) {
    members.number("max_pending_publishes", p2p.max_pending_publishes);
    members.number("max_stored_submissions_per_service", p2p.max_stored_submissions_per_service);
    members.number("catchup_request_timeout_secs", p2p.catchup_request_timeout_secs);
    members.number("max_concurrent_catchup_requests_per_service",
                   p2p.max_concurrent_catchup_requests_per_service);
}

void write_p2p(types::json::Writer& out, Members& members, const P2pConfig& p2p) {
    if (std::holds_alternative<std::monostate>(p2p)) {
        members.text("p2p", "disabled");
        return;
    }
    out.key("p2p");
    out.begin_object();
    const auto* const remote = std::get_if<P2pRemote>(&p2p);
    const P2pCommon& common =
        remote != nullptr ? static_cast<const P2pCommon&>(*remote) : std::get<P2pLocal>(p2p);
    out.key(remote != nullptr ? "remote" : "local");
    out.begin_object();
    members.number("listen_port", common.listen_port);
    if (remote != nullptr) {
        members.list("bootstrap_nodes", remote->bootstrap_nodes);
    }
    write_common(members, common);
    if (remote != nullptr) {
        members.number("kademlia_discovery_interval_secs",
                       remote->kademlia_discovery_interval_secs);
    }
    write_limits(members, common);
    out.end_object();
    out.end_object();
}

std::uint64_t seconds(std::chrono::seconds value) {
    return static_cast<std::uint64_t>(value.count());
}

std::string_view mode_word(HealthCheckMode mode) {
    return EnumWords<HealthCheckMode>::kWords[static_cast<std::size_t>(mode)];
}

}  // namespace

std::string config_json(const Config& config, const types::ChainConfigs& chains,
                        types::Endpoints endpoints) {
    static const Config initial;
    std::string text;
    types::json::Writer out(text);
    Members members(out, endpoints);
    out.begin_object();
    members.number("port", config.port);
    members.list("log_level", config.log_level);
    members.text("host", config.host);
    members.text("data", config.data.string());
    members.list("cors_allowed_origins", config.cors_allowed_origins);
    members.number("wasm_lru_size", config.wasm_lru_size);
    out.key("chains");
    types::write_json(out, chains, endpoints);
    members.secret("signing_mnemonic", config.signing_mnemonic);
    members.secret("aggregator_cosmos_credential", config.aggregator_cosmos_credential);
    members.secret("aggregator_evm_credential", config.aggregator_evm_credential);
    members.number("max_wasm_fuel", config.max_wasm_fuel);
    members.number("max_execution_seconds", config.max_execution_seconds);
    members.url("jaeger", config.jaeger);
    members.url("prometheus", config.prometheus);
    members.number("prometheus_push_interval_secs", seconds(config.prometheus_push_interval));
    members.url("ipfs_gateway", config.ipfs_gateway, initial.ipfs_gateway);
    members.secret("bearer_token", config.bearer_token);
    members.boolean("dev_endpoints_enabled", config.dev_endpoints_enabled);
    members.number("max_body_size_mb", config.max_body_size_mb);
    members.text("health_check_mode", mode_word(config.health_check_mode));
    out.key("aggregator");
    out.begin_object();
    members.number("burned_queue_ttl_secs", seconds(config.aggregator.burned_queue_ttl));
    out.end_object();
    write_p2p(out, members, config.p2p);
    members.url("jetstream_endpoint", config.jetstream_endpoint, initial.jetstream_endpoint);
    members.number("jetstream_max_message_size", config.jetstream_max_message_size);
    members.optional("hyperswarm_bootstrap", config.hyperswarm_bootstrap);
    out.end_object();
    return text;
}

}  // namespace wavs::config
