// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "client.hpp"

#include "wavs/cli/devnet.hpp"

namespace wavs::bench {

/// The program `wavs` as a process of its own, with no chain that answers.
std::unique_ptr<cli::NodeProcess> start_program(ClientSide& side, const Settings& settings,
                                                const std::filesystem::path& folder);

/// The same program with a chain, contracts, and a service whose events are echoed to the handler;
/// a block every `block_time`.
class ChainNode {
public:
    ChainNode(ClientSide& side, const Settings& settings, const std::filesystem::path& folder,
              std::chrono::seconds block_time);
    ~ChainNode();
    ChainNode(const ChainNode&) = delete;
    ChainNode& operator=(const ChainNode&) = delete;

    cli::Devnet& devnet() { return *devnet_; }
    const cli::Contracts& contracts() const { return contracts_; }

private:
    ClientSide& side_;
    std::unique_ptr<cli::Devnet> devnet_;
    cli::Contracts contracts_;
};

}  // namespace wavs::bench
