// SPDX-License-Identifier: Apache-2.0
#include "ws_link.hpp"

#include "wavs/chain_evm/numbers.hpp"
#include "wavs/types/json.hpp"

#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <utility>

namespace wavs::chain_evm::testing {
namespace {

namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

boost::asio::ip::tcp::endpoint loopback(std::uint16_t port) {
    return {boost::asio::ip::address_v4::loopback(), port};
}

std::string text_of(const boost::beast::flat_buffer& buffer) {
    return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

// Of a text message from a server in one frame.
std::string frame_header(std::size_t size) {
    constexpr std::size_t kOneByte = 126;
    constexpr std::size_t kTwoBytes = 1 << 16;
    std::string out{'\x81'};
    const int bytes = size < kOneByte ? 0 : size < kTwoBytes ? 2 : 8;
    out += static_cast<char>(bytes == 0 ? size : bytes == 2 ? 126 : 127);
    for (int i = bytes - 1; i >= 0; --i) {
        out += static_cast<char>((size >> (8 * i)) & 0xff);
    }
    return out;
}

}  // namespace

async::Task<std::optional<HttpResponse>> ask(std::uint16_t port, std::string body) {
    boost::asio::ip::tcp::socket socket(co_await boost::asio::this_coro::executor);
    if (const auto [error] = co_await socket.async_connect(loopback(port), kTuple); error) {
        co_return std::nullopt;
    }
    HttpRequest request(http::verb::post, "/", 11);
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::content_type, "application/json");
    request.keep_alive(false);
    request.body() = std::move(body);
    request.prepare_payload();
    if (const auto [error, n] = co_await http::async_write(socket, request, kTuple); error) {
        co_return std::nullopt;
    }
    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    if (const auto [error, n] = co_await http::async_read(socket, buffer, parser, kTuple); error) {
        co_return std::nullopt;
    }
    co_return parser.release();
}

async::Task<std::uint64_t> ask_head(std::uint16_t port) {
    const auto answer =
        co_await ask(port, R"({"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]})");
    if (!answer) {
        co_return 0;
    }
    const auto document = types::json::Document::parse(std::string_view(answer->body()));
    const auto result = document.has_value() ? document.value().root().find("result")
                                             : std::optional<types::json::Value>();
    const auto head =
        result ? parse_quantity(result->text()) : base::Result<std::uint64_t>(std::uint64_t{0});
    co_return head.has_value() ? head.value() : 0;
}

void Outbox::add(std::string text, std::chrono::milliseconds delay) {
    items_.push_back({Clock::now() + delay, std::move(text)});
    wake_.cancel();
}

void Outbox::close() {
    closed_ = true;
    wake_.cancel();
}

async::Task<void> Outbox::send_all() {
    while (!closed_) {
        const auto due = items_.empty() ? Clock::time_point::max() : items_.front().due;
        if (due > Clock::now()) {
            wake_.expires_at(due);
            co_await wake_.async_wait(kTuple);
            continue;
        }
        auto text = std::move(items_.front().text);
        items_.pop_front();
        if (!co_await write_(std::move(text))) {
            co_return;
        }
    }
}

WsLink::WsLink(ByteRelay::Inner client, RpcFaults& endpoint, std::uint16_t target_port)
    : client_(std::move(client)),
      node_(client_.get_executor()),
      endpoint_(endpoint),
      subscriptions_(endpoint),
      target_port_(target_port),
      client_outbox_(client_.get_executor(),
                     [this](std::string text) { return write_client(std::move(text)); }),
      node_outbox_(client_.get_executor(),
                   [this](std::string text) { return write_node(std::move(text)); }) {
    client_.read_message_max(0);
    node_.read_message_max(0);
    client_.text(true);
    node_.text(true);
}

async::Task<bool> WsLink::connect(HttpRequest upgrade) {
    if (const auto [error] =
            co_await node_.next_layer().async_connect(loopback(target_port_), kTuple);
        error) {
        co_return false;
    }
    if (const auto [error] = co_await node_.async_handshake("127.0.0.1", "/", kTuple); error) {
        co_return false;
    }
    const auto [error] = co_await client_.async_accept(upgrade, kTuple);
    co_return !error;
}

async::Task<void> WsLink::run(std::shared_ptr<WsLink> self, HttpRequest upgrade,
                              async::TaskGroup& group) {
    if (!co_await self->connect(std::move(upgrade))) {
        self->close();
        co_return;
    }
    group.spawn("read node", read_node(self));
    group.spawn("write node", write_all(self, self->node_outbox_));
    group.spawn("write client", write_all(self, self->client_outbox_));
    co_await read_client(self);
}

async::Task<void> WsLink::read_client(std::shared_ptr<WsLink> self) {
    while (true) {
        boost::beast::flat_buffer buffer;
        const auto [error, n] = co_await self->client_.async_read(buffer, kTuple);
        if (error) {
            break;
        }
        const auto text = text_of(buffer);
        std::uint64_t head = 0;
        if (self->endpoint_.faults.lag > 0) {
            head = co_await ask_head(self->target_port_);
        }
        auto verdict = self->endpoint_.on_request(text, head);
        if (verdict.kind == Verdict::Kind::Forward) {
            self->subscriptions_.on_request(text);
            self->to_node(std::move(verdict.text));
        } else {
            self->to_client(std::move(verdict.text));
        }
    }
    self->close();
}

async::Task<void> WsLink::read_node(std::shared_ptr<WsLink> self) {
    while (true) {
        boost::beast::flat_buffer buffer;
        const auto [error, n] = co_await self->node_.async_read(buffer, kTuple);
        if (error) {
            break;
        }
        for (auto& text : self->subscriptions_.on_message(text_of(buffer))) {
            self->to_client(std::move(text));
        }
    }
    self->close();
}

async::Task<void> WsLink::write_all(std::shared_ptr<WsLink> self, Outbox& outbox) {
    co_await outbox.send_all();
    self->close();
}

std::chrono::milliseconds WsLink::delay() {
    const auto delay = endpoint_.faults.delay;
    endpoint_.counts.delayed += delay.count() > 0 ? 1 : 0;
    return delay;
}

void WsLink::to_client(std::string text) { client_outbox_.add(std::move(text), delay()); }
void WsLink::to_node(std::string text) { node_outbox_.add(std::move(text), delay()); }

async::Task<bool> WsLink::write_client(std::string text) {
    if (endpoint_.take_truncation()) {
        co_await write_half(std::move(text));
        co_return false;
    }
    const auto [error, n] = co_await client_.async_write(boost::asio::buffer(text), kTuple);
    co_return !error;
}

async::Task<bool> WsLink::write_node(std::string text) {
    const auto [error, n] = co_await node_.async_write(boost::asio::buffer(text), kTuple);
    co_return !error;
}

async::Task<void> WsLink::write_half(std::string text) {
    const auto piece = frame_header(text.size()) + text.substr(0, text.size() / 2);
    co_await boost::asio::async_write(client_.next_layer(), boost::asio::buffer(piece), kTuple);
}

void WsLink::on_faults_changed() {
    for (auto& text : subscriptions_.release()) {
        to_client(std::move(text));
    }
}

void WsLink::close() {
    boost::system::error_code ignored;
    client_.next_layer().close(ignored);
    node_.next_layer().close(ignored);
    client_outbox_.close();
    node_outbox_.close();
}

}  // namespace wavs::chain_evm::testing
