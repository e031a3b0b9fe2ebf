// SPDX-License-Identifier: Apache-2.0
#include "flat_parts.hpp"

namespace wavs::engine {
namespace {

struct WriteSource {
    FlatWriter& out;

    void operator()(const types::DownloadSource& source) const {
        out.u8(0);
        out.text(source.uri);
        out.text(to_string(source.digest));
    }
    void operator()(const types::RegistrySource& source) const {
        out.u8(1);
        out.text(to_string(source.digest));
        out.optional_text(source.domain);
        out.optional_text(source.version);
        out.text(source.package);
    }
    void operator()(const types::DigestSource& source) const {
        out.u8(2);
        out.text(to_string(source.digest));
    }
};

struct WriteHosts {
    FlatWriter& out;

    void operator()(const types::AllHosts& /*hosts*/) const { out.u8(0); }
    void operator()(const types::OnlyHosts& only) const {
        out.u8(1);
        out.count(only.hosts.size());
        for (const auto& host : only.hosts) {
            out.text(host);
        }
    }
    void operator()(const types::NoHosts& /*hosts*/) const { out.u8(2); }
};

void write_component(FlatWriter& out, const types::Component& component) {
    std::visit(WriteSource{out}, component.source);
    std::visit(WriteHosts{out}, component.permissions.allowed_http_hosts);
    out.boolean(component.permissions.file_system);
    out.boolean(component.permissions.raw_sockets);
    out.boolean(component.permissions.dns_resolution);
    out.optional_u64(component.fuel_limit);
    out.optional_u64(component.time_limit_seconds);
    out.count(component.config.size());
    for (const auto& [key, value] : component.config) {
        out.text(key);
        out.text(value);
    }
    out.count(component.env_keys.size());
    for (const auto& key : component.env_keys) {
        out.text(key);
    }
}

void write_signature_kind(FlatWriter& out, const types::SignatureKind& kind) {
    // One algorithm and one prefix exist, in our types as in the interface.
    out.u8(0);
    out.optional(kind.prefix, [&out](types::SignaturePrefix /*prefix*/) { out.u8(0); });
}

void write_workflow(FlatWriter& out, const types::Workflow& workflow) {
    write_trigger(out, workflow.trigger);
    write_component(out, workflow.component);
    const auto* aggregator = workflow.aggregator();
    out.u8(aggregator == nullptr ? 0 : 1);
    if (aggregator != nullptr) {
        write_component(out, aggregator->component);
        write_signature_kind(out, aggregator->signature_kind);
    }
}

void write_manager(FlatWriter& out, const types::ServiceManager& manager) {
    if (const auto* evm = std::get_if<types::EvmManager>(&manager)) {
        out.u8(0);
        out.text(evm->chain.str());
        out.bytes(evm->address.view());
    } else {
        const auto& cosmos = std::get<types::CosmosManager>(manager);
        out.u8(1);
        out.text(cosmos.chain.str());
        write_address(out, cosmos.address);
    }
}

bool is_websocket(std::string_view url) {
    return url.starts_with("ws://") || url.starts_with("wss://");
}

}  // namespace

base::Bytes flat_service(const types::Service& service) {
    FlatWriter out;
    out.text(service.name);
    out.count(service.workflows.size());
    for (const auto& [id, workflow] : service.workflows) {
        out.text(id.str());
        write_workflow(out, workflow);
    }
    out.u8(service.status == types::ServiceStatus::Active ? 0 : 1);
    write_manager(out, service.manager);
    return std::move(out).take();
}

base::Bytes flat_evm_chain(const types::NamedChainConfig& chain) {
    const auto& config = *chain.evm();
    auto ws_endpoints = config.ws_endpoints;
    const auto all_http = config.all_http_endpoints();
    auto http_endpoint =
        all_http.empty() ? std::optional<std::string>() : std::optional(all_http.front());
    if (config.guest_endpoint) {
        const bool websocket = is_websocket(*config.guest_endpoint);
        ws_endpoints.clear();
        http_endpoint.reset();
        if (websocket) {
            ws_endpoints.push_back(*config.guest_endpoint);
        } else {
            http_endpoint = config.guest_endpoint;
        }
    }
    FlatWriter out;
    out.text(chain.chain_id);
    out.count(ws_endpoints.size());
    for (const auto& endpoint : ws_endpoints) {
        out.text(endpoint);
    }
    out.optional_text(http_endpoint);
    return std::move(out).take();
}

base::Bytes flat_cosmos_chain(const types::NamedChainConfig& chain) {
    const auto& config = *chain.cosmos();
    FlatWriter out;
    out.text(chain.chain_id);
    out.optional_text(config.guest_endpoint ? config.guest_endpoint : config.rpc_endpoint);
    out.optional_text(config.guest_endpoint ? std::nullopt : config.grpc_endpoint);
    out.optional_text(std::nullopt);  // grpc-web: no node configures one
    out.f32(config.gas_price);
    out.text(config.gas_denom);
    out.text(config.bech32_prefix);
    return std::move(out).take();
}

base::Bytes flat_key_response(const std::vector<std::string>& keys,
                              const std::optional<std::string>& cursor) {
    FlatWriter out;
    out.count(keys.size());
    for (const auto& key : keys) {
        out.text(key);
    }
    out.optional_text(cursor);
    return std::move(out).take();
}

}  // namespace wavs::engine
