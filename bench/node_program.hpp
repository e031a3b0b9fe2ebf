// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client.hpp"

#include "wavs/cli/devnet.hpp"

#include <map>

namespace wavs::bench {

/// The program `wavs` as a process of its own, with no chain that answers.
std::unique_ptr<cli::NodeProcess> start_program(ClientSide& side, const Settings& settings,
                                                const std::filesystem::path& folder);

struct ChainOptions {
    std::chrono::seconds block_time;
    /// Of anvil, besides its block's room.
    std::vector<std::string> chain_args = {};
    /// Further tables of `wavs.toml`.
    std::string node_config = {};
    std::string_view log_level = "error";
    std::string_view aggregator = "simple_aggregator";
    /// Configuration of the aggregator component, besides chain and handler.
    std::map<std::string, std::string> aggregator_config = {};
};

/// The same program with a chain, contracts, and a service whose events are echoed to the handler.
class ChainNode {
public:
    ChainNode(ClientSide& side, const Settings& settings, const std::filesystem::path& folder,
              ChainOptions options);
    ~ChainNode();
    ChainNode(const ChainNode&) = delete;
    ChainNode& operator=(const ChainNode&) = delete;

    cli::Devnet& devnet() { return *devnet_; }
    const cli::Contracts& contracts() const { return contracts_; }
    const types::Service& service() const { return service_; }

private:
    ClientSide& side_;
    std::unique_ptr<cli::Devnet> devnet_;
    cli::Contracts contracts_;
    types::Service service_;
};

}  // namespace wavs::bench
