// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"
#include "wavs/types/json.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <deque>
#include <functional>
#include <list>
#include <string>
#include <vector>

namespace wavs::chain_evm::testing {

/// A chain node's WebSocket side, driven by the test: what it got, and what it says.
class FakeWsNode {
public:
    struct Request {
        std::uint64_t id = 0;
        std::string method;
        std::string params;
    };
    /// Whole messages to send in answer; `{}` sends nothing.
    using Script = std::function<std::vector<std::string>(const Request&)>;

    explicit FakeWsNode(boost::asio::io_context& context)
        : context_(context),
          acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}),
          group_(context.get_executor(), "fake node") {
        group_.spawn("accept", accept());
    }
    std::string url() const {
        return fmt::format("ws://127.0.0.1:{}", acceptor_.local_endpoint().port());
    }
    /// The usual answers: chain 31337, subscription ids "0x1", "0x2", ...
    std::vector<std::string> usual(const Request& request) {
        std::string result = "true";
        if (request.method == "eth_chainId") {
            result = "\"0x7a69\"";
        } else if (request.method == "eth_subscribe") {
            result = fmt::format("\"0x{}\"", ++subscriptions_);
        } else if (request.method == "eth_blockNumber" || request.method == "eth_gasPrice") {
            result = "\"0x1\"";
        } else if (request.method == "eth_syncing") {
            result = "false";
        }
        return {reply(request, result)};
    }
    static std::string reply(const Request& request, std::string_view result) {
        return fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", request.id, result);
    }
    static std::string event(std::string_view id, std::string_view result) {
        return fmt::format(
            R"({{"jsonrpc":"2.0","method":"eth_subscription","params":{{"subscription":"{}","result":{}}}}})",
            id, result);
    }
    void say(std::string message) {
        outbox_.push_back(std::move(message));
        group_.spawn("say", flush());
    }
    void drop() {
        for (auto& peer : peers_) {
            boost::system::error_code ignored;
            peer.next_layer().close(ignored);
        }
    }
    std::size_t count(std::string_view method) const {
        std::size_t n = 0;
        for (const auto& request : requests) {
            n += request.method == method ? 1 : 0;
        }
        return n;
    }

    Script script;
    std::vector<Request> requests;
    std::size_t connections = 0;

private:
    using Peer = boost::beast::websocket::stream<boost::asio::ip::tcp::socket>;
    static constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

    async::Task<void> accept() {
        while (true) {
            auto& peer = peers_.emplace_back(context_.get_executor());
            auto [error] = co_await acceptor_.async_accept(peer.next_layer(), kTuple);
            if (error) {
                co_return;
            }
            group_.spawn("peer", serve(peer));
        }
    }
    async::Task<void> serve(Peer& peer) {
        auto [refused] = co_await peer.async_accept(kTuple);
        if (refused) {
            co_return;
        }
        ++connections;
        peer.text(true);
        while (true) {
            boost::beast::flat_buffer buffer;
            auto [error, n] = co_await peer.async_read(buffer, kTuple);
            if (error) {
                co_return;
            }
            const std::string text(static_cast<const char*>(buffer.cdata().data()), n);
            const auto document = types::json::Document::parse(std::string_view(text)).value();
            const auto root = document.root();
            Request request;
            request.id = std::stoull(std::string(root.find("id")->text()));
            request.method = std::string(root.find("method")->text());
            request.params = std::string(root.find("params")->source());
            requests.push_back(request);
            last_ = &peer;
            for (auto& answer : script ? script(request) : usual(request)) {
                outbox_.push_back(std::move(answer));
            }
            co_await flush();
        }
    }
    async::Task<void> flush() {
        while (!outbox_.empty() && !writing_) {
            writing_ = true;
            const auto message = std::move(outbox_.front());
            outbox_.pop_front();
            auto [error, n] = co_await last_->async_write(boost::asio::buffer(message), kTuple);
            writing_ = false;
            if (error) {
                co_return;
            }
        }
    }

    boost::asio::io_context& context_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::list<Peer> peers_;
    Peer* last_ = nullptr;
    std::deque<std::string> outbox_;
    bool writing_ = false;
    unsigned subscriptions_ = 0;
    async::TaskGroup group_;
};

}  // namespace wavs::chain_evm::testing
