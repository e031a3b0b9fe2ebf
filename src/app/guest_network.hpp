// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/config.hpp"
#include "wavs/engine/engine.hpp"

#include <mutex>
#include <set>

namespace wavs::app {

/// What components see and reach of the network: the node's chains and their endpoints, the
/// operator's exceptions, and never the node's own ports. Owned by the node; thread-safe.
class GuestNetwork {
public:
    GuestNetwork(engine::Engine& engine, const config::EngineConfig& config)
        : engine_(engine), config_(config) {}

    /// Invalid `config` when an exception or the file of certificate authorities cannot be read.
    base::Result<void> start(std::shared_ptr<const types::ChainConfigs> chains);
    base::Result<void> set_chains(std::shared_ptr<const types::ChainConfigs> chains);
    base::Result<void> add_own_port(std::uint16_t port);

private:
    base::Result<void> add_authorities();
    base::Result<void> apply_locked();

    engine::Engine& engine_;
    const config::EngineConfig& config_;
    std::mutex mutex_;
    std::shared_ptr<const types::ChainConfigs> chains_;
    std::set<std::uint16_t> own_ports_;
    std::string ca_pem_;
};

/// "host:port" of the endpoints components are shown, which they may reach wherever they are.
std::vector<std::string> guest_endpoints(const types::ChainConfigs& chains);

}  // namespace wavs::app
