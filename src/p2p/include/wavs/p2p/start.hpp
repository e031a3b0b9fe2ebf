// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/p2p/identity.hpp"
#include "wavs/p2p/network.hpp"
#include "wavs/rt/peers.hpp"

namespace wavs::p2p {

/// How peers are found.
enum class Discovery : std::uint8_t {
    Local,   ///< by mDNS in the local network
    Remote,  ///< over bootstrap nodes and Kademlia
};

/// Set-up of a node among peers; addresses are multiaddresses.
struct Options {
    Discovery discovery = Discovery::Local;
    /// TCP; 0: any free one. A taken one is an error, for others may have been told of it.
    std::uint16_t listen_port = 0;
    /// Instead of all addresses of the machine with `listen_port`.
    std::vector<std::string> listen_addresses;
    /// Remote only; none: this node is one for others.
    std::vector<std::string> bootstrap_nodes;
    /// Announced besides the addresses it listens on.
    std::vector<std::string> external_addresses;
    /// How old a message that nobody could take yet may get.
    std::chrono::milliseconds max_retry = std::chrono::seconds(10);
    std::chrono::milliseconds retry_interval = std::chrono::milliseconds(200);
    std::chrono::milliseconds discovery_interval = std::chrono::seconds(60);
    std::chrono::milliseconds catchup_timeout = std::chrono::seconds(30);
    /// Of what nobody could take yet; the oldest is dropped.
    std::uint64_t max_pending_publishes = 1000;
    /// Peers asked at a time.
    std::uint64_t max_catchups_per_service = 3;
    /// Gossip that one peer delivers; what is above is turned away (docs/decisions.md D-88).
    std::uint32_t peer_messages_per_second = 1'000;
    std::uint32_t peer_message_burst = 5'000;
    /// Told to peers; empty: the library's name for itself.
    std::string agent;
};

struct Environment {
    /// Outlives the network.
    const rt::PeerLibrary& library;
    async::Executor io;
    async::Executor blocking;
};

/// Events handed over that nobody has read yet, at most; what comes then waits in the library, and
/// behind that at the peers.
inline constexpr std::size_t kWindow = 8;

/// Listens, and finds peers from then on. Errors: `p2p_listen` (Unavailable) names the port,
/// `p2p_invalid` (Invalid) the address that cannot be read.
base::Result<std::unique_ptr<Network>> start_network(const Options& options,
                                                     const Identity& identity,
                                                     const Environment& environment);

}  // namespace wavs::p2p
