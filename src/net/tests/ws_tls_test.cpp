// SPDX-License-Identifier: Apache-2.0
#include "net_fixture.hpp"

#include "wavs/net/child_process.hpp"
#include "wavs/net/ws_client.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

namespace wavs::net {
namespace {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using std::chrono::seconds;
using testing::NetTest;
using Socket = websocket::stream<tcp::socket>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// A server that does what the test's script says with one connection.
class WsTest : public NetTest {
protected:
    void TearDown() override { context_.poll(); }
    using Script = async::Task<void> (*)(Socket& peer, WsTest& test);

    void serve(Script script) {
        acceptor_.emplace(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        group_.spawn("server", accept(script));
    }
    async::Task<void> accept(Script script) {
        peer_.emplace(context_.get_executor());
        auto [error] = co_await acceptor_->async_accept(peer_->next_layer(), kTuple);
        if (error) {
            co_return;
        }
        peer_->set_option(websocket::stream_base::decorator([](websocket::response_type&) {}));
        auto [refused] = co_await peer_->async_accept(kTuple);
        if (!refused) {
            co_await script(*peer_, *this);
        }
    }
    WsRequest request() const {
        WsRequest out;
        out.url = fmt::format("ws://u:pw@127.0.0.1:{}/path?key=hidden",
                              acceptor_->local_endpoint().port());
        return out;
    }
    void settle() {
        for (int quiet = 0; quiet < 5;) {
            context_.restart();
            quiet = context_.run_one_for(std::chrono::milliseconds(2)) == 0 ? quiet + 1 : 0;
        }
    }
    std::unique_ptr<WsClient> connect() {
        auto made = run(WsClient::connect(dial(), request()));
        EXPECT_TRUE(made.has_value()) << made.error().full_text();
        return std::move(made.value());
    }
    static async::Task<bool> close(WsClient& client) {
        co_await client.close();
        co_return true;
    }
    static async::Task<void> receive_into(WsClient& client,
                                          std::optional<base::Result<std::string>>& got) {
        got.emplace(co_await client.receive());
    }

    std::optional<tcp::acceptor> acceptor_;
    std::optional<Socket> peer_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

async::Task<void> echo(Socket& peer, WsTest&) {
    while (true) {
        boost::beast::flat_buffer buffer;
        auto [error, n] = co_await peer.async_read(buffer, kTuple);
        if (error) {
            co_return;
        }
        peer.text(true);
        auto [failed, m] = co_await peer.async_write(buffer.data(), kTuple);
        if (failed) {
            co_return;
        }
    }
}

async::Task<void> big_then_binary(Socket& peer, WsTest&) {
    const std::string bytes(100, 'x');
    peer.binary(true);
    co_await peer.async_write(asio::buffer(bytes), kTuple);
    peer.text(true);
    co_await peer.async_write(asio::buffer(bytes), kTuple);
    const std::string big(101, 'x');
    co_await peer.async_write(asio::buffer(big), kTuple);
}

async::Task<void> say_bye(Socket& peer, WsTest&) {
    co_await peer.async_close(websocket::close_reason(websocket::close_code::try_again_later, "x"),
                              kTuple);
}

async::Task<void> vanish(Socket& peer, WsTest&) {
    peer.next_layer().close();
    co_return;
}

async::Task<void> do_nothing(Socket&, WsTest&) { co_return; }

TEST_F(WsTest, sends_and_receives_in_order) {
    serve(echo);
    auto client = connect();
    for (const auto* text : {"one", "two", "three"}) {
        ASSERT_TRUE(run(client->send(text)).has_value());
    }
    for (const auto* text : {"one", "two", "three"}) {
        EXPECT_EQ(run(client->receive()).value(), text);
    }
    ASSERT_TRUE(run(close(*client)));
    EXPECT_EQ(run(client->send("x")).error().code(), base::ErrorCode("ws_closed"));
}

TEST_F(WsTest, skips_binary_and_limits_messages) {
    serve(big_then_binary);
    auto limited = request();
    limited.max_message_bytes = 100;
    auto client = run(WsClient::connect(dial(), limited)).value();
    EXPECT_EQ(run(client->receive()).value(), std::string(100, 'x'));
    EXPECT_EQ(run(client->receive()).error().code(), base::ErrorCode("ws_too_large"));
    EXPECT_EQ(run(client->receive()).error().code(), base::ErrorCode("ws_closed"));
}

TEST_F(WsTest, a_close_frame_and_a_lost_peer_end_it) {
    serve(say_bye);
    auto client = connect();
    const auto bye = run(client->receive());
    EXPECT_EQ(bye.error().code(), base::ErrorCode("ws_closed"));
    EXPECT_NE(bye.error().message().find("1013"), std::string::npos);
    EXPECT_EQ(bye.error().full_text().find("hidden"), std::string::npos);
    serve(vanish);
    client = connect();
    EXPECT_EQ(run(client->receive()).error().code(), base::ErrorCode("ws_closed"));
}

TEST_F(WsTest, a_half_open_peer_is_found_dead) {
    serve(do_nothing);
    auto client = connect();
    std::optional<base::Result<std::string>> got;
    group_.spawn("receive", receive_into(*client, got));
    for (int i = 0; i < 2; ++i) {
        settle();
        EXPECT_FALSE(got);
        timers_.advance(seconds(15));
    }
    run_until([&got] { return got.has_value(); });
    EXPECT_NE(got->error().message().find("no sign of life"), std::string::npos);
}

TEST_F(WsTest, a_peer_that_answers_pings_stays) {
    serve(echo);
    auto client = connect();
    std::optional<base::Result<std::string>> got;
    group_.spawn("receive", receive_into(*client, got));
    for (int i = 0; i < 6; ++i) {
        // The pong has to arrive before time goes on.
        settle();
        timers_.advance(seconds(15));
    }
    settle();
    EXPECT_FALSE(got);
    client->abort();
    run_until([&got] { return got.has_value(); });
    EXPECT_EQ(got->error().code(), base::ErrorCode("ws_closed"));
}

TEST_F(WsTest, a_server_that_is_no_websocket_is_refused) {
    start();
    WsRequest wrong;
    wrong.url = fmt::format("ws://127.0.0.1:{}", server_->port());
    EXPECT_EQ(run(WsClient::connect(dial(), wrong)).error().code(),
              base::ErrorCode("ws_handshake_failed"));
    wrong.url = server_->url();
    EXPECT_EQ(run(WsClient::connect(dial(), wrong)).error().code(), base::ErrorCode("url_scheme"));
}

TEST_F(WsTest, an_upgrade_that_never_ends_times_out) {
    acceptor_.emplace(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    std::optional<base::Error> error;
    struct Connect {
        static async::Task<void> it(DialContext dial, WsRequest request,
                                    std::optional<base::Error>& error) {
            auto made = co_await WsClient::connect(std::move(dial), std::move(request));
            error = made.has_value() ? std::nullopt : std::optional(made.error());
        }
    };
    group_.spawn("connect", Connect::it(dial(), request(), error));
    for (int i = 0; i < 50; ++i) {
        context_.restart();
        context_.run_one_for(std::chrono::milliseconds(1));
    }
    timers_.advance(seconds(11));
    run_until([&error] { return error.has_value(); });
    EXPECT_EQ(error->kind(), base::ErrorKind::Timeout);
}

// Keys and certificates made by the openssl program for one run.
class TlsTest : public NetTest {
protected:
    void SetUp() override {
        std::string pattern = std::filesystem::temp_directory_path() / "wavs-tls-XXXXXX";
        folder_ = ::mkdtemp(pattern.data());
        std::ofstream(folder_ / "ext") << "subjectAltName=DNS:good.test\n";
        openssl({"req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority", "-days",
                 "2"});
        openssl({"req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                 "server.key", "-out", "server.csr", "-subj", "/CN=good.test"});
        openssl({"x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                 "-CAcreateserial", "-out", "server.pem", "-days", "2", "-extfile", "ext"});
        tls_.use_certificate_chain_file(folder_ / "server.pem");
        tls_.use_private_key_file(folder_ / "server.key", asio::ssl::context::pem);
        resolver_.names["good.test"] = {"127.0.0.1"};
        resolver_.names["bad.test"] = {"127.0.0.1"};
        group_.spawn("server", serve());
    }
    void TearDown() override {
        acceptor_.close();
        std::filesystem::remove_all(folder_);
    }
    void openssl(std::vector<std::string> args) {
        ChildOptions options;
        options.program = "openssl";
        options.args = std::move(args);
        options.working_directory = folder_;
        const auto done = run(
            run_child(context_.get_executor(), system_timers_, std::move(options), seconds(20)));
        ASSERT_TRUE(done.has_value() && done.value().status.success())
            << (done.has_value() ? done.value().err : done.error().full_text());
    }
    async::Task<void> serve() {
        while (acceptor_.is_open()) {
            asio::ssl::stream<tcp::socket> peer(context_, tls_);
            auto [error] = co_await acceptor_.async_accept(peer.next_layer(), kTuple);
            auto [refused] = co_await peer.async_handshake(asio::ssl::stream_base::server, kTuple);
            if (error || refused) {
                continue;
            }
            const auto* name = SSL_get_servername(peer.native_handle(), TLSEXT_NAMETYPE_host_name);
            server_name_ = name == nullptr ? "" : name;
            std::array<char, 4096> request{};
            co_await peer.async_read_some(asio::buffer(request), kTuple);
            const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
            co_await peer.async_write_some(asio::buffer(answer), kTuple);
        }
    }
    base::Result<ClientResponse> get(const std::string& host, bool with_authority = true) {
        auto context = dial();
        context.ca_file = with_authority ? (folder_ / "ca.pem").string() : "";
        HttpClient client(context);
        return run(
            client.get(fmt::format("https://{}:{}/", host, acceptor_.local_endpoint().port())));
    }

    std::filesystem::path folder_;
    async::SystemTimers system_timers_;
    asio::ssl::context tls_{asio::ssl::context::tls_server};
    tcp::acceptor acceptor_{context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::string server_name_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(TlsTest, accepts_only_the_right_name_from_a_known_authority) {
    const auto good = get("good.test");
    ASSERT_TRUE(good.has_value()) << good.error().full_text();
    EXPECT_EQ(good.value().body, "secret");
    EXPECT_EQ(server_name_, "good.test");
    EXPECT_EQ(get("bad.test").error().code(), base::ErrorCode("tls_failed"));
    EXPECT_EQ(get("127.0.0.1").error().code(), base::ErrorCode("tls_failed"));
    const auto unknown = get("good.test", false);
    EXPECT_EQ(unknown.error().code(), base::ErrorCode("tls_failed"));
    EXPECT_FALSE(unknown.error().remedy().empty());
}

TEST_F(TlsTest, a_ca_file_that_cannot_be_read_is_named) {
    auto context = dial();
    context.ca_file = "/nonexistent/ca.pem";
    HttpClient client(context);
    const auto result = run(client.get("https://good.test/"));
    EXPECT_EQ(result.error().code(), base::ErrorCode("tls_ca_file"));
    EXPECT_NE(result.error().message().find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace wavs::net
