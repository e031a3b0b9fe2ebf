// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "asio_support.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/net/http_server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <memory>

namespace wavs::net {

/// One connection of an `HttpServer`, on its own strand. The owner keeps it alive while `serve()`
/// runs.
class HttpConnection {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;

    HttpConnection(Socket socket, async::Timers& timers, HttpHandler& handler,
                   const HttpServerOptions& options)
        : socket_(std::move(socket)), timers_(timers), handler_(handler), options_(options) {}

    /// Requests one after the other, until one side closes.
    async::Task<void> serve();
    /// From the connection's strand: no further request. An idle connection closes at once.
    void finish();
    void cut();

private:
    enum class After { KeepOpen, Close };
    struct Body {
        std::string text;
        bool too_large = false;
        std::optional<base::Error> sink_error;
    };

    async::Task<bool> next_request(bool first);
    async::Task<base::Result<void>> wait_readable();
    async::Task<base::Result<void>> read_header(Parser& parser);
    async::Task<After> handle(Parser& parser);
    async::Task<base::Result<Body>> read_body(Parser& parser, const RequestHead& head);
    async::Task<base::Result<void>> read_piece(Parser& parser);
    async::Task<base::Result<void>> send_continue();
    async::Task<bool> respond(const RequestHead& head, unsigned version, Response response,
                              After after);
    async::Task<bool> send_bytes(std::string bytes);
    async::Task<base::Result<std::size_t>> write_some(const char* data, std::size_t size);
    async::Task<bool> send_produced(std::shared_ptr<BodyProducer> producer, bool chunked);
    async::Task<void> reject(const boost::system::error_code& error);
    /// Lets the peer read our last words before the connection is reset under it.
    async::Task<void> linger();
    async::Task<base::Result<void>> discard();
    RequestHead head_of(const Parser& parser) const;
    async::Task<Response> ask_handler(Request request);

    Socket socket_;
    async::Timers& timers_;
    HttpHandler& handler_;
    const HttpServerOptions& options_;
    boost::beast::flat_buffer buffer_;
    bool busy_ = false;
    bool finishing_ = false;
    boost::system::error_code parse_error_;
};

}  // namespace wavs::net
