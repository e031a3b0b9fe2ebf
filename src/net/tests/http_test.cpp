// SPDX-License-Identifier: Apache-2.0
#include "net_fixture.hpp"

namespace wavs::net {
namespace {

using std::chrono::seconds;
using testing::NetTest;
using testing::RawPeer;

class HttpTest : public NetTest {
protected:
    // What a raw peer gets for `text`, read to the end of the connection.
    std::string talk(std::string_view text) {
        RawPeer peer(server_->port());
        peer.send(text);
        run_until([&peer] { return peer.drain(); });
        return peer.got;
    }
};

TEST_F(HttpTest, answers_and_keeps_the_connection) {
    start();
    HttpClient client(dial());
    for (int i = 0; i < 3; ++i) {
        ClientRequest request;
        request.method = i == 0 ? "GET" : "POST";
        request.idempotent = true;
        request.url = server_->url() + "/x?y=1";
        request.body = i == 0 ? "" : "body";
        const auto response = run(client.send(request));
        ASSERT_TRUE(response.has_value()) << response.error().full_text();
        EXPECT_EQ(response.value().status, 200U);
        EXPECT_EQ(response.value().body, i == 0 ? "GET /x?y=1 " : "POST /x?y=1 body");
    }
    EXPECT_EQ(server_->connections(), 1U);
    EXPECT_EQ(client.idle_connections(), 1U);
    EXPECT_EQ(handler_.heads[0].peer, "127.0.0.1");
    EXPECT_TRUE(handler_.heads[0].peer_is_loopback);
}

TEST_F(HttpTest, replaces_a_kept_connection_that_the_server_closed) {
    start();
    HttpClient client(dial());
    ASSERT_TRUE(run(client.get(server_->url())).has_value());
    EXPECT_EQ(run(server_->stop(seconds(5))), 0U);
    HttpServerOptions same;
    same.port = server_->port();
    server_.reset();
    start(same);
    const auto again = run(client.get(server_->url()));
    ASSERT_TRUE(again.has_value()) << again.error().full_text();
    EXPECT_EQ(client.idle_connections(), 1U);
}

TEST_F(HttpTest, idle_connections_are_bounded_and_expire) {
    start();
    HttpClient::Options options;
    options.max_idle_per_origin = 1;
    HttpClient client(dial(), options);
    std::vector<bool> done;
    async::TaskGroup group(context_.get_executor(), "test");
    struct Get {
        static async::Task<void> once(HttpClient& client, std::string url,
                                      std::vector<bool>& done) {
            done.push_back((co_await client.get(std::move(url))).has_value());
        }
    };
    for (int i = 0; i < 3; ++i) {
        group.spawn("get", Get::once(client, server_->url(), done));
    }
    run_until([&done] { return done.size() == 3; });
    EXPECT_EQ(done, std::vector<bool>(3, true));
    EXPECT_EQ(client.idle_connections(), 1U);
    clock_.advance(seconds(31));
    ASSERT_TRUE(run(client.get(server_->url())).has_value());
    EXPECT_EQ(client.idle_connections(), 1U);
}

TEST_F(HttpTest, body_limit_is_exact_and_marks_what_is_above) {
    HttpServerOptions options;
    options.max_body_bytes = 10;
    start(options);
    EXPECT_NE(talk("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 10\r\n\r\n0123456789")
                  .find("200 OK"),
              std::string::npos);
    EXPECT_NE(talk("POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n0123456789a").find("413"),
              std::string::npos);
    EXPECT_TRUE(handler_.requests.back().body_too_large);
    EXPECT_EQ(handler_.requests.back().body, "");
    // Chunked: known only while it arrives.
    EXPECT_NE(talk("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "6\r\n012345\r\n6\r\n678901\r\n0\r\n\r\n")
                  .find("413"),
              std::string::npos);
    EXPECT_NE(talk("POST / HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "6\r\n012345\r\n4\r\n6789\r\n0\r\n\r\n")
                  .find("POST / 0123456789"),
              std::string::npos);
}

TEST_F(HttpTest, an_early_answer_does_not_wait_for_the_body) {
    start();
    handler_.early = [](const RequestHead& head) -> std::optional<Response> {
        return head.headers.find("authorization") ? std::nullopt
                                                  : std::optional(Response::text(401, "no"));
    };
    RawPeer peer(server_->port());
    peer.send("POST /s HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    run_until([&peer] { return peer.drain(); });
    EXPECT_NE(peer.got.find("401 Unauthorized"), std::string::npos);
    EXPECT_NE(peer.got.find("connection: close"), std::string::npos);
    EXPECT_TRUE(handler_.requests.empty());
    // Without a body the connection stays.
    RawPeer other(server_->port());
    other.send(
        "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nAuthorization: x\r\nConnection: "
        "close\r\n\r\n");
    run_until([&other] { return other.drain(); });
    EXPECT_NE(other.got.find("GET /b"), std::string::npos);
}

TEST_F(HttpTest, asks_for_the_body_only_when_it_is_wanted) {
    start();
    RawPeer peer(server_->port());
    peer.send("POST /s HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    run_until([&peer] { return !peer.drain() && peer.got.find("\r\n\r\n") != std::string::npos; });
    EXPECT_EQ(peer.got, "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("ok");
    run_until(
        [&peer] { return !peer.drain() && peer.got.find("POST /s ok") != std::string::npos; });
}

TEST_F(HttpTest, a_sink_gets_the_body_and_may_end_it) {
    start();
    std::string got;
    handler_.sink = [&got](base::ByteView piece) -> base::Result<void> {
        got += base::as_text(piece);
        if (got.size() > 100) {
            return base::Error(base::ErrorKind::Invalid, "stop", "enough");
        }
        return base::ok();
    };
    EXPECT_NE(
        talk("POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc").find("200"),
        std::string::npos);
    EXPECT_EQ(got, "abc");
    EXPECT_FALSE(handler_.requests.back().sink_error);
    const std::string big(200, 'x');
    talk("POST / HTTP/1.1\r\nContent-Length: 200\r\n\r\n" + big);
    EXPECT_TRUE(handler_.requests.back().sink_error);
}

TEST_F(HttpTest, malformed_requests_get_400_and_the_door) {
    start();
    for (const auto* text :
         {"this is not http\r\n\r\n", "\x16\x03\x01\x02\x01\x01\x01\xfc", "GET / HTTP/9.9\r\n\r\n",
          "GET / HTTP/1.1\r\nbad header\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
          "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "PRI * HTTP/2.0\r\n\r\n"}) {
        const auto answer = talk(text);
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << text << answer;
        EXPECT_NE(answer.find("connection: close"), std::string::npos);
        EXPECT_TRUE(answer.ends_with("content-length: 0\r\nconnection: close\r\n\r\n")) << answer;
    }
    EXPECT_TRUE(handler_.requests.empty());
    HttpServerOptions small;
    small.max_header_bytes = 1024;
    start(small);
    EXPECT_TRUE(talk("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n")
                    .starts_with("HTTP/1.1 431"));
}

TEST_F(HttpTest, old_versions_pipelining_and_head) {
    start();
    const auto old = talk("GET /o HTTP/1.0\r\n\r\n");
    EXPECT_TRUE(old.starts_with("HTTP/1.0 200 OK"));
    EXPECT_NE(old.find("GET /o"), std::string::npos);
    const auto three = talk(
        "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /3 "
        "HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_LT(three.find("GET /1"), three.find("POST /2 hi"));
    EXPECT_LT(three.find("POST /2 hi"), three.find("GET /3"));
    const auto head = talk("HEAD /h HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_NE(head.find("content-length: 8"), std::string::npos);
    EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

TEST_F(HttpTest, responses_without_body_and_hostile_header_values) {
    start();
    handler_.answer = [](const Request&) {
        Response response;
        response.status = 204;
        response.headers.add("X-Echo", "a\r\nInjected: yes");
        return response;
    };
    const auto answer = talk("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(answer,
              "HTTP/1.1 204 No Content\r\nX-Echo: a  Injected: yes\r\nconnection: close\r\n\r\n");
}

class ThreePieces final : public BodyProducer {
public:
    async::Task<base::Result<std::optional<std::string>>> next() override {
        ++count_;
        co_return count_ > 3 ? std::nullopt : std::optional(fmt::format("piece {} ", count_));
    }

private:
    int count_ = 0;
};

TEST_F(HttpTest, a_produced_body_is_chunked) {
    start();
    handler_.answer = [](const Request&) {
        Response response;
        response.producer = std::make_shared<ThreePieces>();
        return response;
    };
    HttpClient client(dial());
    EXPECT_EQ(run(client.get(server_->url())).value().body, "piece 1 piece 2 piece 3 ");
    EXPECT_EQ(client.idle_connections(), 1U);
    EXPECT_TRUE(talk("GET / HTTP/1.0\r\n\r\n").ends_with("\r\n\r\npiece 1 piece 2 piece 3 "));
}

TEST_F(HttpTest, a_handler_that_throws_costs_one_response) {
    start();
    handler_.answer = [](const Request&) -> Response { throw std::runtime_error("ours"); };
    EXPECT_TRUE(talk("GET / HTTP/1.1\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 500"));
}

TEST_F(HttpTest, slow_headers_and_silent_peers_are_cut) {
    start();
    RawPeer silent(server_->port());
    RawPeer slow(server_->port());
    slow.send("GET / HTT");
    run_until([this] { return server_->connections() == 2 && timers_.sleeping() >= 2; });
    timers_.advance(seconds(16));
    run_until([&] { return silent.drain() && slow.drain(); });
    EXPECT_EQ(slow.got, "");
}

TEST_F(HttpTest, a_body_that_stops_arriving_is_cut) {
    start();
    RawPeer peer(server_->port());
    peer.send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n123");
    run_until([this] { return handler_.heads.size() == 1 && timers_.sleeping() > 0; });
    timers_.advance(seconds(31));
    run_until([&peer] { return peer.drain(); });
    EXPECT_TRUE(handler_.requests.empty());
}

TEST_F(HttpTest, connections_above_the_limit_wait) {
    HttpServerOptions options;
    options.max_connections = 2;
    start(options);
    auto first = std::make_unique<RawPeer>(server_->port());
    RawPeer second(server_->port());
    RawPeer third(server_->port());
    third.send("GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n");
    run_until([this] { return server_->connections() == 2; });
    context_.poll();
    EXPECT_FALSE(third.drain());
    EXPECT_EQ(third.got, "");
    first.reset();
    run_until([&third] { return third.drain(); });
    EXPECT_NE(third.got.find("GET /3"), std::string::npos);
}

TEST_F(HttpTest, stop_lets_requests_end_and_cuts_what_hangs) {
    start();
    handler_.gate.emplace(context_.get_executor());
    RawPeer idle(server_->port());
    RawPeer busy(server_->port());
    busy.send("GET /b HTTP/1.1\r\n\r\n");
    run_until([this] { return handler_.requests.size() == 1 && server_->connections() == 2; });
    std::optional<std::size_t> left;
    async::TaskGroup group(context_.get_executor(), "test");
    struct Stop {
        static async::Task<void> server(HttpServer& server, std::optional<std::size_t>& left) {
            left = co_await server.stop(seconds(5));
        }
    };
    group.spawn("stop", Stop::server(*server_, left));
    run_until([&idle] { return idle.drain(); });
    EXPECT_FALSE(left);
    handler_.gate->set(true);
    run_until([&] { return busy.drain() && left.has_value(); });
    EXPECT_NE(busy.got.find("GET /b"), std::string::npos);
    EXPECT_NE(busy.got.find("connection: close"), std::string::npos);
    EXPECT_EQ(*left, 0U);
    EXPECT_FALSE(RawPeer(server_->port()).connected());
}

TEST_F(HttpTest, a_port_in_use_names_address_and_remedy) {
    start();
    HttpServerOptions options;
    options.port = server_->port();
    const auto second = HttpServer::listen(context_.get_executor(), timers_, handler_, options);
    ASSERT_FALSE(second.has_value());
    EXPECT_EQ(second.error().code(), base::ErrorCode("address_in_use"));
    EXPECT_NE(second.error().message().find(fmt::format("127.0.0.1:{}", options.port)),
              std::string::npos);
    EXPECT_FALSE(second.error().remedy().empty());
}

TEST_F(HttpTest, client_limits_the_response) {
    start();
    handler_.answer = [](const Request&) { return Response::text(200, std::string(1000, 'x')); };
    HttpClient client(dial());
    ClientRequest request;
    request.url = server_->url();
    request.max_response_bytes = 1000;
    EXPECT_EQ(run(client.send(request)).value().body.size(), 1000U);
    request.max_response_bytes = 999;
    EXPECT_EQ(run(client.send(request)).error().code(), base::ErrorCode("response_too_large"));
    handler_.answer = [](const Request&) {
        Response response;
        response.producer = std::make_shared<ThreePieces>();
        return response;
    };
    request.max_response_bytes = 10;
    EXPECT_EQ(run(client.send(request)).error().code(), base::ErrorCode("response_too_large"));
    EXPECT_EQ(client.idle_connections(), 0U);
}

TEST_F(HttpTest, client_gives_the_body_to_a_sink) {
    start();
    HttpClient client(dial());
    ClientRequest request;
    request.url = server_->url() + "/s";
    std::string got;
    request.sink = [&got](base::ByteView piece) -> base::Result<void> {
        got += base::as_text(piece);
        return base::ok();
    };
    EXPECT_EQ(run(client.send(request)).value().body, "");
    EXPECT_EQ(got, "GET /s ");
    handler_.answer = [](const Request&) { return Response::text(404, "nothing here"); };
    EXPECT_EQ(run(client.send(request)).value().body, "nothing here");
    EXPECT_EQ(got, "GET /s ");
}

Response redirect(unsigned status, std::string to) {
    Response response;
    response.status = status;
    response.headers.add("Location", std::move(to));
    return response;
}

TEST_F(HttpTest, client_follows_redirects_up_to_the_limit) {
    start();
    handler_.answer = [](const Request& request) {
        const auto& target = request.head.target;
        return target == "/a"   ? redirect(302, "b")
               : target == "/b" ? redirect(307, "/c")
               : target == "/loop"
                   ? redirect(301, "/loop")
                   : Response::text(200, request.head.method + target + request.body);
    };
    HttpClient client(dial());
    ClientRequest request;
    request.url = server_->url() + "/a";
    request.method = "POST";
    request.body = "x";
    EXPECT_EQ(run(client.send(request)).value().status, 302U);
    request.max_redirects = 10;
    EXPECT_EQ(run(client.send(request)).value().body, "GET/c");
    request.url = server_->url() + "/b";
    EXPECT_EQ(run(client.send(request)).value().body, "POST/cx");
    request.url = server_->url() + "/loop";
    EXPECT_EQ(run(client.send(request)).error().code(), base::ErrorCode("redirect_failed"));
}

TEST_F(HttpTest, redirects_elsewhere_lose_the_credentials) {
    start();
    resolver_.names["other.test"] = {"127.0.0.1"};
    const auto elsewhere = fmt::format("http://other.test:{}/z", server_->port());
    handler_.answer = [&elsewhere](const Request& request) {
        return request.head.target == "/z" ? Response::text(200, "end") : redirect(302, elsewhere);
    };
    HttpClient client(dial());
    ClientRequest request;
    request.url = server_->url() + "/a";
    request.headers.add("Authorization", "Bearer secret");
    request.max_redirects = 1;
    EXPECT_EQ(run(client.send(request)).value().body, "end");
    EXPECT_TRUE(handler_.requests[0].head.headers.find("authorization"));
    EXPECT_FALSE(handler_.requests[1].head.headers.find("authorization"));
}

TEST_F(HttpTest, the_filter_sees_the_address_that_is_dialled_also_after_a_redirect) {
    start();
    resolver_.names["good.test"] = {"127.0.0.1"};
    resolver_.names["evil.test"] = {"10.0.0.1"};
    handler_.answer = [](const Request&) { return redirect(302, "http://evil.test/"); };
    auto context = dial();
    std::vector<std::string> asked;
    context.filter = [&asked](const std::string& host,
                              const std::string& ip) -> base::Result<void> {
        asked.push_back(host + "=" + ip);
        if (ip == "10.0.0.1") {
            return base::Error(base::ErrorKind::Denied, "address_private", "no");
        }
        return base::ok();
    };
    HttpClient client(context);
    ClientRequest request;
    request.url = fmt::format("http://good.test:{}/", server_->port());
    request.max_redirects = 3;
    const auto result = run(client.send(request));
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().kind(), base::ErrorKind::Denied);
    EXPECT_EQ(asked, (std::vector<std::string>{"good.test=127.0.0.1", "evil.test=10.0.0.1"}));
    EXPECT_EQ(resolver_.calls, 2);
}

TEST_F(HttpTest, user_part_becomes_basic_authentication_and_is_never_shown) {
    start();
    HttpClient client(dial());
    ASSERT_TRUE(
        run(client.get(fmt::format("http://u:pw@127.0.0.1:{}/k?key=hidden", server_->port())))
            .has_value());
    EXPECT_EQ(handler_.heads[0].headers.find("authorization"), "Basic dTpwdw==");
    server_.reset();
    const auto failed = run(client.get("http://u:pw@127.0.0.1:1/path?key=hidden"));
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().full_text().find("pw"), std::string::npos);
    EXPECT_EQ(failed.error().full_text().find("hidden"), std::string::npos);
    EXPECT_NE(failed.error().message().find("127.0.0.1:1"), std::string::npos);
}

TEST_F(HttpTest, client_refuses_line_breaks_in_headers) {
    start();
    HttpClient client(dial());
    ClientRequest request;
    request.url = server_->url();
    request.headers.add("X", "a\r\nY: b");
    EXPECT_EQ(run(client.send(request)).error().code(), base::ErrorCode("http_request_invalid"));
}

TEST_F(HttpTest, client_times_out_on_a_silent_server) {
    start();
    handler_.gate.emplace(context_.get_executor());
    HttpClient client(dial());
    std::optional<base::Error> error;
    async::TaskGroup group(context_.get_executor(), "test");
    struct Get {
        static async::Task<void> once(HttpClient& client, std::string url,
                                      std::optional<base::Error>& error) {
            auto result = co_await client.get(std::move(url));
            error = result.has_value() ? std::nullopt : std::optional(result.error());
        }
    };
    group.spawn("get", Get::once(client, server_->url(), error));
    run_until([this] { return handler_.requests.size() == 1; });
    timers_.advance(seconds(61));
    run_until([&error] { return error.has_value(); });
    EXPECT_EQ(error->kind(), base::ErrorKind::Timeout);
    EXPECT_EQ(client.idle_connections(), 0U);
    handler_.gate->set(true);
    run_until([this] { return server_->connections() == 0; });
}

}  // namespace
}  // namespace wavs::net
