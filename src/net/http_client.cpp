// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/http_client.hpp"

#include "any_stream.hpp"
#include "wavs/base/hex.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <sys/socket.h>

#include <array>
#include <list>
#include <map>
#include <mutex>

namespace wavs::net {

namespace http = boost::beast::http;

namespace {

constexpr std::uint32_t kMaxResponseHeader = 64 * 1024;
constexpr std::size_t kPieceBytes = 16 * 1024;

struct Connection {
    explicit Connection(AnyStream s) : stream(std::move(s)) {}
    AnyStream stream;
    boost::beast::flat_buffer buffer;
    base::SteadyTime idle_since;
    bool reused = false;

    // A kept connection on which anything has arrived was closed, or is out of step.
    bool quiet() {
        char byte = 0;
        const auto got = ::recv(stream.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
};
using ConnectionPtr = std::unique_ptr<Connection>;

struct Exchange {
    ClientResponse response;
    bool keep_alive = false;
    /// Nothing of a response arrived.
    bool stale = false;
};

using WireRequest = http::request<http::string_body>;

WireRequest to_wire(const ClientRequest& request, const Url& url, const std::string& agent) {
    WireRequest out;
    out.version(11);
    out.method_string(request.method);
    out.target(url.target);
    out.set(http::field::host, url.host_header());
    out.set(http::field::user_agent, agent);
    if (!url.userinfo.empty()) {
        out.set(http::field::authorization, "Basic " + base::base64(base::as_bytes(url.userinfo)));
    }
    for (const auto& [name, value] : request.headers.all()) {
        out.set(name, value);
    }
    out.body() = request.body;
    if (!request.body.empty() || request.method == "POST" || request.method == "PUT") {
        out.content_length(request.body.size());
    }
    return out;
}

bool is_redirect(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// A header value from the caller must not be able to start another header.
bool safe_field(std::string_view text) {
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

base::Result<void> check_request(const ClientRequest& request) {
    bool good = safe_field(request.method) && !request.method.empty();
    for (const auto& [name, value] : request.headers.all()) {
        good = good && !name.empty() && safe_field(name) && safe_field(value);
    }
    if (!good) {
        return base::Error(base::ErrorKind::Invalid, "http_request_invalid",
                           "a request has a line break in its method or a header");
    }
    return base::ok();
}

base::Error too_large(const Url& url, std::size_t limit) {
    return {base::ErrorKind::TooLarge, "response_too_large",
            fmt::format("{}: response is larger than {} bytes", url.redacted(), limit)};
}

}  // namespace

struct HttpClient::Impl : std::enable_shared_from_this<HttpClient::Impl> {
    Impl(DialContext context, Options client_options)
        : dial(std::move(context)), options(std::move(client_options)) {}

    DialContext dial;
    Options options;
    mutable std::mutex mutex;
    std::shared_ptr<boost::asio::ssl::context> tls;
    std::map<std::string, std::list<ConnectionPtr>> idle;
    std::size_t idle_count = 0;

    base::Result<std::shared_ptr<boost::asio::ssl::context>> tls_for(const Url& url) {
        const std::lock_guard lock(mutex);
        if (url.secure() && tls == nullptr) {
            WAVS_TRY(tls, make_tls_context(dial.ca_file));
        }
        return tls;
    }

    ConnectionPtr take_idle(const std::string& origin) {
        const std::lock_guard lock(mutex);
        drop_expired();
        auto found = idle.find(origin);
        while (found != idle.end() && !found->second.empty()) {
            auto connection = std::move(found->second.back());
            found->second.pop_back();
            --idle_count;
            if (connection->quiet()) {
                connection->reused = true;
                return connection;
            }
        }
        return nullptr;
    }

    void give_back(const std::string& origin, ConnectionPtr connection) {
        const std::lock_guard lock(mutex);
        drop_expired();
        auto& list = idle[origin];
        if (list.size() >= options.max_idle_per_origin || idle_count >= options.max_idle) {
            return;
        }
        connection->idle_since = dial.clock.steady_now();
        list.push_back(std::move(connection));
        ++idle_count;
    }

    void drop_expired() {
        const auto limit = dial.clock.steady_now() - options.idle_timeout;
        for (auto it = idle.begin(); it != idle.end();) {
            idle_count -= it->second.remove_if(
                [limit](const ConnectionPtr& c) { return c->idle_since < limit; });
            it = it->second.empty() ? idle.erase(it) : std::next(it);
        }
    }

    async::Task<base::Result<ConnectionPtr>> open(Url url, base::Duration limit) {
        WAVS_CO_TRY(auto context, tls_for(url));
        WAVS_CO_TRY(auto stream, co_await open_stream(dial, url, std::move(context), limit));
        co_return std::make_unique<Connection>(std::move(stream));
    }

    async::Task<base::Result<ClientResponse>> follow(ClientRequest request);
    async::Task<base::Result<ClientResponse>> once(const ClientRequest& request, const Url& url);
    async::Task<base::Result<Exchange>> exchange(Connection& connection,
                                                 const ClientRequest& request, const Url& url);
    template <typename Parser>
    async::Task<base::Result<void>> read_body(Connection& connection, Parser& parser,
                                              const ClientRequest& request, const Url& url,
                                              ClientResponse& response);
};

template <typename Parser>
async::Task<base::Result<void>> HttpClient::Impl::read_body(Connection& connection, Parser& parser,
                                                            const ClientRequest& request,
                                                            const Url& url,
                                                            ClientResponse& response) {
    if (const auto length = parser.content_length(); length > request.max_response_bytes) {
        co_return too_large(url, request.max_response_bytes);
    }
    const bool to_sink = request.sink && response.status >= 200 && response.status < 300;
    std::vector<char> piece(kPieceBytes);
    std::size_t total = 0;
    while (!parser.is_done()) {
        auto& body = parser.get().body();
        body.data = piece.data();
        body.size = piece.size();
        auto [error, read] =
            co_await http::async_read_some(connection.stream, connection.buffer, parser, kTuple);
        if (error && error != http::error::need_buffer) {
            co_return io_error("http_failed", url.redacted() + ": response body broke off", error);
        }
        const std::string_view got(piece.data(), piece.size() - parser.get().body().size);
        total += got.size();
        if (total > request.max_response_bytes) {
            co_return too_large(url, request.max_response_bytes);
        }
        if (to_sink) {
            WAVS_CO_TRY(request.sink(base::as_bytes(got)));
        } else {
            response.body.append(got);
        }
    }
    co_return base::ok();
}

async::Task<base::Result<Exchange>> HttpClient::Impl::exchange(Connection& connection,
                                                               const ClientRequest& request,
                                                               const Url& url) {
    Exchange out;
    auto wire = to_wire(request, url, options.user_agent);
    if (auto [error, n] = co_await http::async_write(connection.stream, wire, kTuple); error) {
        out.stale = connection.reused;
        if (out.stale) {
            co_return std::move(out);
        }
        co_return io_error("http_failed", url.redacted() + ": cannot send the request", error);
    }
    http::response_parser<http::buffer_body> parser;
    parser.header_limit(kMaxResponseHeader);
    parser.body_limit(boost::none);
    parser.skip(request.method == "HEAD");
    {
        auto [error, n] =
            co_await http::async_read_header(connection.stream, connection.buffer, parser, kTuple);
        if (error) {
            out.stale = connection.reused && !parser.got_some();
            if (out.stale) {
                co_return std::move(out);
            }
            co_return io_error("http_failed", url.redacted() + ": no valid HTTP response", error);
        }
    }
    out.response.status = parser.get().result_int();
    for (const auto& field : parser.get()) {
        out.response.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    out.response.url = url;
    WAVS_CO_TRY(co_await read_body(connection, parser, request, url, out.response));
    out.keep_alive = parser.get().keep_alive() && !parser.get().need_eof();
    co_return std::move(out);
}

async::Task<base::Result<ClientResponse>> HttpClient::Impl::once(const ClientRequest& request,
                                                                 const Url& url) {
    const auto origin = url.redacted();
    const bool may_repeat =
        request.idempotent || request.method == "GET" || request.method == "HEAD";
    auto connection = may_repeat ? take_idle(origin) : nullptr;
    while (true) {
        if (connection == nullptr) {
            WAVS_CO_TRY(connection, co_await open(url, request.connect_timeout));
        }
        WAVS_CO_TRY(auto result, co_await exchange(*connection, request, url));
        if (!result.stale) {
            if (result.keep_alive) {
                give_back(origin, std::move(connection));
            }
            co_return std::move(result.response);
        }
        connection = nullptr;
    }
}

async::Task<base::Result<ClientResponse>> HttpClient::Impl::follow(ClientRequest request) {
    WAVS_CO_TRY(auto url, Url::parse(request.url));
    if (url.is_websocket()) {
        co_return base::Error(base::ErrorKind::Invalid, "url_scheme",
                              url.redacted() + ": not an HTTP address", "use http or https");
    }
    for (unsigned hops = 0;; ++hops) {
        WAVS_CO_TRY(auto response, co_await once(request, url));
        const auto location = response.headers.find("location");
        if (request.max_redirects == 0 || !is_redirect(response.status) || !location) {
            co_return std::move(response);
        }
        if (hops == request.max_redirects) {
            co_return base::Error(
                base::ErrorKind::Unavailable, "redirect_failed",
                fmt::format("{}: more than {} redirects", url.redacted(), request.max_redirects));
        }
        WAVS_CO_TRY(auto next, url.resolve(*location));
        if (next.is_websocket()) {
            co_return base::Error(base::ErrorKind::Unavailable, "redirect_failed",
                                  url.redacted() + ": redirects to something that is not HTTP");
        }
        if (next.redacted() != url.redacted()) {
            request.headers.remove("authorization");
            request.headers.remove("cookie");
        }
        const bool to_get =
            response.status == 303 ||
            ((response.status == 301 || response.status == 302) && request.method == "POST");
        if (to_get && request.method != "HEAD") {
            request.method = "GET";
            request.body.clear();
            request.headers.remove("content-type");
        }
        url = std::move(next);
    }
}

HttpClient::HttpClient(DialContext dial, Options options)
    : impl_(std::make_shared<Impl>(std::move(dial), std::move(options))) {}
HttpClient::~HttpClient() = default;

async::Task<base::Result<ClientResponse>> HttpClient::send(ClientRequest request) {
    auto impl = impl_;
    WAVS_CO_TRY(check_request(request));
    const auto limit = request.total_timeout;
    auto parsed = Url::parse(request.url);
    auto what = parsed.has_value() ? parsed.value().redacted() : std::string("HTTP request");
    auto work = impl->follow(std::move(request));
    co_return co_await async::with_timeout(impl->dial.timers, limit, std::move(what),
                                           std::move(work));
}

async::Task<base::Result<ClientResponse>> HttpClient::get(std::string url) {
    ClientRequest request;
    request.url = std::move(url);
    co_return co_await send(std::move(request));
}

async::Task<base::Result<ClientResponse>> HttpClient::post_json(std::string url, std::string body) {
    ClientRequest request;
    request.method = "POST";
    request.url = std::move(url);
    request.headers.add("content-type", "application/json");
    request.body = std::move(body);
    co_return co_await send(std::move(request));
}

std::size_t HttpClient::idle_connections() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->idle_count;
}

}  // namespace wavs::net
