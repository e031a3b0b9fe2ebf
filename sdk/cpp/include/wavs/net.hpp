// SPDX-License-Identifier: Apache-2.0
#pragma once

// wasi:sockets and wasi:tls. Sockets need the manifest's `raw_sockets`, names `dns_resolution`; TLS
// only wraps streams that are there already.

#include <array>

#include "wavs/io.hpp"

namespace wavs::net {

/// An IPv4 address and a port.
struct Address {
    std::array<std::uint8_t, 4> ip{};
    std::uint16_t port = 0;
};

/// A stream in both directions.
struct Stream {
    wasi_io_streams_own_input_stream_t in;
    wasi_io_streams_own_output_stream_t out;
};

/// The name of an error code as WIT has it, such as "access-denied".
inline std::string describe(wasi_sockets_network_error_code_t error) {
    constexpr std::array<std::string_view, 21> kNames = {"unknown",
                                                         "access-denied",
                                                         "not-supported",
                                                         "invalid-argument",
                                                         "out-of-memory",
                                                         "timeout",
                                                         "concurrency-conflict",
                                                         "not-in-progress",
                                                         "would-block",
                                                         "invalid-state",
                                                         "new-socket-limit",
                                                         "address-not-bindable",
                                                         "address-in-use",
                                                         "remote-unreachable",
                                                         "connection-refused",
                                                         "connection-reset",
                                                         "connection-aborted",
                                                         "datagram-too-large",
                                                         "name-unresolvable",
                                                         "temporary-resolver-failure",
                                                         "permanent-resolver-failure"};
    return std::string(error < kNames.size() ? kNames[error] : "unknown");
}

namespace detail {

inline wasi_sockets_network_ip_socket_address_t raw_address(const Address& address) {
    wasi_sockets_network_ip_socket_address_t out{};
    out.tag = WASI_SOCKETS_NETWORK_IP_SOCKET_ADDRESS_IPV4;
    out.val.ipv4.port = address.port;
    out.val.ipv4.address = {address.ip[0], address.ip[1], address.ip[2], address.ip[3]};
    return out;
}

inline wasi_sockets_network_borrow_network_t network() {
    return wasi_sockets_network_borrow_network(wasi_sockets_instance_network_instance_network());
}

/// Repeats `attempt` (true: done, false: the code) until it is not "would-block".
template <class Attempt>
Result<std::monostate> until_done(
    wasi_io_poll_own_pollable_t (*subscribe)(wasi_sockets_tcp_borrow_tcp_socket_t),
    wasi_sockets_tcp_borrow_tcp_socket_t socket, Attempt attempt) {
    while (true) {
        wasi_sockets_network_error_code_t error = 0;
        if (attempt(&error)) {
            return std::monostate();
        }
        if (error != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            return Error(describe(error));
        }
        io::wait(subscribe(socket));
    }
}

}  // namespace detail

/// A TCP connection; the socket lives as long as the run.
inline Result<Stream> connect(const Address& to) {
    wasi_sockets_tcp_create_socket_own_tcp_socket_t socket;
    wasi_sockets_network_error_code_t error = 0;
    if (!wasi_sockets_tcp_create_socket_create_tcp_socket(
            WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &socket, &error)) {
        return Error(describe(error));
    }
    const auto self = wasi_sockets_tcp_borrow_tcp_socket(socket);
    auto address = detail::raw_address(to);
    if (!wasi_sockets_tcp_method_tcp_socket_start_connect(self, detail::network(), &address,
                                                          &error)) {
        return Error(describe(error));
    }
    wasi_sockets_tcp_tuple2_own_input_stream_own_output_stream_t streams;
    const auto done =
        detail::until_done(wasi_sockets_tcp_method_tcp_socket_subscribe, self, [&](auto* code) {
            return wasi_sockets_tcp_method_tcp_socket_finish_connect(self, &streams, code);
        });
    if (!done) {
        return Error(done.error());
    }
    return Stream{streams.f0, streams.f1};
}

/// Sends one datagram from a fresh socket and waits for one back.
inline Result<Bytes> ask_udp(const Address& to, BytesView datagram) {
    wasi_sockets_udp_create_socket_own_udp_socket_t socket;
    wasi_sockets_network_error_code_t error = 0;
    if (!wasi_sockets_udp_create_socket_create_udp_socket(
            WASI_SOCKETS_NETWORK_IP_ADDRESS_FAMILY_IPV4, &socket, &error)) {
        return Error(describe(error));
    }
    const auto self = wasi_sockets_udp_borrow_udp_socket(socket);
    auto any = detail::raw_address({});
    if (!wasi_sockets_udp_method_udp_socket_start_bind(self, detail::network(), &any, &error)) {
        return Error(describe(error));
    }
    while (!wasi_sockets_udp_method_udp_socket_finish_bind(self, &error)) {
        if (error != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
            return Error(describe(error));
        }
        io::wait(wasi_sockets_udp_method_udp_socket_subscribe(self));
    }
    auto address = detail::raw_address(to);
    wasi_sockets_udp_tuple2_own_incoming_datagram_stream_own_outgoing_datagram_stream_t streams;
    if (!wasi_sockets_udp_method_udp_socket_stream(self, &address, &streams, &error)) {
        return Error(describe(error));
    }
    const auto in = wasi_sockets_udp_borrow_incoming_datagram_stream(streams.f0);
    const auto out = wasi_sockets_udp_borrow_outgoing_datagram_stream(streams.f1);
    std::uint64_t permits = 0;
    while (wasi_sockets_udp_method_outgoing_datagram_stream_check_send(out, &permits, &error) &&
           permits == 0) {
        io::wait(wasi_sockets_udp_method_outgoing_datagram_stream_subscribe(out));
    }
    wasi_sockets_udp_outgoing_datagram_t one{};
    one.data = raw::lend(datagram);
    wasi_sockets_udp_list_outgoing_datagram_t list{&one, 1};
    std::uint64_t sent = 0;
    if (!wasi_sockets_udp_method_outgoing_datagram_stream_send(out, &list, &sent, &error)) {
        return Error(describe(error));
    }
    wasi_sockets_udp_list_incoming_datagram_t got{};
    while (got.len == 0) {
        io::wait(wasi_sockets_udp_method_incoming_datagram_stream_subscribe(in));
        if (!wasi_sockets_udp_method_incoming_datagram_stream_receive(in, 1, &got, &error)) {
            return Error(describe(error));
        }
    }
    const auto view = raw::view(got.ptr[0].data);
    return Bytes(view.begin(), view.end());
}

/// The first IPv4 address of a name.
inline Result<std::array<std::uint8_t, 4>> lookup(std::string_view name) {
    auto lent = raw::lend(name);
    wasi_sockets_ip_name_lookup_own_resolve_address_stream_t stream;
    wasi_sockets_network_error_code_t error = 0;
    if (!wasi_sockets_ip_name_lookup_resolve_addresses(detail::network(), &lent, &stream, &error)) {
        return Error(describe(error));
    }
    const auto self = wasi_sockets_ip_name_lookup_borrow_resolve_address_stream(stream);
    while (true) {
        wasi_sockets_ip_name_lookup_option_ip_address_t found;
        if (!wasi_sockets_ip_name_lookup_method_resolve_address_stream_resolve_next_address(
                self, &found, &error)) {
            if (error != WASI_SOCKETS_NETWORK_ERROR_CODE_WOULD_BLOCK) {
                return Error(describe(error));
            }
            io::wait(wasi_sockets_ip_name_lookup_method_resolve_address_stream_subscribe(self));
        } else if (!found.is_some) {
            return Error("the name has no IPv4 address");
        } else if (found.val.tag == WASI_SOCKETS_NETWORK_IP_ADDRESS_IPV4) {
            const auto& ip = found.val.val.ipv4;
            return std::array<std::uint8_t, 4>{ip.f0, ip.f1, ip.f2, ip.f3};
        }
    }
}

/// TLS over a connection, as `server_name`.
inline Result<Stream> secure(const Stream& plain, std::string_view server_name) {
    auto name = raw::lend(server_name);
    const auto handshake = wasi_tls_types_constructor_client_handshake(&name, plain.in, plain.out);
    const auto future = wasi_tls_types_static_client_handshake_finish(handshake);
    const auto self = wasi_tls_types_borrow_future_client_streams(future);
    io::wait(wasi_tls_types_method_future_client_streams_subscribe(self));
    wasi_tls_types_result_result_tuple3_own_client_connection_own_input_stream_own_output_stream_own_io_error_void_t
        got;
    if (!wasi_tls_types_method_future_client_streams_get(self, &got) || got.is_err) {
        return Error("the handshake has no result");
    }
    if (got.val.ok.is_err) {
        wavs_string_t text;
        wasi_io_error_method_error_to_debug_string(wasi_io_error_borrow_error(got.val.ok.val.err),
                                                   &text);
        return Error(std::string(raw::view(text)));
    }
    const auto& streams = got.val.ok.val.ok;
    return Stream{streams.f1, streams.f2};
}

}  // namespace wavs::net
