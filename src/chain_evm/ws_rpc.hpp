// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpc_json.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/net/ws_client.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace wavs::chain_evm {

/// `params` of an `eth_subscription` message.
struct Notification {
    std::string subscription;
    /// JSON text of `result`.
    std::string result;
    /// Of a subscription that the node ended.
    std::optional<std::string> error;
};

/// JSON-RPC over one WebSocket: calls with their replies in any order, and notifications. Lives on
/// the strand it was connected on.
class WsRpc : public std::enable_shared_from_this<WsRpc> {
public:
    static async::Task<base::Result<std::shared_ptr<WsRpc>>> connect(net::DialContext dial,
                                                                     net::WsRequest request);
    ~WsRpc();
    WsRpc(const WsRpc&) = delete;
    WsRpc& operator=(const WsRpc&) = delete;

    /// Waits for the reply at most `limit`, not counting the time in which the reader is held up by
    /// a full consumer.
    async::Task<base::Result<RpcReply>> call(std::string method, std::string params,
                                             base::Duration limit);

    /// The same for one method several times, in one message; the node gets them in this order.
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(std::string method,
                                                                   std::vector<std::string> params,
                                                                   base::Duration limit);

    /// Reads one message: completes the call it answers, or returns it when it is a notification.
    /// Anything else is logged and skipped.
    async::Task<base::Result<std::optional<Notification>>> read_one();
    /// Reads until the connection ends, dropping notifications: for links that only make calls.
    void start();

    /// What came in answer to each `eth_subscribe` whose call had given up waiting, once: the node
    /// has made the subscription all the same.
    std::vector<RpcReply> take_late_subscribes() { return std::exchange(late_subscribes_, {}); }

    bool closed() const { return closed_; }
    std::size_t in_flight() const { return pending_.size(); }
    void abort();
    const std::string& endpoint() const { return endpoint_; }
    /// Set while the reader waits for room at its consumer.
    bool held_up = false;

private:
    WsRpc(std::unique_ptr<net::WsClient> socket, async::Timers& timers, std::string endpoint,
          const async::Executor& executor);
    static async::Task<void> read_all(std::weak_ptr<WsRpc> self);
    async::Task<base::Result<RpcReply>> wait_reply(async::OneShot<base::Result<RpcReply>> slot,
                                                   std::string method, base::Duration limit);
    std::optional<Notification> dispatch(const json::Value& message);
    void fail_all();

    std::shared_ptr<net::WsClient> socket_;
    async::Timers& timers_;
    std::string endpoint_;
    async::Executor executor_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, async::OneShot<base::Result<RpcReply>>> pending_;
    /// Requests for subscriptions that nobody waits for any more.
    std::set<std::uint64_t> given_up_;
    std::vector<RpcReply> late_subscribes_;
    bool closed_ = false;
    async::TaskGroup tasks_;
};

}  // namespace wavs::chain_evm
