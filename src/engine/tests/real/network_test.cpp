// SPDX-License-Identifier: Apache-2.0
// What components reach over the network: wasi:http, wasi:sockets and wasi:tls against servers on
// loopback, and what they never reach.
#include "loopback.hpp"
#include "real_node.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace wavs::engine {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kDenied = "exec_result: HTTP-request-denied";
constexpr std::string_view kAccessDenied = "exec_result: access-denied";

loopback::Answer says(std::string body) {
    return [body = std::move(body)](const auto&) { return loopback::response(200, body); };
}

class NetworkTest : public RealEngineTest {
protected:
    void SetUp() override {
        ASSERT_TRUE(use("net"));
        component_.time_limit_seconds = 10;
    }
    void only(std::vector<std::string> hosts) {
        component_.permissions.allowed_http_hosts = types::OnlyHosts{std::move(hosts)};
    }
    void all() { component_.permissions.allowed_http_hosts = types::AllHosts{}; }
    void sockets() {
        component_.permissions.raw_sockets = true;
        component_.permissions.dns_resolution = true;
    }
    void allow(std::vector<std::string> entries) { set({.allow = std::move(entries)}); }
    void set(const rt::NetworkRules& rules) {
        const auto done = node().engine().set_network(rules);
        ASSERT_TRUE(done.has_value()) << done.error().full_text();
    }
    std::string get(const std::string& url) { return text("http GET " + url); }
    std::string at(const std::string& host, const loopback::TcpServer& server) {
        return fmt::format("http://{}:{}/", host, server.port());
    }
    std::string local(const loopback::TcpServer& server) {
        return fmt::format("127.0.0.1:{}", server.port());
    }
};

TEST_F(NetworkTest, requests_need_the_manifest_and_the_operator) {
    const auto server = loopback::http_server(says("hello"));
    const auto url = at("127.0.0.1", *server);
    EXPECT_EQ(get(url), kDenied) << "no host is granted";
    all();
    const telemetry::testing::CapturedLog log;
    EXPECT_EQ(get(url), kDenied) << "loopback is not public";
    EXPECT_EQ(log.count("engine.allow_private"), 1U);
    allow({local(*server)});
    EXPECT_EQ(get(url), "200 hello");
    only({"example.com", "127.0.0.2"});
    EXPECT_EQ(get(url), kDenied);
    EXPECT_EQ(log.count("allowed_http_hosts"), 1U);
    only({local(*server)});
    EXPECT_EQ(get(url), "200 hello");
    only({"127.0.0.1:1"});
    EXPECT_EQ(get(url), kDenied);
    EXPECT_EQ(server->connections(), 2) << "a refused request reaches nobody";
}

TEST_F(NetworkTest, a_request_carries_what_the_guest_says_and_the_host_header) {
    const auto server = loopback::http_server(
        [](const auto& request) { return loopback::response(201, request.head + request.body); });
    all();
    allow({"127.0.0.1"});
    const auto posted = text("http POST " + at("127.0.0.1", *server) + "a?b=c body");
    EXPECT_THAT(posted, StartsWith("201 POST /a?b=c HTTP/1.1\r\n"));
    EXPECT_THAT(posted, HasSubstr("host: " + local(*server)));
    EXPECT_THAT(posted, ::testing::EndsWith("\r\nbody"));
    EXPECT_THAT(text("header " + at("127.0.0.1", *server) + " x-key value"),
                HasSubstr("x-key: value"));
    EXPECT_EQ(text("header " + at("127.0.0.1", *server) + " host other"),
              "exec_result: the header host is refused");
}

TEST_F(NetworkTest, each_hop_of_a_redirect_is_checked) {
    const auto secret = loopback::http_server(says("secret"));
    const auto server = loopback::http_server([&](const loopback::Request& request) {
        const bool inside = request.head.starts_with("GET /inside");
        const auto to = inside ? at("127.0.0.1", *secret) : at("public.test", *secret);
        return loopback::response(302, "", "location: " + to + "\r\n");
    });
    all();
    set({.allow = {"public.test"}, .hosts = {{"public.test", "127.0.0.1"}}});
    EXPECT_EQ(text("follow " + at("public.test", *server)), "200 secret");
    EXPECT_EQ(text("follow " + at("public.test", *server) + "inside"), kDenied);
    only({fmt::format("public.test:{}", server->port())});
    EXPECT_EQ(text("follow " + at("public.test", *server)), kDenied);
    EXPECT_EQ(secret->connections(), 1);
}

TEST_F(NetworkTest, a_name_is_as_good_as_the_address_behind_it) {
    const auto server = loopback::http_server(says("secret"));
    all();
    sockets();
    set({.hosts = {{"rebound.test", "127.0.0.1"}, {"mapped.test", "::ffff:10.0.0.1"}}});
    EXPECT_EQ(get(at("rebound.test", *server)), kDenied);
    EXPECT_EQ(get("http://mapped.test/"), kDenied);
    for (const auto* host : {"localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f000001",
                             "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"}) {
        EXPECT_EQ(get(at(host, *server)), kDenied) << host;
    }
    EXPECT_EQ(text(fmt::format("tcp_name localhost {} x", server->port())), kAccessDenied);
    EXPECT_EQ(server->connections(), 0);
}

TEST_F(NetworkTest, metadata_addresses_are_out_of_reach) {
    all();
    sockets();
    for (const auto* host : {"169.254.169.254", "[fd00:ec2::254]", "100.100.100.200",
                             "[64:ff9b::a9fe:a9fe]", "169.254.170.2"}) {
        EXPECT_EQ(get(fmt::format("http://{}/latest/meta-data", host)), kDenied) << host;
    }
    EXPECT_EQ(text("tcp 169.254.169.254 80 x"), kAccessDenied);
    EXPECT_EQ(text("udp 169.254.169.254 80 x"), kAccessDenied);
}

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "localhost";
}

TEST_F(NetworkTest, the_nodes_own_ports_are_refused_whatever_is_allowed) {
    const auto node_port = loopback::http_server(says("{}"));
    const auto port = node_port->port();
    all();
    sockets();
    set({.deny_private = false,
         .allow = {"127.0.0.0/8", "localhost", "own.test", host_name()},
         .own_ports = {port},
         .hosts = {{"own.test", "127.0.0.1"}}});
    for (const auto& host : std::vector<std::string>{
             "127.0.0.1", "127.3.2.1", "127.1", "0x7f000001", "localhost", "own.test", "0.0.0.0",
             "[::1]", "[::]", "[::ffff:127.0.0.1]", host_name()}) {
        EXPECT_EQ(get(at(host, *node_port)), kDenied) << host;
        EXPECT_EQ(text("http DELETE " + at(host, *node_port) + "services []"), kDenied) << host;
    }
    for (const auto* ip : {"127.0.0.1", "127.3.2.1"}) {
        EXPECT_EQ(text(fmt::format("tcp {} {} x", ip, port)), kAccessDenied) << ip;
        EXPECT_EQ(text(fmt::format("udp {} {} x", ip, port)), kAccessDenied) << ip;
    }
    // wasi:sockets itself refuses to connect to "any address".
    EXPECT_EQ(text(fmt::format("tcp 0.0.0.0 {} x", port)), "exec_result: invalid-argument");
    EXPECT_EQ(text(fmt::format("tcp_name localhost {} x", port)), kAccessDenied);
    EXPECT_EQ(node_port->connections(), 0);
    const auto other = loopback::http_server(says("other"));
    EXPECT_EQ(get(at("localhost", *other)), "200 other");
}

TEST_F(NetworkTest, sockets_need_the_permission_and_the_operator) {
    const auto server = loopback::tcp_echo();
    const loopback::UdpEcho datagrams;
    const auto tcp = fmt::format("tcp 127.0.0.1 {} hello", server->port());
    const auto udp = fmt::format("udp 127.0.0.1 {} hello", datagrams.port());
    allow({"127.0.0.1"});
    EXPECT_EQ(text(tcp), kAccessDenied);
    EXPECT_EQ(text(udp), kAccessDenied);
    sockets();
    EXPECT_EQ(text(tcp), "hello");
    EXPECT_EQ(text(udp), "hello");
    allow({});
    EXPECT_EQ(text(tcp), kAccessDenied);
    EXPECT_EQ(text(udp), kAccessDenied);
    allow({fmt::format("localhost:{}", server->port())});
    EXPECT_EQ(text(tcp), "hello") << "an exception by name holds for its addresses";
    EXPECT_EQ(text(udp), kAccessDenied);
}

TEST_F(NetworkTest, names_need_the_permission) {
    const auto server = loopback::tcp_echo();
    const auto command = fmt::format("tcp_name localhost {} hello", server->port());
    allow({"127.0.0.1"});
    component_.permissions.raw_sockets = true;
    EXPECT_EQ(text(command), "exec_result: lookup: permanent-resolver-failure");
    component_.permissions.dns_resolution = true;
    EXPECT_EQ(text(command), "hello");
}

TEST_F(NetworkTest, tls_trusts_the_public_authorities_and_the_operators) {
    const loopback::Certificates certificates("secure.test");
    const auto https = loopback::https_server(certificates, says("secret"));
    const auto echo = loopback::tls_echo(certificates);
    all();
    sockets();
    rt::NetworkRules rules{.allow = {"secure.test", "other.test", "127.0.0.1"},
                           .hosts = {{"secure.test", "127.0.0.1"}, {"other.test", "127.0.0.1"}}};
    set(rules);
    const auto url = fmt::format("https://secure.test:{}/", https->port());
    const auto tls = fmt::format("tls 127.0.0.1 {} secure.test hello", echo->port());
    EXPECT_EQ(get(url), "exec_result: TLS-protocol-error");
    EXPECT_THAT(text(tls), HasSubstr("UnknownIssuer"));
    rules.ca_pem = certificates.authority_pem;
    set(rules);
    EXPECT_EQ(get(url), "200 secret");
    EXPECT_EQ(text(tls), "hello");
    EXPECT_EQ(get(fmt::format("https://other.test:{}/", https->port())),
              "exec_result: TLS-protocol-error");
    EXPECT_THAT(text(fmt::format("tls 127.0.0.1 {} other.test hello", echo->port())),
                HasSubstr("certificate"));
}

TEST_F(NetworkTest, headers_have_a_size) {
    const auto server = loopback::http_server([](const auto&) {
        return loopback::response(200, "", "x-big: " + std::string(300'000, 'x') + "\r\n");
    });
    all();
    allow({"127.0.0.1"});
    const auto url = at("127.0.0.1", *server);
    EXPECT_EQ(get(url), "exec_result: HTTP-response-header-section-size");
    for (const auto* bomb : {" 1000 1000", " 1 200000"}) {
        const auto ended = text("header_bomb " + url + bomb);
        EXPECT_THAT(ended, StartsWith("component_error: "));
        EXPECT_THAT(ended, HasSubstr("total size of fields exceeds limit"));
    }
}

TEST_F(NetworkTest, failures_have_names) {
    all();
    set({.allow = {"127.0.0.1"}, .hosts = {}});
    std::uint16_t closed = 0;
    {
        const auto server = loopback::tcp_echo();
        closed = server->port();
    }
    EXPECT_EQ(get(fmt::format("http://127.0.0.1:{}/", closed)), "exec_result: connection-refused");
    const auto silent = loopback::http_server([](const auto&) { return std::string(); });
    EXPECT_EQ(get(at("127.0.0.1", *silent)), "exec_result: HTTP-response-incomplete");
    const auto wrong = node().engine().set_network({.allow = {"10.0.0.0/99"}});
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().code(), base::ErrorCode("rt_network"));
    EXPECT_THAT(wrong.error().message(), HasSubstr("10.0.0.0/99"));
}

}  // namespace
}  // namespace wavs::engine
