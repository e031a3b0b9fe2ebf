// SPDX-License-Identifier: Apache-2.0
#pragma once

// wasi:http as one call. The manifest must grant the host in `allowed_http_hosts`; redirects are
// the caller's, since each hop must be granted too.

#include <array>
#include <utility>

#include "wavs/io.hpp"

namespace wavs::http {

struct Request {
    /// GET, POST or another method.
    std::string method = "GET";
    /// "http://" or "https://", host with an optional port, path with an optional query.
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers{};
    Bytes body{};
    /// Bodies beyond it are an error.
    std::size_t max_response = 8U << 20;
    /// Of connecting and of the first byte; 0 = the host's.
    std::uint64_t timeout_ms = 0;
};

struct Response {
    std::uint16_t status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    Bytes body;
};

/// The name of an error code as WIT has it, such as "HTTP-request-denied".
inline std::string describe(const wasi_http_types_error_code_t& error) {
    constexpr std::array<std::string_view, 39> kNames = {"DNS-timeout",
                                                         "DNS-error",
                                                         "destination-not-found",
                                                         "destination-unavailable",
                                                         "destination-IP-prohibited",
                                                         "destination-IP-unroutable",
                                                         "connection-refused",
                                                         "connection-terminated",
                                                         "connection-timeout",
                                                         "connection-read-timeout",
                                                         "connection-write-timeout",
                                                         "connection-limit-reached",
                                                         "TLS-protocol-error",
                                                         "TLS-certificate-error",
                                                         "TLS-alert-received",
                                                         "HTTP-request-denied",
                                                         "HTTP-request-length-required",
                                                         "HTTP-request-body-size",
                                                         "HTTP-request-method-invalid",
                                                         "HTTP-request-URI-invalid",
                                                         "HTTP-request-URI-too-long",
                                                         "HTTP-request-header-section-size",
                                                         "HTTP-request-header-size",
                                                         "HTTP-request-trailer-section-size",
                                                         "HTTP-request-trailer-size",
                                                         "HTTP-response-incomplete",
                                                         "HTTP-response-header-section-size",
                                                         "HTTP-response-header-size",
                                                         "HTTP-response-body-size",
                                                         "HTTP-response-trailer-section-size",
                                                         "HTTP-response-trailer-size",
                                                         "HTTP-response-transfer-coding",
                                                         "HTTP-response-content-coding",
                                                         "HTTP-response-timeout",
                                                         "HTTP-upgrade-failed",
                                                         "HTTP-protocol-error",
                                                         "loop-detected",
                                                         "configuration-error",
                                                         "internal-error"};
    return std::string(error.tag < kNames.size() ? kNames[error.tag] : "unknown HTTP error");
}

namespace detail {

inline wasi_http_types_method_t method_of(std::string_view name) {
    constexpr std::array<std::string_view, 9> kNames = {
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    wasi_http_types_method_t method{};
    const auto found = std::find(kNames.begin(), kNames.end(), name);
    method.tag = static_cast<std::uint8_t>(found - kNames.begin());
    if (found == kNames.end()) {
        method.val.other = raw::lend(name);
    }
    return method;
}

struct Url {
    bool tls;
    std::string_view authority;
    std::string_view path;
};

inline Result<Url> split(std::string_view url) {
    const bool tls = url.starts_with("https://");
    if (!tls && !url.starts_with("http://")) {
        return Error("the URL must begin with http:// or https://");
    }
    url.remove_prefix(tls ? 8 : 7);
    const auto slash = url.find('/');
    const auto path = slash == url.npos ? std::string_view("/") : url.substr(slash);
    return Url{tls, url.substr(0, slash), path};
}

inline Result<wasi_http_types_own_fields_t> fields_of(const Request& request) {
    const auto fields = wasi_http_types_constructor_fields();
    for (const auto& [name, value] : request.headers) {
        auto lent_name = raw::lend(name);
        const auto lent = raw::lend(bytes_of(value));
        wasi_http_types_field_value_t lent_value{lent.ptr, lent.len};
        wasi_http_types_header_error_t error;
        if (!wasi_http_types_method_fields_append(wasi_http_types_borrow_fields(fields), &lent_name,
                                                  &lent_value, &error)) {
            return Error("the header " + name + " is refused");
        }
    }
    return fields;
}

inline Result<wasi_http_types_own_outgoing_request_t> outgoing(const Request& request) {
    const auto url = split(request.url);
    if (!url) {
        return Error(url.error());
    }
    const auto fields = fields_of(request);
    if (!fields) {
        return Error(fields.error());
    }
    const auto made = wasi_http_types_constructor_outgoing_request(*fields);
    const auto self = wasi_http_types_borrow_outgoing_request(made);
    auto method = method_of(request.method);
    wasi_http_types_scheme_t scheme{};
    scheme.tag = url->tls ? WASI_HTTP_TYPES_SCHEME_HTTPS : WASI_HTTP_TYPES_SCHEME_HTTP;
    auto authority = raw::lend(url->authority);
    auto path = raw::lend(url->path);
    if (!wasi_http_types_method_outgoing_request_set_method(self, &method) ||
        !wasi_http_types_method_outgoing_request_set_scheme(self, &scheme) ||
        !wasi_http_types_method_outgoing_request_set_authority(self, &authority) ||
        !wasi_http_types_method_outgoing_request_set_path_with_query(self, &path)) {
        return Error("the method or URL is refused");
    }
    return made;
}

inline Result<std::monostate> send_body(wasi_http_types_own_outgoing_body_t body, BytesView bytes) {
    wasi_http_types_own_output_stream_t stream;
    if (!wasi_http_types_method_outgoing_body_write(wasi_http_types_borrow_outgoing_body(body),
                                                    &stream)) {
        return Error("the body cannot be written");
    }
    const auto written = io::write_all(stream, bytes);
    wasi_io_streams_output_stream_drop_own(stream);
    if (!written) {
        return Error(written.error());
    }
    wasi_http_types_error_code_t error;
    if (!wasi_http_types_static_outgoing_body_finish(body, nullptr, &error)) {
        return Error(describe(error));
    }
    return std::monostate();
}

inline Result<wasi_http_types_own_incoming_response_t> wait_for(
    wasi_http_types_own_future_incoming_response_t future) {
    const auto self = wasi_http_types_borrow_future_incoming_response(future);
    io::wait(wasi_http_types_method_future_incoming_response_subscribe(self));
    wasi_http_types_result_result_own_incoming_response_error_code_void_t got;
    if (!wasi_http_types_method_future_incoming_response_get(self, &got) || got.is_err) {
        return Error("the response was taken already");
    }
    if (got.val.ok.is_err) {
        return Error(describe(got.val.ok.val.err));
    }
    return got.val.ok.val.ok;
}

inline Result<Response> read(wasi_http_types_own_incoming_response_t incoming, std::size_t most) {
    const auto self = wasi_http_types_borrow_incoming_response(incoming);
    Response out;
    out.status = wasi_http_types_method_incoming_response_status(self);
    const auto headers = wasi_http_types_method_incoming_response_headers(self);
    wasi_http_types_list_tuple2_field_name_field_value_t entries;
    wasi_http_types_method_fields_entries(wasi_http_types_borrow_fields(headers), &entries);
    for (std::size_t i = 0; i < entries.len; ++i) {
        const auto& entry = entries.ptr[i];
        out.headers.emplace_back(raw::view(entry.f0), text_of(raw::view(entry.f1)));
    }
    wasi_http_types_fields_drop_own(headers);
    wasi_http_types_own_incoming_body_t body;
    wasi_http_types_own_input_stream_t stream;
    if (!wasi_http_types_method_incoming_response_consume(self, &body) ||
        !wasi_http_types_method_incoming_body_stream(wasi_http_types_borrow_incoming_body(body),
                                                     &stream)) {
        return Error("the body cannot be read");
    }
    auto bytes = io::read_all(stream, most);
    wasi_io_streams_input_stream_drop_own(stream);
    wasi_http_types_incoming_body_drop_own(body);
    wasi_http_types_incoming_response_drop_own(incoming);
    if (!bytes) {
        return Error(bytes.error());
    }
    out.body = std::move(*bytes);
    return out;
}

}  // namespace detail

/// Sends a request and reads the whole response. Errors are the names of `describe()`, or say what
/// is wrong with the request.
inline Result<Response> send(const Request& request) {
    const auto outgoing = detail::outgoing(request);
    if (!outgoing) {
        return Error(outgoing.error());
    }
    wasi_http_types_own_outgoing_body_t body;
    if (!wasi_http_types_method_outgoing_request_body(
            wasi_http_types_borrow_outgoing_request(*outgoing), &body)) {
        return Error("the request has no body");
    }
    wasi_http_types_own_request_options_t options;
    if (request.timeout_ms > 0) {
        options = wasi_http_types_constructor_request_options();
        std::uint64_t nanos = request.timeout_ms * 1'000'000;
        const auto self = wasi_http_types_borrow_request_options(options);
        wasi_http_types_method_request_options_set_connect_timeout(self, &nanos);
        wasi_http_types_method_request_options_set_first_byte_timeout(self, &nanos);
        wasi_http_types_method_request_options_set_between_bytes_timeout(self, &nanos);
    }
    wasi_http_types_own_future_incoming_response_t future;
    wasi_http_types_error_code_t error;
    if (!wasi_http_outgoing_handler_handle(*outgoing, request.timeout_ms > 0 ? &options : nullptr,
                                           &future, &error)) {
        return Error(describe(error));
    }
    // A refused request shows in the response, whatever became of its body.
    const auto sent = detail::send_body(body, request.body);
    const auto response = detail::wait_for(future);
    wasi_http_types_future_incoming_response_drop_own(future);
    if (!response) {
        return Error(response.error());
    }
    if (!sent) {
        return Error(sent.error());
    }
    return detail::read(*response, request.max_response);
}

}  // namespace wavs::http
