// SPDX-License-Identifier: Apache-2.0
#include "guest_network.hpp"

#include "wavs/net/url.hpp"

#include <fstream>
#include <iterator>

namespace wavs::app {
namespace {

void add_endpoint(std::vector<std::string>& out, const std::optional<std::string>& endpoint) {
    const auto url = endpoint ? net::Url::parse(*endpoint) : base::Result<net::Url>(net::Url());
    if (!url.has_value() || url.value().host.empty()) {
        return;
    }
    const auto& host = url.value().host;
    const bool v6 = host.find(':') != std::string::npos;
    const auto shown = v6 ? fmt::format("[{}]", host) : host;
    out.push_back(fmt::format("{}:{}", shown, url.value().port));
}

void add_endpoints(std::vector<std::string>& out, const types::EvmChainConfig& chain) {
    if (chain.guest_endpoint) {
        add_endpoint(out, chain.guest_endpoint);
        return;
    }
    add_endpoint(out, chain.http_endpoint);
    for (const auto& endpoint : chain.ws_endpoints) {
        add_endpoint(out, endpoint);
    }
}

void add_endpoints(std::vector<std::string>& out, const types::CosmosChainConfig& chain) {
    if (chain.guest_endpoint) {
        add_endpoint(out, chain.guest_endpoint);
        return;
    }
    add_endpoint(out, chain.rpc_endpoint);
    add_endpoint(out, chain.grpc_endpoint);
}

base::Result<std::string> read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file.good() && !file.eof()) {
        return base::Error(base::ErrorKind::Invalid, "config",
                           fmt::format("engine.tls_ca_file: {} cannot be read", path.string()),
                           "name a file with certificates in PEM form, or leave the key out");
    }
    return text;
}

}  // namespace

std::vector<std::string> guest_endpoints(const types::ChainConfigs& chains) {
    std::vector<std::string> out;
    for (const auto& [key, chain] : chains.all()) {
        std::visit([&out](const auto& config) { add_endpoints(out, config); }, chain.config);
    }
    return out;
}

base::Result<void> GuestNetwork::start(std::shared_ptr<const types::ChainConfigs> chains) {
    if (!config_.tls_ca_file.empty()) {
        WAVS_TRY(ca_pem_, read_text(config_.tls_ca_file));
    }
    auto started = set_chains(std::move(chains));
    if (!started.has_value()) {
        return base::Error(base::ErrorKind::Invalid, "config",
                           fmt::format("engine.allow_private or engine.tls_ca_file: {}",
                                       started.error().message()),
                           "exceptions are addresses, networks or host names, each with an "
                           "optional port");
    }
    return base::ok();
}

base::Result<void> GuestNetwork::set_chains(std::shared_ptr<const types::ChainConfigs> chains) {
    const std::lock_guard lock(mutex_);
    engine_.set_chain_configs(chains);
    chains_ = std::move(chains);
    return apply_locked();
}

base::Result<void> GuestNetwork::add_own_port(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    own_ports_.insert(port);
    return apply_locked();
}

base::Result<void> GuestNetwork::apply_locked() {
    rt::NetworkRules rules{.deny_private = config_.deny_private_networks,
                           .allow = config_.allow_private,
                           .own_ports = {own_ports_.begin(), own_ports_.end()},
                           .hosts = {},
                           .ca_pem = ca_pem_};
    const auto endpoints = guest_endpoints(*chains_);
    rules.allow.insert(rules.allow.end(), endpoints.begin(), endpoints.end());
    return engine_.set_network(rules);
}

}  // namespace wavs::app
