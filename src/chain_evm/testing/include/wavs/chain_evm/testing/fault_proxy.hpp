// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace wavs::chain_evm::testing {

/// How an endpoint misbehaves, from the moment it is set until another value is.
struct Faults {
    /// New connections are reset.
    bool refuse = false;
    /// Connections stay open and nothing flows either way, pings included. New ones are accepted.
    /// What was sent meanwhile arrives when it is over.
    bool silent = false;
    /// Each message waits so long, either way; the order stays.
    std::chrono::milliseconds delay{0};
    /// Each notification of a subscription comes twice.
    bool duplicate = false;
    /// Not 0: a notification is held back until so many later ones are sent, again and again.
    std::size_t hold_back = 0;
    /// The answer to `eth_chainId`.
    std::optional<std::uint64_t> chain_id;
    /// `eth_getLogs` over more blocks is refused in the words of some provider.
    std::optional<std::uint64_t> max_log_blocks;
    /// `eth_blockNumber`, `eth_getBlockByNumber` and `eth_getLogs` answer as if the chain ended so
    /// many blocks earlier. Everything else, notifications too, is up to date.
    std::uint64_t lag = 0;
};

enum class Notifications : std::uint8_t { NewHeads, Logs };

/// How often each fault struck.
struct FaultCounts {
    std::size_t connections = 0;
    std::size_t requests = 0;
    std::size_t refused = 0;
    std::size_t dropped = 0;
    /// Pieces of a byte stream that had to wait.
    std::size_t silenced = 0;
    std::size_t delayed = 0;
    std::size_t swallowed = 0;
    std::size_t duplicated = 0;
    std::size_t reordered = 0;
    std::size_t truncated = 0;
    std::size_t rate_limited = 0;
    std::size_t wrong_chain = 0;
    std::size_t range_refused = 0;
    std::size_t lagged = 0;
};

/// Stands between a client and a JSON-RPC node on loopback, for WebSocket and HTTP on one port of
/// its own, and does to both what a bad endpoint would. The node may end and come back on its port:
/// links to it are made per client connection. Faults of one method apply to messages with one
/// request; a batch is passed on or refused as a whole. What is random depends on the seed alone.
///
/// Owned by the test. It has a thread of its own; the methods may be called from any other, and
/// what they order is in force when they return.
class FaultProxy {
public:
    struct Options {
        /// Of the node.
        std::uint16_t target_port = 0;
        std::uint64_t seed = 1;
    };
    explicit FaultProxy(Options options);
    ~FaultProxy();
    FaultProxy(const FaultProxy&) = delete;
    FaultProxy& operator=(const FaultProxy&) = delete;

    std::string http_url() const;
    std::string ws_url() const;

    void set(const Faults& faults);
    Faults faults() const;
    FaultCounts counts() const;
    /// Requests over HTTP that the node has not answered yet.
    std::size_t in_flight() const;

    /// Resets all connections.
    void drop_connections();
    /// The subscriptions of that kind that there are now deliver nothing any more, for good; a new
    /// `eth_subscribe` works.
    void swallow(Notifications kind);
    /// The next message over a WebSocket to the client ends in the middle of its frame, and so does
    /// the connection.
    void truncate_next();
    /// The next messages with requests get status 429, or the error -32005 over WebSocket.
    void rate_limit(std::size_t messages);
    /// What `rate_limit` and `truncate_next` ordered and has not happened is forgotten, and no
    /// fault is set.
    void clear();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::chain_evm::testing
