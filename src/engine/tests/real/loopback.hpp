// SPDX-License-Identifier: Apache-2.0
#pragma once

// Servers on 127.0.0.1 for components to talk to, each with a thread of its own.

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ssl/context.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace wavs::engine::loopback {

/// A certificate authority of one test, and a server certificate for `name`.
struct Certificates {
    explicit Certificates(const std::string& name);
    std::string authority_pem;
    std::shared_ptr<boost::asio::ssl::context> server;
};

/// Serves one TCP connection after the other until destroyed.
class TcpServer {
public:
    using Stream = boost::asio::ip::tcp::socket;
    explicit TcpServer(std::function<void(Stream&)> serve);
    ~TcpServer();
    TcpServer(const TcpServer&) = delete;
    TcpServer& operator=(const TcpServer&) = delete;

    std::uint16_t port() const { return port_; }
    /// Connections so far.
    int connections() const { return connections_; }

private:
    void work(const std::function<void(Stream&)>& serve);

    boost::asio::io_context context_;
    boost::asio::ip::tcp::acceptor acceptor_{context_};
    std::uint16_t port_ = 0;
    std::atomic<int> connections_{0};
    std::atomic<bool> ending_{false};
    std::thread thread_;
};

/// What a request looked like: its head with the line breaks, and its body.
struct Request {
    std::string head;
    std::string body;
};
using Answer = std::function<std::string(const Request&)>;

/// A response with a length.
std::string response(int status, const std::string& body, const std::string& headers = "");
std::unique_ptr<TcpServer> http_server(Answer answer);
std::unique_ptr<TcpServer> https_server(const Certificates& certificates, Answer answer);
std::unique_ptr<TcpServer> tcp_echo();
std::unique_ptr<TcpServer> tls_echo(const Certificates& certificates);

/// Sends each datagram back until destroyed.
class UdpEcho {
public:
    UdpEcho();
    ~UdpEcho();
    UdpEcho(const UdpEcho&) = delete;
    UdpEcho& operator=(const UdpEcho&) = delete;
    std::uint16_t port() const { return port_; }

private:
    boost::asio::io_context context_;
    boost::asio::ip::udp::socket socket_{context_};
    std::uint16_t port_ = 0;
    std::thread thread_;
};

}  // namespace wavs::engine::loopback
