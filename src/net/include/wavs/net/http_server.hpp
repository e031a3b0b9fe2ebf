// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"
#include "wavs/net/http_message.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace wavs::net {

/// What a server does with requests. Called on the strand of the connection, so calls for different
/// connections run at the same time; must outlive the server.
class HttpHandler {
public:
    virtual ~HttpHandler() = default;
    /// After the header, before the body. A response ends the request here: the body is not read
    /// and the connection closes if there is one. (401 does not wait for a large body.)
    virtual async::Task<std::optional<Response>> on_head(const RequestHead& head);
    /// When given for this request, body pieces go there as they arrive, `Request::body` stays
    /// empty. Asked after `on_head`.
    virtual BodySink body_sink(const RequestHead& head);
    /// May be above or below the server's own limit.
    virtual std::size_t body_limit(const RequestHead& head, std::size_t server_limit);
    virtual async::Task<Response> on_request(Request request) = 0;
};

struct HttpServerOptions {
    std::string host = "127.0.0.1";
    /// 0: any free one, see `HttpServer::port()`.
    std::uint16_t port = 0;
    std::size_t max_connections = 1024;
    std::uint32_t max_header_bytes = 16 * 1024;
    /// Exactly so many are allowed.
    std::size_t max_body_bytes = std::size_t{15} << 20;
    /// From the first byte of a request to the end of its header; also for a connection that sends
    /// nothing at all.
    base::Duration header_timeout = std::chrono::seconds(15);
    /// Between two pieces of a body, and for the peer to take a piece of the response.
    base::Duration io_timeout = std::chrono::seconds(30);
    /// Between two requests of one connection.
    base::Duration idle_timeout = std::chrono::seconds(75);
};

/// An HTTP/1.1 server without TLS. Owned by the composition root; destroying it drops every
/// connection. Methods are thread-safe.
class HttpServer {
public:
    /// Binds and listens; `io` is the executor the connections' strands are made on. A port in use
    /// is a Conflict, code `address_in_use`, which names the address and what to do.
    static base::Result<std::unique_ptr<HttpServer>> listen(async::Executor io,
                                                            async::Timers& timers,
                                                            HttpHandler& handler,
                                                            HttpServerOptions options);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::uint16_t port() const;
    /// "http://127.0.0.1:8000"
    std::string url() const;
    std::size_t connections() const;

    /// No new connections, idle ones close, requests under way may end until `deadline`; what is
    /// left then is cut. Returns the number of those.
    async::Task<std::size_t> stop(base::Duration deadline);

private:
    struct Impl;
    explicit HttpServer(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::net
