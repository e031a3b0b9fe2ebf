// SPDX-License-Identifier: Apache-2.0
#include "wavs/engine/jobs.hpp"

#include <algorithm>

namespace wavs::engine {

ServiceSnapshot make_snapshot(std::shared_ptr<const types::Service> service) {
    const auto id = service->id();
    const auto digest = types::service_digest(*service);
    return {.service = std::move(service), .id = id, .digest = digest};
}

std::vector<std::string> ungranted_permissions(const ComponentInfo& component,
                                               const types::Permissions& granted) {
    const auto imports = [&component](std::string_view prefix) {
        return std::any_of(component.imports.begin(), component.imports.end(),
                           [prefix](const std::string& name) { return name.starts_with(prefix); });
    };
    std::vector<std::string> out;
    if (std::holds_alternative<types::NoHosts>(granted.allowed_http_hosts) &&
        imports("wasi:http/outgoing-handler")) {
        out.emplace_back("allowed_http_hosts");
    }
    if (!granted.raw_sockets && (imports("wasi:sockets/tcp") || imports("wasi:sockets/udp"))) {
        out.emplace_back("raw_sockets");
    }
    if (!granted.dns_resolution && imports("wasi:sockets/ip-name-lookup")) {
        out.emplace_back("dns_resolution");
    }
    return out;
}

}  // namespace wavs::engine
