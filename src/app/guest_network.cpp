// SPDX-License-Identifier: Apache-2.0
#include "guest_network.hpp"

#include "wavs/net/url.hpp"
#include "wavs/storage/data_dir.hpp"

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
    for (const auto& endpoint : chain.all_http_endpoints()) {
        add_endpoint(out, endpoint);
    }
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

// A refusal of the rules, for the key it came of.
base::Result<void> of_key(std::string_view key, base::Result<void> result,
                          std::string_view remedy) {
    if (result.has_value()) {
        return result;
    }
    return base::Error(base::ErrorKind::Invalid, "config",
                       fmt::format("{}: {}", key, result.error().message()), std::string(remedy));
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
    WAVS_TRY(of_key("engine.allow_private", set_chains(std::move(chains)),
                    "exceptions are addresses, networks or host names, each with an optional "
                    "port"));
    if (config_.tls_ca_file.empty()) {
        return base::ok();
    }
    return of_key("engine.tls_ca_file", add_authorities(),
                  "name a file with certificates in PEM form, or leave the key out");
}

base::Result<void> GuestNetwork::add_authorities() {
    const std::lock_guard lock(mutex_);
    WAVS_TRY(ca_pem_, storage::read_file(config_.tls_ca_file));
    if (ca_pem_.empty()) {
        return base::Error(base::ErrorKind::Invalid, "empty_file",
                           fmt::format("{} is empty", config_.tls_ca_file.string()));
    }
    return apply_locked();
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
