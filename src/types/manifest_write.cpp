// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/json.hpp"
#include "wavs/types/manifest_json.hpp"

namespace wavs::types {
namespace {

using json::Writer;

void write_text(Writer& out, std::string_view name, std::string_view value) {
    out.key(name);
    out.string(value);
}

void write_optional(Writer& out, std::string_view name, const std::optional<std::string>& value) {
    out.key(name);
    value.has_value() ? out.string(*value) : out.null();
}

void write_optional(Writer& out, std::string_view name, const std::optional<std::uint64_t>& value) {
    out.key(name);
    value.has_value() ? out.number(*value) : out.null();
}

struct SourceWriter {
    Writer& out;

    void operator()(const DownloadSource& source) const {
        out.key("download");
        out.begin_object();
        write_text(out, "uri", source.uri);
        write_text(out, "digest", to_string(source.digest));
        out.end_object();
    }
    void operator()(const RegistrySource& source) const {
        out.key("registry");
        out.begin_object();
        write_text(out, "digest", to_string(source.digest));
        write_optional(out, "domain", source.domain);
        write_optional(out, "version", source.version);
        write_text(out, "package", source.package);
        out.end_object();
    }
    void operator()(const DigestSource& source) const {
        write_text(out, "digest", to_string(source.digest));
    }
};

struct HostsWriter {
    Writer& out;

    void operator()(const NoHosts&) const { out.string("none"); }
    void operator()(const AllHosts&) const { out.string("all"); }
    void operator()(const OnlyHosts& only) const {
        out.begin_object();
        out.key("only");
        out.begin_array();
        for (const std::string& host : only.hosts) {
            out.string(host);
        }
        out.end_array();
        out.end_object();
    }
};

void write_submit(Writer& out, const Submit& submit) {
    const auto* aggregator = std::get_if<SubmitAggregator>(&submit);
    if (aggregator == nullptr) {
        out.string("none");
        return;
    }
    out.begin_object();
    out.key("aggregator");
    out.begin_object();
    out.key("component");
    write_json(out, aggregator->component);
    out.key("signature_kind");
    write_json(out, aggregator->signature_kind);
    out.end_object();
    out.end_object();
}

template <typename T>
std::string text_of(const T& value) {
    std::string out;
    Writer writer(out);
    write_json(writer, value);
    return out;
}

}  // namespace

void write_json(Writer& out, const Permissions& permissions) {
    out.begin_object();
    out.key("allowed_http_hosts");
    std::visit(HostsWriter{out}, permissions.allowed_http_hosts);
    out.key("file_system");
    out.boolean(permissions.file_system);
    out.key("raw_sockets");
    out.boolean(permissions.raw_sockets);
    out.key("dns_resolution");
    out.boolean(permissions.dns_resolution);
    out.end_object();
}

void write_json(Writer& out, const Component& component) {
    out.begin_object();
    out.key("source");
    out.begin_object();
    std::visit(SourceWriter{out}, component.source);
    out.end_object();
    out.key("permissions");
    write_json(out, component.permissions);
    write_optional(out, "fuel_limit", component.fuel_limit);
    write_optional(out, "time_limit_seconds", component.time_limit_seconds);
    out.key("config");
    out.begin_object();
    for (const auto& [name, value] : component.config) {
        write_text(out, name, value);
    }
    out.end_object();
    out.key("env_keys");
    out.begin_array();
    for (const std::string& name : component.env_keys) {
        out.string(name);
    }
    out.end_array();
    out.end_object();
}

void write_json(Writer& out, const ServiceManager& manager) {
    out.begin_object();
    out.key(std::holds_alternative<EvmManager>(manager) ? "evm" : "cosmos");
    out.begin_object();
    write_text(out, "chain", chain_of(manager).str());
    write_text(out, "address", address_text(manager));
    out.end_object();
    out.end_object();
}

void write_json(Writer& out, const Service& service) {
    out.begin_object();
    write_text(out, "name", service.name);
    out.key("workflows");
    out.begin_object();
    for (const auto& [id, workflow] : service.workflows) {
        out.key(id.str());
        out.begin_object();
        out.key("trigger");
        write_json(out, workflow.trigger);
        out.key("component");
        write_json(out, workflow.component);
        out.key("submit");
        write_submit(out, workflow.submit);
        out.end_object();
    }
    out.end_object();
    write_text(out, "status", to_string(service.status));
    out.key("manager");
    write_json(out, service.manager);
    out.end_object();
}

std::string to_json(const Service& service) { return text_of(service); }
std::string to_json(const ServiceManager& manager) { return text_of(manager); }

}  // namespace wavs::types
