// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "asio_support.hpp"
#include "wavs/net/dial.hpp"
#include "wavs/net/url.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/role.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace wavs::net {

/// A TCP connection with or without TLS, as one type, so that HTTP and WebSocket code is compiled
/// once. Move-only; used by one coroutine at a time.
class AnyStream {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Tls = boost::asio::ssl::stream<Socket>;
    using executor_type = boost::asio::any_io_executor;

    explicit AnyStream(Socket socket) : tcp_(std::move(socket)) {}
    AnyStream(Socket socket, std::shared_ptr<boost::asio::ssl::context> context)
        : context_(std::move(context)), tls_(std::make_unique<Tls>(std::move(socket), *context_)) {}

    executor_type get_executor() { return socket().get_executor(); }
    Socket& socket() { return tls_ ? tls_->next_layer() : *tcp_; }
    /// Null without TLS.
    Tls* tls() { return tls_.get(); }
    void close() {
        boost::system::error_code ignored;
        socket().close(ignored);
    }

    template <typename Buffers, typename Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [](auto handler, AnyStream* self, const Buffers& to) {
                if (self->tls_) {
                    self->tls_->async_read_some(to, std::move(handler));
                } else {
                    self->tcp_->async_read_some(to, std::move(handler));
                }
            },
            token, this, buffers);
    }

    template <typename Buffers, typename Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
            [](auto handler, AnyStream* self, const Buffers& from) {
                if (self->tls_) {
                    self->tls_->async_write_some(from, std::move(handler));
                } else {
                    self->tcp_->async_write_some(from, std::move(handler));
                }
            },
            token, this, buffers);
    }

private:
    std::shared_ptr<boost::asio::ssl::context> context_;
    std::unique_ptr<Tls> tls_;
    std::optional<Socket> tcp_;
};

// What Beast's WebSocket asks of a transport, found by argument-dependent lookup. A TLS goodbye is
// not waited for: the WebSocket close has been exchanged by then.
inline void beast_close_socket(AnyStream& stream) { stream.close(); }
inline void teardown(boost::beast::role_type, AnyStream& stream, boost::system::error_code& error) {
    stream.close();
    error = {};
}
template <typename Handler>
void async_teardown(boost::beast::role_type, AnyStream& stream, Handler&& handler) {
    stream.close();
    boost::asio::post(stream.get_executor(), [h = std::forward<Handler>(handler)]() mutable {
        std::move(h)(boost::system::error_code());
    });
}

/// System authorities and those of `ca_file`; certificates and host names are always verified.
base::Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& ca_file);

/// Resolve, filter, connect and shake hands, all within `limit`. `tls` may be null for a URL that
/// needs none.
async::Task<base::Result<AnyStream>> open_stream(DialContext dial, Url url,
                                                 std::shared_ptr<boost::asio::ssl::context> tls,
                                                 base::Duration limit);

}  // namespace wavs::net
