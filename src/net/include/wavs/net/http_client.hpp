// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/net/dial.hpp"
#include "wavs/net/http_message.hpp"
#include "wavs/net/url.hpp"

#include <chrono>
#include <memory>
#include <string>

namespace wavs::net {

struct ClientRequest {
    std::string method = "GET";
    std::string url;
    Headers headers;
    std::string body;
    base::Duration connect_timeout = std::chrono::seconds(10);
    /// From the first byte to the last, redirects included.
    base::Duration total_timeout = std::chrono::seconds(60);
    std::size_t max_response_bytes = std::size_t{16} << 20;
    /// 0: a redirect is returned as it is.
    unsigned max_redirects = 0;
    /// When set, the body of a 2xx response goes here and `ClientResponse::body` stays empty.
    BodySink sink;
    /// Sending it twice does no harm, so a kept-alive connection that the server closed meanwhile
    /// is replaced silently. GET and HEAD always are.
    bool idempotent = false;
};

struct ClientResponse {
    unsigned status = 0;
    Headers headers;
    std::string body;
    /// After redirects.
    Url url;
};

/// The node's HTTP/1.1 client: TLS with certificate and host checks, kept-alive connections, limits
/// while the body streams. Thread-safe; each request runs on its caller's executor, which must be a
/// strand or single-threaded. Owned by the composition root; must outlive its requests.
/// Error codes: `url_*`, `dns_failed`, `address_*`, `connect_failed`, `tls_failed`, `http_failed`,
/// `response_too_large`, `redirect_failed`, `timeout`. Texts name scheme, host and port only.
class HttpClient {
public:
    struct Options {
        std::size_t max_idle_per_origin = 32;
        std::size_t max_idle = 64;
        base::Duration idle_timeout = std::chrono::seconds(30);
        std::string user_agent = "wavs";
    };
    HttpClient(DialContext dial, Options options);
    explicit HttpClient(DialContext dial) : HttpClient(std::move(dial), Options()) {}
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    /// Any status is a value; only a request that got no complete response is an error.
    async::Task<base::Result<ClientResponse>> send(ClientRequest request);
    async::Task<base::Result<ClientResponse>> get(std::string url);
    async::Task<base::Result<ClientResponse>> post_json(std::string url, std::string body);

    /// Connections kept for later use.
    std::size_t idle_connections() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::net
