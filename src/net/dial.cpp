// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/dial.hpp"

#include "any_stream.hpp"
#include "wavs/async/runtime.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>

#include <netdb.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

namespace wavs::net {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using boost::asio::ip::tcp;

base::Error dns_error(const std::string& host, std::string_view why) {
    return {base::ErrorKind::Unavailable, "dns_failed",
            fmt::format("cannot resolve host {}: {}", host, why)};
}

base::Result<std::vector<std::string>> lookup(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* list = nullptr;
    if (const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list); code != 0) {
        return dns_error(host, gai_strerror(code));
    }
    std::vector<std::string> out;
    for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (getnameinfo(item->ai_addr, item->ai_addrlen, text.data(), text.size(), nullptr, 0,
                        NI_NUMERICHOST) == 0) {
            out.emplace_back(text.data());
        }
    }
    freeaddrinfo(list);
    if (out.empty()) {
        return dns_error(host, "it has no address");
    }
    return out;
}

bool is_private(const address_v4& ip) {
    struct Range {
        std::uint32_t network;
        unsigned bits;
    };
    // RFC 6890 and its successors: everything that is not the public internet.
    static constexpr std::array<Range, 15> kRanges{{{0x00000000, 8},
                                                    {0x0a000000, 8},
                                                    {0x64400000, 10},
                                                    {0x7f000000, 8},
                                                    {0xa9fe0000, 16},
                                                    {0xac100000, 12},
                                                    {0xc0000000, 24},
                                                    {0xc0000200, 24},
                                                    {0xc0586300, 24},
                                                    {0xc0a80000, 16},
                                                    {0xc6120000, 15},
                                                    {0xc6336400, 24},
                                                    {0xcb007100, 24},
                                                    {0xe0000000, 4},
                                                    {0xf0000000, 4}}};
    const std::uint32_t value = ip.to_uint();
    for (const auto& range : kRanges) {
        if ((value >> (32 - range.bits)) == (range.network >> (32 - range.bits))) {
            return true;
        }
    }
    return false;
}

// The IPv4 address inside v4-mapped, v4-compatible, NAT64 and 6to4 forms.
std::optional<address_v4> embedded_v4(const address_v6::bytes_type& b) {
    const auto at = [&b](std::size_t i) {
        return address_v4({b[i], b[i + 1], b[i + 2], b[i + 3]});
    };
    const auto zero_until = [&b](std::size_t end) {
        return std::all_of(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(end),
                           [](unsigned char x) { return x == 0; });
    };
    if (zero_until(10) && ((b[10] == 0xff && b[11] == 0xff) || (b[10] == 0 && b[11] == 0))) {
        return at(12);
    }
    static constexpr std::array<unsigned char, 12> kNat64{0, 0x64, 0xff, 0x9b};
    if (std::equal(kNat64.begin(), kNat64.end(), b.begin())) {
        return at(12);
    }
    if (b[0] == 0x20 && b[1] == 0x02) {
        return at(2);
    }
    return std::nullopt;
}

bool is_private(const address_v6& ip) {
    const auto bytes = ip.to_bytes();
    if (const auto v4 = embedded_v4(bytes)) {
        return is_private(*v4);
    }
    const bool unique_local = (bytes[0] & 0xfe) == 0xfc;
    const bool site_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0xc0;
    const bool documentation =
        bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
    const bool teredo = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0 && bytes[3] == 0;
    const bool local_nat64 = bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xff;
    return ip.is_link_local() || ip.is_multicast() || unique_local || site_local || documentation ||
           teredo || local_nat64;
}

async::Task<base::Result<AnyStream::Socket>> connect_one(std::string where, std::string ip,
                                                         std::uint16_t port) {
    boost::system::error_code invalid;
    const auto target = boost::asio::ip::make_address(ip, invalid);
    if (invalid) {
        co_return base::Error(base::ErrorKind::Unavailable, "dns_failed",
                              fmt::format("{}: not an address", where));
    }
    AnyStream::Socket socket(co_await boost::asio::this_coro::executor);
    auto [error] = co_await socket.async_connect(tcp::endpoint(target, port), kTuple);
    if (error) {
        co_return io_error("connect_failed", where, error);
    }
    socket.set_option(tcp::no_delay(true), invalid);
    co_return std::move(socket);
}

async::Task<base::Result<std::vector<std::string>>> addresses_of(DialContext& dial,
                                                                 const Url& url) {
    boost::system::error_code not_literal;
    boost::asio::ip::make_address(url.host, not_literal);
    std::vector<std::string> all{url.host};
    if (not_literal) {
        WAVS_CO_TRY(all, co_await dial.resolver.resolve(url.host));
    }
    if (!dial.filter) {
        co_return std::move(all);
    }
    std::vector<std::string> allowed;
    std::optional<base::Error> refused;
    for (auto& ip : all) {
        if (auto verdict = dial.filter(url.host, ip); verdict.has_value()) {
            allowed.push_back(std::move(ip));
        } else {
            refused = std::move(verdict.error());
        }
    }
    if (allowed.empty() && refused) {
        co_return std::move(*refused);
    }
    co_return std::move(allowed);
}

async::Task<base::Result<AnyStream::Socket>> connect_any(DialContext& dial, const Url& url,
                                                         base::Duration limit) {
    WAVS_CO_TRY(auto addresses, co_await addresses_of(dial, url));
    std::optional<base::Error> last;
    // One dead address must not use up the time of the others.
    const auto share = limit / static_cast<base::Duration::rep>(addresses.size());
    for (auto& ip : addresses) {
        auto attempt = connect_one(url.redacted(), std::move(ip), url.port);
        auto socket =
            co_await async::with_timeout(dial.timers, share, url.redacted(), std::move(attempt));
        if (socket.has_value()) {
            co_return std::move(socket.value());
        }
        last = std::move(socket.error());
    }
    co_return last ? std::move(*last) : dns_error(url.host, "it has no address");
}

base::Error tls_error(const Url& url, const boost::system::error_code& error, AnyStream& stream) {
    if (error == boost::asio::error::operation_aborted) {
        return async::cancelled_error(url.redacted());
    }
    std::string why = error.message();
    const long verify = SSL_get_verify_result(stream.tls()->native_handle());
    if (verify != X509_V_OK) {
        why = X509_verify_cert_error_string(verify);
    }
    return {base::ErrorKind::Unavailable, "tls_failed",
            fmt::format("{}: TLS handshake: {}", url.redacted(), why),
            "check the server's certificate, or name its authority in the CA file setting"};
}

async::Task<base::Result<AnyStream>> dial_stream(DialContext dial, Url url,
                                                 std::shared_ptr<boost::asio::ssl::context> tls,
                                                 base::Duration limit) {
    WAVS_CO_TRY(auto socket, co_await connect_any(dial, url, limit));
    if (!url.secure()) {
        co_return AnyStream(std::move(socket));
    }
    AnyStream stream(std::move(socket), std::move(tls));
    boost::system::error_code not_literal;
    boost::asio::ip::make_address(url.host, not_literal);
    if (not_literal &&
        SSL_set_tlsext_host_name(stream.tls()->native_handle(), url.host.c_str()) != 1) {
        co_return base::Error(base::ErrorKind::Invalid, "tls_failed",
                              fmt::format("{}: not a valid server name", url.redacted()));
    }
    stream.tls()->set_verify_callback(boost::asio::ssl::host_name_verification(url.host));
    auto [error] =
        co_await stream.tls()->async_handshake(boost::asio::ssl::stream_base::client, kTuple);
    if (error) {
        co_return tls_error(url, error, stream);
    }
    co_return std::move(stream);
}

}  // namespace

async::Task<base::Result<std::vector<std::string>>> SystemResolver::resolve(std::string host) {
    auto resume = co_await boost::asio::this_coro::executor;
    auto work = [name = std::move(host)] { return lookup(name); };
    co_return co_await async::run_blocking(blocking_, resume, std::move(work));
}

bool is_private_address(std::string_view text) {
    boost::system::error_code error;
    const auto ip = boost::asio::ip::make_address(std::string(text), error);
    if (error) {
        return true;
    }
    return ip.is_v4() ? is_private(ip.to_v4()) : is_private(ip.to_v6());
}

AddressFilter deny_private_addresses() {
    return [](const std::string& host, const std::string& ip) -> base::Result<void> {
        if (is_private_address(ip)) {
            return base::Error(base::ErrorKind::Denied, "address_private",
                               fmt::format("host {} is not on the public internet", host),
                               "an operator may allow it in the configuration");
        }
        return base::ok();
    };
}

base::Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& ca_file) {
    namespace ssl = boost::asio::ssl;
    auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
    boost::system::error_code error;
    context->set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 |
                             ssl::context::no_sslv3 | ssl::context::no_tlsv1 |
                             ssl::context::no_tlsv1_1,
                         error);
    context->set_verify_mode(ssl::verify_peer, error);
    // A machine without system authorities still works with a CA file.
    context->set_default_verify_paths(error);
    if (!ca_file.empty()) {
        context->load_verify_file(ca_file, error);
        if (error) {
            return base::Error(base::ErrorKind::Invalid, "tls_ca_file",
                               fmt::format("cannot read CA file {}: {}", ca_file, error.message()),
                               "it must exist and hold certificates in PEM form");
        }
    }
    ERR_clear_error();
    return context;
}

async::Task<base::Result<AnyStream>> open_stream(DialContext dial, Url url,
                                                 std::shared_ptr<boost::asio::ssl::context> tls,
                                                 base::Duration limit) {
    async::Timers& timers = dial.timers;
    auto where = "connect to " + url.redacted();
    auto attempt = dial_stream(std::move(dial), std::move(url), std::move(tls), limit);
    co_return co_await async::with_timeout(timers, limit, std::move(where), std::move(attempt));
}

}  // namespace wavs::net
