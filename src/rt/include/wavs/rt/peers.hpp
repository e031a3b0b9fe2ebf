// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/types.hpp"

#include <span>

namespace wavs::rt {

/// The peer-to-peer functions of the library: `native_peer_library()` (native.hpp) in programs, a
/// fake in tests. Must outlive what was made with it.
struct PeerLibrary;

/// The numbers of the C header.
enum class PeerDiscovery : std::uint32_t {
    /// By mDNS in the local network.
    Local = 0,
    /// Over bootstrap nodes and Kademlia.
    Remote = 1,
};
enum class PeerVerdict : std::uint32_t { Accept = 0, Reject = 1, Ignore = 2 };

/// Set-up of a node among peers. Zero means the library's default. Addresses are multiaddresses.
struct PeerOptions {
    PeerDiscovery discovery = PeerDiscovery::Local;
    bool listen_ip6 = false;
    /// Any free one when 0.
    std::uint16_t listen_port = 0;
    /// Instead of all addresses of the machine with `listen_port`.
    std::vector<std::string> listen;
    std::vector<std::string> bootstrap;
    std::vector<std::string> external;
    /// How old a message nobody could take yet may get.
    std::chrono::milliseconds max_retry{0};
    std::chrono::milliseconds retry_interval{0};
    std::chrono::milliseconds discovery_interval{0};
    std::chrono::milliseconds catchup_timeout{0};
    std::uint32_t max_pending_publishes = 0;
    std::uint32_t max_catchups_per_service = 0;
    /// Gossip that one peer delivers; 0: the library's own bounds.
    std::uint32_t peer_messages_per_second = 0;
    std::uint32_t peer_message_burst = 0;
    std::string agent;
};

/// Where events go. Called on the library's thread: only hand on what comes.
class PeerEvents {
public:
    virtual ~PeerEvents() = default;
    /// A flat p2p-event. Takes one credit.
    virtual void event(base::Bytes flat) noexcept = 0;
    /// The node has ended: comes once, last, and without credit. None: it was told to.
    virtual void ended(std::optional<base::Error> error) noexcept = 0;
};

/// One node among peers: owns its thread, its port and its connections. Methods are callable from
/// any thread and do not wait, but for `status` and `stop`. Errors: `p2p_invalid` (Invalid),
/// `p2p_listen` (Unavailable), `p2p_not_subscribed` (Invalid), `p2p_overloaded` (Overloaded),
/// `p2p_stopped` (Cancelled), `p2p_failed` (Unavailable), `p2p_panic`, `rt_abi` (Bug).
class PeerNode {
public:
    /// Listens before it returns. `identity` is an Ed25519 secret key, `events` outlives the node.
    static base::Result<std::unique_ptr<PeerNode>> create(
        const PeerLibrary& library, const PeerOptions& options,
        std::span<const std::uint8_t, 32> identity, PeerEvents& events);
    /// As `stop`.
    ~PeerNode();
    PeerNode(const PeerNode&) = delete;
    PeerNode& operator=(const PeerNode&) = delete;

    base::Result<void> subscribe(const Hash& service);
    base::Result<void> unsubscribe(const Hash& service);
    base::Result<void> publish(const Hash& service, base::ByteView data);
    base::Result<void> judge(std::uint64_t token, PeerVerdict verdict);
    base::Result<void> answer_catchup(std::uint64_t token, base::ByteView answer);
    base::Result<void> request_catchup(const Hash& service);
    /// So many more events may come.
    base::Result<void> grant(std::uint64_t events);

    /// A flat p2p-status. Waits for the library's thread: on the blocking pool.
    base::Result<base::Bytes> status() const;
    /// Closes all connections, returns after the last event. Again is fine. Not from an event.
    void stop();

private:
    struct Handle;
    explicit PeerNode(std::unique_ptr<Handle> handle);
    std::unique_ptr<Handle> handle_;
};

}  // namespace wavs::rt
