// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "byte_relay.hpp"
#include "rpc_faults.hpp"
#include "wavs/async/task_group.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace wavs::chain_evm::testing {

using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

/// The node's answer to a POST, or none when it did not answer.
async::Task<std::optional<HttpResponse>> ask(std::uint16_t port, std::string body);
/// Its newest block; 0 when it did not answer.
async::Task<std::uint64_t> ask_head(std::uint16_t port);

/// Messages on their way in one direction, each sent when its time has come, in their order.
class Outbox {
public:
    /// False when the connection has ended.
    using Write = std::function<async::Task<bool>(std::string)>;

    Outbox(boost::asio::any_io_executor executor, Write write)
        : wake_(std::move(executor)), write_(std::move(write)) {}
    void add(std::string text, std::chrono::milliseconds delay);
    /// Until a write fails or it is closed.
    async::Task<void> send_all();
    void close();

private:
    struct Item {
        std::chrono::steady_clock::time_point due;
        std::string text;
    };
    boost::asio::steady_timer wake_;
    Write write_;
    std::deque<Item> items_;
    bool closed_ = false;
};

/// One WebSocket of a client and the one to the node behind it. Both end together.
class WsLink : public std::enable_shared_from_this<WsLink> {
public:
    WsLink(ByteRelay::Inner client, RpcFaults& endpoint, std::uint16_t target_port);

    /// Answers the upgrade when the node is there, then carries messages until either side ends.
    static async::Task<void> run(std::shared_ptr<WsLink> self, HttpRequest upgrade,
                                 async::TaskGroup& group);
    void swallow(Notifications kind) { subscriptions_.swallow(kind); }
    /// The faults of the endpoint are others now.
    void on_faults_changed();

private:
    async::Task<bool> connect(HttpRequest upgrade);
    static async::Task<void> read_client(std::shared_ptr<WsLink> self);
    static async::Task<void> read_node(std::shared_ptr<WsLink> self);
    static async::Task<void> write_all(std::shared_ptr<WsLink> self, Outbox& outbox);
    async::Task<bool> write_client(std::string text);
    async::Task<bool> write_node(std::string text);
    async::Task<void> write_half(std::string text);
    void to_client(std::string text);
    void to_node(std::string text);
    std::chrono::milliseconds delay();
    void close();

    boost::beast::websocket::stream<ByteRelay::Inner> client_;
    boost::beast::websocket::stream<boost::asio::ip::tcp::socket> node_;
    RpcFaults& endpoint_;
    SubscriptionFaults subscriptions_;
    std::uint16_t target_port_;
    Outbox client_outbox_;
    Outbox node_outbox_;
};

}  // namespace wavs::chain_evm::testing
