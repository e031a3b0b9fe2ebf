// SPDX-License-Identifier: Apache-2.0
#include "http_connection.hpp"

#include "wavs/telemetry/log.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/read.hpp>

#include <algorithm>
#include <exception>

namespace wavs::net {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t kPieceBytes = 16 * 1024;
constexpr std::size_t kFirstRead = 4 * 1024;
constexpr std::size_t kWriteBytes = 64 * 1024;
constexpr std::size_t kMaxDiscard = std::size_t{64} << 20;
constexpr auto kLinger = std::chrono::seconds(2);

bool body_allowed(unsigned status) { return status >= 200 && status != 204 && status != 304; }

// A value that came from elsewhere must not be able to start another header.
std::string one_line(std::string text) {
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
    return text;
}

bool has_framing_name(std::string_view name) {
    Headers one;
    one.add(std::string(name), "");
    return one.find("content-length") || one.find("transfer-encoding") || one.find("connection");
}

std::string header_text(const Response& response, unsigned version, bool close, bool chunked) {
    auto out = fmt::format("HTTP/1.{} {} {}\r\n", version == 10 ? 0 : 1, response.status,
                           status_name(response.status));
    for (const auto& [name, value] : response.headers.all()) {
        if (!has_framing_name(name)) {
            out += fmt::format("{}: {}\r\n", one_line(name), one_line(value));
        }
    }
    if (chunked) {
        out += "transfer-encoding: chunked\r\n";
    } else if (response.producer == nullptr && body_allowed(response.status)) {
        out += fmt::format("content-length: {}\r\n", response.body.size());
    }
    if (close) {
        out += "connection: close\r\n";
    } else if (version == 10) {
        out += "connection: keep-alive\r\n";
    }
    return out + "\r\n";
}

// The parser looks at nothing before the end of the header, which a TLS greeting never has.
bool may_be_http(const boost::beast::flat_buffer& buffer) {
    const auto data = buffer.cdata();
    const std::string_view text(static_cast<const char*>(data.data()), data.size());
    const auto method = text.substr(0, text.find(' '));
    return std::all_of(method.begin(), method.end(), [](char c) {
        return (c > ' ' && c < 0x7f && c != '"' && c != '{' && c != '}') || c == '\r' || c == '\n';
    });
}

}  // namespace

void HttpConnection::finish() {
    finishing_ = true;
    if (!busy_) {
        cut();
    }
}

void HttpConnection::cut() {
    boost::system::error_code ignored;
    socket_.close(ignored);
}

async::Task<void> HttpConnection::serve() {
    bool first = true;
    while (!finishing_ && socket_.is_open()) {
        if (!co_await next_request(first)) {
            break;
        }
        first = false;
    }
    cut();
}

async::Task<bool> HttpConnection::next_request(bool first) {
    if (buffer_.size() == 0 && !first) {
        auto waiting = wait_readable();
        auto ready = co_await async::with_timeout(timers_, options_.idle_timeout, "idle connection",
                                                  std::move(waiting));
        if (!ready.has_value()) {
            co_return false;
        }
    }
    Parser parser;
    parser.header_limit(options_.max_header_bytes);
    parser.body_limit(boost::none);
    parse_error_ = {};
    auto reading = read_header(parser);
    auto header = co_await async::with_timeout(timers_, options_.header_timeout, "request header",
                                               std::move(reading));
    if (!header.has_value()) {
        if (parse_error_) {
            co_await reject(parse_error_);
        }
        co_return false;
    }
    busy_ = true;
    const auto after = co_await handle(parser);
    busy_ = false;
    co_return after == After::KeepOpen;
}

async::Task<base::Result<void>> HttpConnection::wait_readable() {
    auto [error] = co_await socket_.async_wait(Socket::wait_read, kTuple);
    if (error) {
        co_return io_error("http_failed", "connection", error);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> HttpConnection::read_header(Parser& parser) {
    if (buffer_.size() == 0) {
        auto [gone, size] = co_await socket_.async_read_some(buffer_.prepare(kFirstRead), kTuple);
        if (gone) {
            co_return io_error("http_failed", "request header", gone);
        }
        buffer_.commit(size);
    }
    if (!may_be_http(buffer_)) {
        parse_error_ = http::make_error_code(http::error::bad_method);
        co_return io_error("http_failed", "request header", parse_error_);
    }
    auto [error, n] = co_await http::async_read_header(socket_, buffer_, parser, kTuple);
    if (!error) {
        co_return base::ok();
    }
    // Only what the peer sent can be malformed; a vanished peer gets no answer.
    const bool from_parser =
        error.category() == http::make_error_code(http::error::bad_method).category();
    if (from_parser && error != http::error::end_of_stream &&
        error != http::error::partial_message) {
        parse_error_ = error;
    }
    co_return io_error("http_failed", "request header", error);
}

async::Task<void> HttpConnection::reject(const boost::system::error_code& error) {
    Response response;
    response.status =
        error == http::error::header_limit || error == http::error::buffer_overflow ? 431 : 400;
    RequestHead none;
    co_await respond(none, 11, std::move(response), After::Close);
    co_await linger();
}

RequestHead HttpConnection::head_of(const Parser& parser) const {
    RequestHead head;
    const auto& message = parser.get();
    head.method = std::string(message.method_string());
    head.target = std::string(message.target());
    for (const auto& field : message) {
        head.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    if (const auto length = parser.content_length()) {
        head.content_length = *length;
    }
    boost::system::error_code gone;
    const auto remote = socket_.remote_endpoint(gone);
    if (!gone) {
        auto address = remote.address();
        if (address.is_v6() && address.to_v6().is_v4_mapped()) {
            address = boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address.to_v6());
        }
        head.peer = address.to_string();
        head.peer_is_loopback = address.is_loopback();
    }
    return head;
}

async::Task<Response> HttpConnection::ask_handler(Request request) {
    std::string fault;
    try {
        co_return co_await handler_.on_request(std::move(request));
    } catch (const boost::system::system_error& e) {
        if (e.code() == boost::asio::error::operation_aborted) {
            throw;
        }
        fault = e.what();
    } catch (const std::exception& e) {
        fault = e.what();
    }
    telemetry::log_error("net", "an HTTP handler threw", {{"what", fault}});
    co_return Response::text(500, "internal error");
}

async::Task<HttpConnection::After> HttpConnection::handle(Parser& parser) {
    const auto head = head_of(parser);
    const unsigned version = parser.get().version();
    const bool has_body = !parser.is_done();
    auto after = parser.get().keep_alive() && !finishing_ ? After::KeepOpen : After::Close;
    auto early = co_await handler_.on_head(head);
    if (early) {
        after = has_body ? After::Close : after;
        const bool sent = co_await respond(head, version, std::move(*early), after);
        if (has_body && sent) {
            co_await linger();
        }
        co_return sent ? after : After::Close;
    }
    Request request;
    request.head = head;
    if (has_body) {
        auto body = co_await read_body(parser, head);
        if (!body.has_value()) {
            if (parse_error_) {
                co_await reject(parse_error_);
            }
            co_return After::Close;
        }
        request.body = std::move(body.value().text);
        request.body_too_large = body.value().too_large;
        request.sink_error = std::move(body.value().sink_error);
    }
    const bool unread = request.body_too_large || request.sink_error.has_value();
    auto response = co_await ask_handler(std::move(request));
    after = unread || finishing_ ? After::Close : after;
    const bool sent = co_await respond(head, version, std::move(response), after);
    if (unread && sent) {
        co_await linger();
    }
    co_return sent ? after : After::Close;
}

async::Task<base::Result<void>> HttpConnection::send_continue() {
    std::string text = "HTTP/1.1 100 Continue\r\n\r\n";
    if (!co_await send_bytes(std::move(text))) {
        co_return async::cancelled_error("100 Continue");
    }
    co_return base::ok();
}

async::Task<base::Result<void>> HttpConnection::read_piece(Parser& parser) {
    auto [error, n] = co_await http::async_read_some(socket_, buffer_, parser, kTuple);
    if (error && error != http::error::need_buffer) {
        const bool from_parser =
            error.category() == http::make_error_code(http::error::bad_method).category();
        if (from_parser && error != http::error::partial_message &&
            error != http::error::end_of_stream) {
            parse_error_ = error;
        }
        co_return io_error("http_failed", "request body", error);
    }
    co_return base::ok();
}

async::Task<base::Result<HttpConnection::Body>> HttpConnection::read_body(Parser& parser,
                                                                          const RequestHead& head) {
    Body out;
    const auto limit = handler_.body_limit(head, options_.max_body_bytes);
    if (head.content_length && *head.content_length > limit) {
        out.too_large = true;
        co_return std::move(out);
    }
    const auto expect = head.headers.find("expect");
    if (expect && *expect == "100-continue") {
        WAVS_CO_TRY(co_await send_continue());
    }
    const auto sink = handler_.body_sink(head);
    std::vector<char> piece(kPieceBytes);
    std::size_t total = 0;
    while (!parser.is_done()) {
        parser.get().body().data = piece.data();
        parser.get().body().size = piece.size();
        auto reading = read_piece(parser);
        WAVS_CO_TRY(co_await async::with_timeout(timers_, options_.io_timeout, "request body",
                                                 std::move(reading)));
        const std::string_view got(piece.data(), piece.size() - parser.get().body().size);
        total += got.size();
        if (total > limit) {
            out.text.clear();
            out.too_large = true;
            break;
        }
        if (!sink) {
            out.text.append(got);
        } else if (auto taken = sink(base::as_bytes(got)); !taken.has_value()) {
            out.sink_error = std::move(taken.error());
            break;
        }
    }
    co_return std::move(out);
}

async::Task<base::Result<std::size_t>> HttpConnection::write_some(const char* data,
                                                                  std::size_t size) {
    auto [error, written] =
        co_await socket_.async_write_some(boost::asio::buffer(data, size), kTuple);
    if (error) {
        co_return io_error("http_failed", "response", error);
    }
    co_return written;
}

async::Task<bool> HttpConnection::send_bytes(std::string bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        auto writing = write_some(bytes.data() + sent, std::min(bytes.size() - sent, kWriteBytes));
        auto written = co_await async::with_timeout(timers_, options_.io_timeout, "response",
                                                    std::move(writing));
        if (!written.has_value()) {
            co_return false;
        }
        sent += written.value();
    }
    co_return true;
}

async::Task<bool> HttpConnection::respond(const RequestHead& head, unsigned version,
                                          Response response, After after) {
    const bool produced = response.producer != nullptr && body_allowed(response.status);
    const bool chunked = produced && version == 11;
    const bool close = after == After::Close || (produced && !chunked);
    auto text = header_text(response, version, close, chunked);
    const bool with_body = head.method != "HEAD" && body_allowed(response.status);
    if (with_body && !produced) {
        text += response.body;
    }
    if (!co_await send_bytes(std::move(text))) {
        co_return false;
    }
    if (produced && with_body) {
        co_return co_await send_produced(response.producer, chunked) && !close;
    }
    co_return true;
}

async::Task<bool> HttpConnection::send_produced(std::shared_ptr<BodyProducer> producer,
                                                bool chunked) {
    while (true) {
        auto piece = co_await producer->next();
        if (!piece.has_value()) {
            co_return false;
        }
        if (!piece.value()) {
            std::string end = chunked ? "0\r\n\r\n" : "";
            co_return co_await send_bytes(std::move(end));
        }
        auto& text = *piece.value();
        if (text.empty()) {
            continue;
        }
        auto framed = chunked ? fmt::format("{:x}\r\n{}\r\n", text.size(), text) : std::move(text);
        if (!co_await send_bytes(std::move(framed))) {
            co_return false;
        }
    }
}

async::Task<void> HttpConnection::linger() {
    boost::system::error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    auto reading = discard();
    auto done = co_await async::with_timeout(timers_, kLinger, "last words", std::move(reading));
    static_cast<void>(done);
}

async::Task<base::Result<void>> HttpConnection::discard() {
    std::vector<char> piece(kPieceBytes);
    for (std::size_t total = 0; total < kMaxDiscard;) {
        auto [error, n] = co_await socket_.async_read_some(boost::asio::buffer(piece), kTuple);
        if (error) {
            break;
        }
        total += n;
    }
    co_return base::ok();
}

}  // namespace wavs::net
