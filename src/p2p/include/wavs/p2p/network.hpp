// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/types/ids.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace wavs::p2p {

/// The node among its peers (docs/protocol/07-peers.md): gossip per service, and catch-up. What a
/// message says, whether it is valid and what is kept of it is the business of who reads the
/// events.

/// Names a message until it is judged, or a request until it is answered.
using Token = std::uint64_t;

enum class Verdict : std::uint8_t {
    Accept,  ///< forward it
    Reject,  ///< do not, and hold it against the peers that delivered it
    Ignore,  ///< do not forward it
};

/// A gossip message, to be judged within 4 s; later it is not forwarded any more.
struct Message {
    Token token = 0;
    /// Peer ids, as text: who signed it, and who handed it over.
    std::string source;
    std::string delivered_by;
    types::ServiceId service;
    base::Bytes data;
};
/// A peer asks what there is of a service; to be answered.
struct CatchupRequest {
    Token token = 0;
    std::string peer;
    types::ServiceId service;
};
/// What a peer answered about the service it was asked about.
struct CatchupAnswer {
    std::string peer;
    types::ServiceId service;
    base::Bytes data;
};
struct PeerConnected {
    std::string peer;
};
struct PeerDisconnected {
    std::string peer;
};
enum class PublishReason : std::uint8_t { TooLarge, Expired, Dropped };
/// A message was handed to no peer and will not be; catch-up still may bring it to them.
struct PublishFailed {
    types::ServiceId service;
    PublishReason reason = PublishReason::Dropped;
    std::uint64_t size = 0;
};
/// A multiaddress this node listens on, with its peer id.
struct Listening {
    std::string address;
};
using Event = std::variant<Message, CatchupRequest, CatchupAnswer, PeerConnected, PeerDisconnected,
                           PublishFailed, Listening>;

struct PeerStatus {
    std::string peer;
    double score = 0;
    std::string agent;
    /// Told that it belongs to another network: takes no part in gossip.
    bool foreign = false;
};
struct TopicStatus {
    types::ServiceId service;
    std::uint32_t subscribed_peers = 0;
    std::uint32_t mesh_peers = 0;
};
/// Since the start.
struct Counters {
    std::uint64_t received = 0;
    std::uint64_t accepted = 0;
    std::uint64_t rejected = 0;
    std::uint64_t ignored = 0;
    std::uint64_t judged_too_late = 0;
    std::uint64_t no_room = 0;
    std::uint64_t rate_limited = 0;
    std::uint64_t published = 0;
    std::uint64_t published_before = 0;
    std::uint64_t publish_too_large = 0;
    std::uint64_t publish_expired = 0;
    std::uint64_t publish_dropped = 0;
    std::uint64_t catchup_asked = 0;
    std::uint64_t catchup_answered = 0;
    std::uint64_t catchup_failed = 0;
    std::uint64_t catchup_served = 0;
    std::uint64_t catchup_refused = 0;
    std::uint64_t notices_lost = 0;
};
struct Status {
    std::string local_peer;
    std::vector<std::string> listen_addresses;
    std::vector<std::string> external_addresses;
    std::vector<PeerStatus> peers;
    std::vector<TopicStatus> topics;
    Counters counters;
    std::uint64_t pending_publishes = 0;
    std::uint64_t waiting_events = 0;
    std::uint64_t unjudged = 0;
};

/// The name of a service's topic, as peers subscribe to it.
std::string topic_name(const types::ServiceId& service);

/// A seam: tests connect nodes without sockets. Methods are callable from any thread and do not
/// wait, but for `next` and `status`. Errors: `p2p_stopped` (Cancelled), `p2p_not_subscribed`
/// (Invalid), `p2p_overloaded` (Overloaded).
class Network {
public:
    virtual ~Network() = default;

    /// The next event, in order; one reader at a time. Peers wait while nobody reads. Cancelled
    /// when the network was stopped; any other error means that it has ended by itself.
    virtual async::Task<base::Result<Event>> next() = 0;

    /// Takes part in the gossip of a service and asks the connected peers what was missed. Again is
    /// fine.
    virtual base::Result<void> subscribe(const types::ServiceId& service) = 0;
    virtual base::Result<void> unsubscribe(const types::ServiceId& service) = 0;
    /// What cannot be delivered comes back as `PublishFailed`.
    virtual base::Result<void> publish(const types::ServiceId& service, base::ByteView data) = 0;
    virtual base::Result<void> judge(Token token, Verdict verdict) = 0;
    /// At most 10 MiB.
    virtual base::Result<void> answer_catchup(Token token, base::ByteView answer) = 0;
    /// Asks one peer of the service, by chance; nothing happens without one.
    virtual base::Result<void> request_catchup(const types::ServiceId& service) = 0;
    virtual async::Task<base::Result<Status>> status() = 0;
    /// Closes all connections and ends `next`. Blocks for a moment. Again is fine.
    virtual void stop() = 0;
};

}  // namespace wavs::p2p
