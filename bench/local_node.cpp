// SPDX-License-Identifier: Apache-2.0
#include "local_node.hpp"

#include "client.hpp"
#include "wavs/cli/devnet.hpp"
#include "wavs/types/records.hpp"

#include <optional>

namespace wavs::bench {
namespace {

constexpr std::string_view kMnemonic =
    "aspect mushroom fly cousin hobby body need dose blind siren shoe annual";

config::Config config_of_node(const std::filesystem::path& data) {
    config::Config config;
    config.port = 0;
    config.data = data;
    config.signing_mnemonic.emplace(std::string(kMnemonic));
    config.dev_endpoints_enabled = true;
    config.health_check_mode = config::HealthCheckMode::Bypass;
    types::EvmChainConfig chain;
    chain.http_endpoint = kDeadHttp;
    chain.ws_endpoints = {std::string(kDeadWs)};
    must(config.chains.add(cli::Devnet::chain(), {"31337", std::move(chain)}));
    return config;
}

async::Task<int> start_node(app::Node& node, std::optional<base::Error>& error) {
    auto started = co_await node.start();
    if (!started.has_value()) {
        error = std::move(started).error();
    }
    co_return 0;
}

async::Task<int> stop_node(app::Node& node) {
    co_await node.stop();
    co_return 0;
}

async::Flow<base::Result<void>> fire_one(app::Node& node, types::TriggerAction action) {
    dispatcher::ManualRequest request;
    request.action = std::move(action);
    request.wait = dispatcher::ManualRequest::Wait::UntilRun;
    return node.trigger(std::move(request));
}

std::size_t open_results_of(const app::Node& node) {
    const auto kind = static_cast<std::uint8_t>(types::WorkKind::OpenResult);
    return must(node.store().scan(storage::Keyspace::Work, {.prefix = {kind}})).size();
}

}  // namespace

LocalNode::LocalNode(const std::filesystem::path& data) {
    node_ = must(app::Node::create(config_of_node(data), {}, runtime_));
    std::optional<base::Error> error;
    runtime_.run(start_node(*node_, error));
    if (error) {
        throw std::runtime_error(error->full_text());
    }
}

LocalNode::~LocalNode() {
    if (node_) {
        runtime_.run(stop_node(*node_));
    }
    // As in the program: the threads end before the modules do.
    runtime_.stop();
}

Fire LocalNode::fire() {
    return
        [&node = *node_](types::TriggerAction action) { return fire_one(node, std::move(action)); };
}

std::size_t LocalNode::open_results() const { return open_results_of(*node_); }

}  // namespace wavs::bench
