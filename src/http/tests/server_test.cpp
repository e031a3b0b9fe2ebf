// SPDX-License-Identifier: Apache-2.0
#include "api_test.hpp"

#include "wavs/http/http_api.hpp"
#include "wavs/net/free_port.hpp"
#include "wavs/net/http_client.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace wavs::http {
namespace {

using boost::asio::ip::tcp;
using std::chrono::seconds;

constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);
constexpr std::size_t kLimit = 1000;

class NoResolver final : public net::Resolver {
public:
    async::Task<base::Result<std::vector<std::string>>> resolve(std::string host) override {
        co_return std::vector<std::string>{std::move(host)};
    }
};

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t out = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + 1)) {
        ++out;
    }
    return out;
}

/// The whole interface on a port of the loopback interface, and its clients, on one thread.
class ServerTest : public ::testing::Test {
protected:
    ServerTest() { start(std::nullopt); }
    ~ServerTest() override { stop(); }

    void start(std::optional<std::string_view> token) {
        HttpOptions options;
        options.port = 0;
        options.dev_endpoints = true;
        options.max_body_bytes = kLimit;
        if (token.has_value()) {
            options.bearer_token.emplace(BearerToken::make(*token).value());
        }
        const Environment environment{context_.get_executor(), timers_, clock_, metrics_};
        api_ = std::make_unique<HttpApi>(std::move(options), node_, environment);
        const auto started = api_->start();
        ASSERT_TRUE(started.has_value()) << started.error().full_text();
    }
    void stop() {
        if (api_) {
            async::testing::run(context_, stopped(api_.get()));
            api_.reset();
        }
    }
    static async::Task<bool> stopped(HttpApi* api) {
        co_await api->stop(seconds(2));
        co_return true;
    }

    net::ClientResponse ask(std::string method, const std::string& path, net::Headers headers,
                            std::string body) {
        net::ClientRequest request;
        request.method = std::move(method);
        request.url = api_->url() + path;
        request.headers = std::move(headers);
        request.body = std::move(body);
        return async::testing::run(context_, received(std::move(request)));
    }
    async::Task<net::ClientResponse> received(net::ClientRequest request) {
        auto response = co_await client_.send(std::move(request));
        EXPECT_TRUE(response.has_value());
        co_return response.has_value() ? std::move(response).value() : net::ClientResponse();
    }

    /// Sends `text` as it is and reads until the server closes or is silent for a moment.
    std::string raw(std::string text) {
        return async::testing::run(context_, exchange(std::move(text)));
    }
    async::Task<std::string> exchange(std::string text) {
        tcp::socket socket(context_);
        const tcp::endpoint to(boost::asio::ip::make_address("127.0.0.1"), api_->port());
        co_await socket.async_connect(to, kTuple);
        co_await boost::asio::async_write(socket, boost::asio::buffer(text), kTuple);
        std::string out;
        while (true) {
            auto piece = co_await async::with_timeout(timers_, std::chrono::milliseconds(300),
                                                      std::string("read"), read_some(socket));
            if (!piece.has_value()) {
                out += piece.error().kind() == base::ErrorKind::Timeout ? "" : "<closed>";
                co_return out;
            }
            out += piece.value();
        }
    }
    static async::Task<base::Result<std::string>> read_some(tcp::socket& socket) {
        std::string piece(4096, '\0');
        auto [error, size] = co_await socket.async_read_some(boost::asio::buffer(piece), kTuple);
        if (error) {
            co_return base::Error(base::ErrorKind::Unavailable, "closed", error.message());
        }
        piece.resize(size);
        co_return piece;
    }

    boost::asio::io_context context_;
    base::SystemClock clock_;
    async::SystemTimers timers_;
    telemetry::Metrics metrics_;
    NoResolver resolver_;
    net::HttpClient client_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    testing::FakeNode node_;
    std::unique_ptr<HttpApi> api_;
};

TEST_F(ServerTest, serves) {
    EXPECT_NE(api_->port(), 0);
    const auto info = ask("GET", "/info", {}, "");
    EXPECT_EQ(info.status, 200U);
    EXPECT_EQ(info.headers.find("content-type"), "application/json");
    EXPECT_NE(info.body.find(R"("message":"wavs)"), std::string::npos);
    const auto added = ask("POST", "/services", {{"Content-Type", "application/json"}},
                           R"({"service_manager":)" + std::string(kManager) + "}");
    EXPECT_EQ(added.status, 204U) << added.body;
    EXPECT_EQ(added.body, "");
    EXPECT_EQ(node_.added.size(), 1U);
}

TEST_F(ServerTest, a_body_of_exactly_the_limit_passes) {
    EXPECT_EQ(ask("POST", "/dev/components", {}, std::string(kLimit, 'x')).status, 200U);
    const auto large = ask("POST", "/dev/components", {}, std::string(kLimit + 1, 'x'));
    EXPECT_EQ(large.status, 413U);
    EXPECT_EQ(large.body, "Failed to buffer the request body: length limit exceeded");
    EXPECT_EQ(node_.uploads, (std::vector<std::size_t>{kLimit}));
    const std::string chunk = "\r\n" + std::string(501, 'x') + "\r\n";
    const auto chunked =
        raw("POST /dev/components HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
            "chunked\r\n\r\n1f5" +
            chunk + "1f5" + chunk + "0\r\n\r\n");
    EXPECT_TRUE(chunked.starts_with("HTTP/1.1 413 ")) << chunked;
    EXPECT_EQ(node_.uploads.size(), 1U);
}

TEST_F(ServerTest, a_bad_token_is_refused_without_the_body) {
    stop();
    start("tok");
    const std::string head =
        "POST /services HTTP/1.1\r\nHost: x\r\nContent-Type: "
        "application/json\r\nContent-Length: 16777216\r\n";
    const auto none = raw(head + "\r\n");
    EXPECT_TRUE(none.starts_with("HTTP/1.1 401 Unauthorized\r\n")) << none;
    EXPECT_NE(none.find(R"(www-authenticate: Bearer realm="wavs", error="invalid_request")"),
              std::string::npos);
    EXPECT_TRUE(raw(head + "Authorization: Bearer no\r\n\r\n").starts_with("HTTP/1.1 401 "));
    const auto right = raw(head + "Authorization: Bearer tok\r\n\r\n");
    EXPECT_TRUE(right.starts_with("HTTP/1.1 413 ")) << right;
}

TEST_F(ServerTest, pipelined_requests_are_answered_in_order) {
    const auto out =
        raw("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
            "DELETE /services HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            "Content-Length: 23\r\n\r\n{\"service_managers\":[]}"
            "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const std::size_t first = out.find("HTTP/1.1 200 ");
    const std::size_t second = out.find("HTTP/1.1 204 ");
    const std::size_t third = out.find("HTTP/1.1 404 ");
    EXPECT_TRUE(first == 0 && first < second && second < third && third != std::string::npos)
        << out;
}

TEST_F(ServerTest, head_has_the_length_but_no_body) {
    const auto out = raw("HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_TRUE(out.starts_with("HTTP/1.1 200 OK\r\n")) << out;
    EXPECT_NE(out.find("content-length: 2\r\n"), std::string::npos);
    EXPECT_TRUE(out.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, odd_requests) {
    const auto garbage = raw("hello\r\n\r\n");
    EXPECT_TRUE(garbage.starts_with("HTTP/1.1 400 ")) << garbage;
    EXPECT_NE(garbage.find("connection: close\r\n"), std::string::npos);
    EXPECT_NE(garbage.find("content-length: 0\r\n"), std::string::npos);
    EXPECT_TRUE(raw("GET /livez HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
    const auto old = raw("GET /livez HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(old.starts_with("HTTP/1.0 200 ")) << old;
    EXPECT_TRUE(old.ends_with("ok<closed>")) << old;
}

TEST_F(ServerTest, a_wrong_host_may_not_change_anything) {
    const std::string body = R"({"service_managers":[]})";
    const auto from = [&](const std::string& host) {
        return raw("DELETE /services HTTP/1.1\r\nHost: " + host +
                   "\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n" + body);
    };
    EXPECT_TRUE(from("localhost:1").starts_with("HTTP/1.1 204 "));
    EXPECT_TRUE(from("evil.example").starts_with("HTTP/1.1 403 "));
}

TEST_F(ServerTest, errors_do_not_end_the_connection) {
    const auto out =
        raw("GET /nope HTTP/1.1\r\nHost: x\r\n\r\nPUT /info HTTP/1.1\r\nHost: x\r\n\r\n"
            "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_EQ(count_of(out, "HTTP/1.1 "), 3U) << out;
    EXPECT_NE(out.find("allow: GET,HEAD\r\n"), std::string::npos);
}

TEST_F(ServerTest, the_port_is_logged_and_a_taken_one_is_an_error) {
    telemetry::testing::CapturedLog log;
    HttpOptions options;
    options.port = api_->port();
    const Environment environment{context_.get_executor(), timers_, clock_, metrics_};
    HttpApi second(std::move(options), node_, environment);
    const auto started = second.start();
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code().view(), "address_in_use");
    stop();
    start(std::nullopt);
    EXPECT_GT(log.count("listening"), 0U);
}

TEST_F(ServerTest, unprotected_options_refuse_the_start) {
    HttpOptions options;
    options.host = "0.0.0.0";
    options.port = 0;
    options.dev_endpoints = true;
    const Environment environment{context_.get_executor(), timers_, clock_, metrics_};
    HttpApi open(std::move(options), node_, environment);
    const auto started = open.start();
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code().view(), "http_unprotected");
    EXPECT_EQ(open.port(), 0);
}

}  // namespace
}  // namespace wavs::http
