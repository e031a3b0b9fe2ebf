// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/chain_evm/log.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/net/dial.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace wavs::chain_evm {

/// What a chain link reports, in the order it happened.
struct Connected {
    /// Scheme, host and port.
    std::string endpoint;
};
struct Disconnected {
    std::string reason;
};
/// From here on every new log of `filter` arrives: the moment to fill the gap behind it. Sent after
/// each connect and after each change of the filter.
struct FilterLive {
    LogFilter filter;
};
struct LogSeen {
    EvmLog log;
};
/// The chain took the log back.
struct LogRemoved {
    EvmLog log;
};
struct HeadSeen {
    BlockHeader header;
};
/// Time to look again: sent by the link at each tick, and by the reader to itself when something
/// else than the chain changed. May be missing when the channel is full.
struct Wake {};
using ChainEvent =
    std::variant<Connected, Disconnected, FilterLive, LogSeen, LogRemoved, HeadSeen, Wake>;
using ChainEvents = async::Channel<ChainEvent>;

struct SubscriberOptions {
    /// For log lines and metric labels, such as "evm:31337".
    std::string name;
    std::vector<std::string> ws_endpoints;
    /// The chain's endpoints for calls: what the link is compared with, and what is polled when
    /// there is no WebSocket and `may_poll`.
    std::shared_ptr<RpcTransport> calls;
    bool may_poll = false;
    std::optional<std::uint64_t> priority_index;
    /// Compared with `eth_chainId` when set.
    std::optional<std::uint64_t> chain_id;

    std::size_t max_filter_addresses = 1'000;
    base::Duration debounce = std::chrono::milliseconds(50);
    base::Duration response_timeout = std::chrono::seconds(10);
    base::Duration ping_interval = std::chrono::seconds(15);
    base::Duration dead_after = std::chrono::seconds(30);
    base::Duration first_backoff = std::chrono::seconds(1);
    base::Duration max_backoff = std::chrono::seconds(30);
    /// A connection that ends sooner counts as a failure.
    base::Duration stable_after = std::chrono::seconds(5);
    base::Duration unknown_id_buffer = std::chrono::seconds(5);
    base::Duration wrong_chain_pause = std::chrono::minutes(5);
    base::Duration priority_check = std::chrono::seconds(5);
    base::Duration head_stale_after = std::chrono::seconds(60);
    /// How often the link looks after its subscriptions.
    base::Duration tick = std::chrono::seconds(1);
    /// Taken for the time between two blocks as long as that is not known.
    base::Duration usual_block_time = std::chrono::seconds(2);
    /// Of the form without WebSocket.
    base::Duration poll_interval = std::chrono::seconds(2);
    /// Without a WebSocket for so long, the HTTP endpoint is polled meanwhile.
    base::Duration poll_after = std::chrono::seconds(60);
};

/// One subscription of a chain node, for `/dev/trigger-streams`.
struct ActiveSubscription {
    enum class Kind : std::uint8_t { NewHeads, Logs };
    Kind kind = Kind::NewHeads;
    LogFilter filter;
};
struct SubscriberState {
    /// Scheme, host and port.
    std::optional<std::string> current_endpoint;
    bool is_connected = false;
    bool any_active_rpcs_in_flight = false;
    std::map<std::string, ActiveSubscription> active_subscriptions;
    /// Blocks are polled over HTTP.
    bool polling = false;
};

/// Keeps one link to a chain open and delivers its heads and logs to `events`. The wanted filter is
/// state, not a request: it is established again on every connect, and a change is in force before
/// the old one ends, so no log is lost by it. Each log is delivered once (`window`). A subscription
/// to heads that is silent while the endpoint's own newest block moves on is made anew within two
/// block times; an endpoint that falls behind the others is left. A full
/// `events` stops the reading of the socket. `run()` is one long-lived task on `strand`; the other
/// methods are thread-safe. Owned by the composition root, must outlive `run()`.
class WsSubscriber {
public:
    WsSubscriber(SubscriberOptions options, async::Executor strand, net::DialContext dial,
                 base::RandomSource& random, std::shared_ptr<LogWindow> window, ChainEvents& events,
                 telemetry::Metrics* metrics = nullptr);
    ~WsSubscriber();
    WsSubscriber(const WsSubscriber&) = delete;
    WsSubscriber& operator=(const WsSubscriber&) = delete;

    /// None: no logs at all (not: all logs, which is the empty filter).
    void set_logs(std::optional<LogFilter> filter);
    void set_heads(bool wanted);
    /// A log of the filter was found on chain that never came: the subscriptions for logs are made
    /// anew, and the endpoint is left when that happens again and again.
    void renew_logs();

    /// Ends only when cancelled, or with `missing_endpoint` when nothing is configured.
    async::Task<base::Result<void>> run();

    SubscriberState state() const;

    /// Shared with the connection that is open; defined in the module.
    struct Impl;

private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::chain_evm
