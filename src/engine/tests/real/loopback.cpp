// SPDX-License-Identifier: Apache-2.0
#include "loopback.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include <array>

namespace wavs::engine::loopback {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;
using boost::system::error_code;

const auto kLoopback = asio::ip::address_v4::loopback();

struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;

void extend(X509* certificate, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

Certificate certificate(const std::string& name, EVP_PKEY* key, long serial) {
    Certificate out(X509_new());
    X509_set_version(out.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(out.get()), serial);
    constexpr long kHour = 3600;
    X509_gmtime_adj(X509_getm_notBefore(out.get()), -kHour);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), kHour);
    X509_set_pubkey(out.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(out.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return out;
}

template <typename Write>
std::string pem(Write write) {
    BIO* memory = BIO_new(BIO_s_mem());
    write(memory);
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory, &bytes);
    std::string out(bytes, static_cast<std::size_t>(size));
    BIO_free(memory);
    return out;
}

// The whole request: up to the announced length, or the last chunk.
template <typename Stream>
Request read_request(Stream& stream) {
    std::string data;
    const auto end = asio::read_until(stream, asio::dynamic_buffer(data), "\r\n\r\n");
    Request request{.head = data.substr(0, end), .body = {}};
    if (request.head.find("transfer-encoding: chunked") != std::string::npos) {
        auto rest = data.substr(end);
        if (rest.find("0\r\n\r\n") == std::string::npos) {
            asio::read_until(stream, asio::dynamic_buffer(rest), "0\r\n\r\n");
        }
        std::size_t at = 0;
        while (const auto size = std::stoul(rest.substr(at), nullptr, 16)) {
            at = rest.find("\r\n", at) + 2;
            request.body += rest.substr(at, size);
            at += size + 2;
        }
    }
    return request;
}

template <typename Stream>
void answer_one(Stream& stream, const Answer& answer) {
    const auto reply = answer(read_request(stream));
    asio::write(stream, asio::buffer(reply));
}

template <typename Stream>
void echo(Stream& stream) {
    std::array<char, 4096> buffer;
    error_code error;
    while (const auto size = stream.read_some(asio::buffer(buffer), error)) {
        asio::write(stream, asio::buffer(buffer.data(), size));
    }
}

template <typename Serve>
auto over_tls(const Certificates& certificates, Serve serve) {
    return [context = certificates.server, serve](tcp::socket& socket) {
        asio::ssl::stream<tcp::socket&> stream(socket, *context);
        stream.handshake(asio::ssl::stream_base::server);
        serve(stream);
        error_code error;
        stream.shutdown(error);
    };
}

}  // namespace

Certificates::Certificates(const std::string& name)
    : server(std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server)) {
    const Key authority_key(EVP_EC_gen("P-256"));
    const auto authority = certificate("test authority", authority_key.get(), 1);
    X509_set_issuer_name(authority.get(), X509_get_subject_name(authority.get()));
    extend(authority.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(authority.get(), authority_key.get(), EVP_sha256());
    authority_pem = pem([&](BIO* out) { PEM_write_bio_X509(out, authority.get()); });

    const Key key(EVP_EC_gen("P-256"));
    const auto leaf = certificate(name, key.get(), 2);
    X509_set_issuer_name(leaf.get(), X509_get_subject_name(authority.get()));
    extend(leaf.get(), NID_subject_alt_name, "DNS:" + name);
    X509_sign(leaf.get(), authority_key.get(), EVP_sha256());
    const auto leaf_pem = pem([&](BIO* out) { PEM_write_bio_X509(out, leaf.get()); });
    const auto key_pem = pem([&](BIO* out) {
        PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    server->use_certificate(asio::buffer(leaf_pem), asio::ssl::context::pem);
    server->use_private_key(asio::buffer(key_pem), asio::ssl::context::pem);
}

TcpServer::TcpServer(std::function<void(Stream&)> serve) {
    acceptor_.open(tcp::v4());
    acceptor_.bind({kLoopback, 0});
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this, serve = std::move(serve)] { work(serve); });
}

TcpServer::~TcpServer() {
    ending_ = true;
    // Wakes the thread that waits for the next connection.
    tcp::socket last(context_);
    error_code error;
    last.connect({kLoopback, port_}, error);
    thread_.join();
}

void TcpServer::work(const std::function<void(Stream&)>& serve) {
    while (true) {
        Stream socket(context_);
        error_code error;
        acceptor_.accept(socket, error);
        if (ending_ || error) {
            return;
        }
        ++connections_;
        try {
            serve(socket);
        } catch (const boost::system::system_error&) {
            // The client went away or refused the certificate; its side of the test says so.
            continue;
        }
    }
}

std::string response(int status, const std::string& body, const std::string& headers) {
    return fmt::format("HTTP/1.1 {} Text\r\nconnection: close\r\ncontent-length: {}\r\n{}\r\n{}",
                       status, body.size(), headers, body);
}

std::unique_ptr<TcpServer> http_server(Answer answer) {
    return std::make_unique<TcpServer>(
        [answer = std::move(answer)](tcp::socket& socket) { answer_one(socket, answer); });
}

std::unique_ptr<TcpServer> https_server(const Certificates& certificates, Answer answer) {
    return std::make_unique<TcpServer>(
        over_tls(certificates, [answer = std::move(answer)](auto& s) { answer_one(s, answer); }));
}

std::unique_ptr<TcpServer> tcp_echo() {
    return std::make_unique<TcpServer>([](tcp::socket& socket) { echo(socket); });
}

std::unique_ptr<TcpServer> tls_echo(const Certificates& certificates) {
    return std::make_unique<TcpServer>(over_tls(certificates, [](auto& stream) { echo(stream); }));
}

UdpEcho::UdpEcho() {
    socket_.open(udp::v4());
    socket_.bind({kLoopback, 0});
    port_ = socket_.local_endpoint().port();
    thread_ = std::thread([this] {
        std::array<char, 2048> buffer;
        udp::endpoint from;
        // An empty datagram is the end.
        while (const auto size = socket_.receive_from(asio::buffer(buffer), from)) {
            socket_.send_to(asio::buffer(buffer.data(), size), from);
        }
    });
}

UdpEcho::~UdpEcho() {
    udp::socket last(context_, udp::v4());
    last.send_to(asio::buffer("", 0), {kLoopback, port_});
    thread_.join();
}

}  // namespace wavs::engine::loopback
