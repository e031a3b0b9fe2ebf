// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/ws_client.hpp"

#include "any_stream.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/base/hex.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>

namespace wavs::net {

namespace websocket = boost::beast::websocket;

namespace {

// Without permessage-deflate: chain nodes do not offer it, and it is a decompression bomb's door.
using Stream = websocket::stream<AnyStream, false>;

base::Error closed(const std::string& where, std::string_view why) {
    return {base::ErrorKind::Unavailable, "ws_closed",
            fmt::format("{}: connection closed: {}", where, why)};
}

// The part that running tasks share.
struct Core {
    Core(AnyStream transport, const DialContext& context, const WsRequest& request,
         const async::Executor& executor)
        : stream(std::move(transport)),
          timers(context.timers),
          clock(context.clock),
          write_lock(executor),
          ping_interval(request.ping_interval),
          dead_after(request.dead_after) {}

    Stream stream;
    async::Timers& timers;
    base::Clock& clock;
    async::Mutex write_lock;
    base::Duration ping_interval;
    base::Duration dead_after;
    std::string where;
    boost::beast::flat_buffer buffer;
    base::SteadyTime last_frame;
    bool receiving = false;
    bool aborted = false;
    bool dead = false;

    void touch() { last_frame = clock.steady_now(); }
    void abort() {
        aborted = true;
        stream.next_layer().close();
    }
};

// Frames are seen only while someone reads, so a consumer that lets the socket wait is not taken
// for a dead peer.
bool overdue(const Core& core) {
    return core.receiving && core.clock.steady_now() - core.last_frame >= core.dead_after;
}

async::Task<void> keep_alive(std::shared_ptr<Core> core) {
    while (!core->aborted) {
        if (!(co_await core->timers.sleep_for(core->ping_interval)).has_value()) {
            co_return;
        }
        if (overdue(*core)) {
            core->dead = true;
            core->abort();
            co_return;
        }
        auto [error] = co_await core->stream.async_ping({}, kTuple);
        if (error) {
            co_return;
        }
    }
}

std::string text_of(const websocket::close_reason& reason) {
    return fmt::format("code {} {}", reason.code,
                       std::string_view(reason.reason.data(), reason.reason.size()));
}

async::Task<base::Result<std::shared_ptr<Core>>> open(DialContext dial, WsRequest request) {
    WAVS_CO_TRY(auto url, Url::parse(request.url));
    if (!url.is_websocket()) {
        co_return base::Error(base::ErrorKind::Invalid, "url_scheme",
                              url.redacted() + ": not a WebSocket address", "use ws or wss");
    }
    std::shared_ptr<boost::asio::ssl::context> tls;
    if (url.secure()) {
        WAVS_CO_TRY(tls, make_tls_context(dial.ca_file));
    }
    WAVS_CO_TRY(auto transport, co_await open_stream(dial, url, tls, request.connect_timeout));
    auto executor = co_await boost::asio::this_coro::executor;
    auto core = std::make_shared<Core>(std::move(transport), dial, request, executor);
    core->where = url.redacted();
    core->stream.read_message_max(request.max_message_bytes);
    core->stream.text(true);
    core->stream.set_option(
        websocket::stream_base::decorator([headers = std::move(request.headers),
                                           user = url.userinfo](websocket::request_type& upgrade) {
            if (!user.empty()) {
                upgrade.set(boost::beast::http::field::authorization,
                            "Basic " + base::base64(base::as_bytes(user)));
            }
            for (const auto& [name, value] : headers.all()) {
                upgrade.set(name, value);
            }
        }));
    auto [error] = co_await core->stream.async_handshake(url.host_header(), url.target, kTuple);
    if (error) {
        co_return io_error("ws_handshake_failed", url.redacted() + ": WebSocket upgrade", error);
    }
    core->touch();
    // A plain pointer: the callback lives in the stream, which the core owns.
    core->stream.control_callback(
        [raw = core.get()](websocket::frame_type, boost::beast::string_view) { raw->touch(); });
    co_return std::move(core);
}

}  // namespace

struct WsClient::Impl {
    Impl(std::shared_ptr<Core> shared, const async::Executor& executor)
        : core(std::move(shared)), tasks(executor, "ws " + core->where) {}
    std::shared_ptr<Core> core;
    async::TaskGroup tasks;
};

WsClient::WsClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
WsClient::~WsClient() { abort(); }

async::Task<base::Result<std::unique_ptr<WsClient>>> WsClient::connect(DialContext dial,
                                                                       WsRequest request) {
    auto parsed = Url::parse(request.url);
    auto what = parsed.has_value() ? parsed.value().redacted() : std::string("WebSocket");
    async::Timers& timers = dial.timers;
    const auto limit = request.connect_timeout;
    auto work = open(std::move(dial), std::move(request));
    WAVS_CO_TRY(auto core,
                co_await async::with_timeout(timers, limit, std::move(what), std::move(work)));
    auto executor = co_await boost::asio::this_coro::executor;
    auto impl = std::make_shared<Impl>(core, executor);
    impl->tasks.spawn("keep-alive", keep_alive(core));
    co_return std::unique_ptr<WsClient>(new WsClient(std::move(impl)));
}

async::Task<base::Result<void>> WsClient::send(std::string text) {
    auto core = impl_->core;
    WAVS_CO_TRY(auto guard, co_await core->write_lock.lock());
    if (core->aborted) {
        co_return closed(core->where, "dropped by this node");
    }
    auto [error, n] = co_await core->stream.async_write(boost::asio::buffer(text), kTuple);
    if (error) {
        core->abort();
        co_return io_error("ws_closed", core->where + ": send", error);
    }
    co_return base::ok();
}

async::Task<base::Result<std::string>> WsClient::receive() {
    auto core = impl_->core;
    while (true) {
        if (core->aborted) {
            co_return closed(core->where, "dropped by this node");
        }
        core->buffer.clear();
        core->receiving = true;
        core->touch();
        auto [error, size] = co_await core->stream.async_read(core->buffer, kTuple);
        core->receiving = false;
        if (error == websocket::error::message_too_big ||
            error == websocket::error::buffer_overflow) {
            core->abort();
            co_return base::Error(base::ErrorKind::TooLarge, "ws_too_large",
                                  core->where + ": a message is above the size limit");
        }
        if (error == websocket::error::closed) {
            co_return closed(core->where, text_of(core->stream.reason()));
        }
        if (error) {
            co_return closed(core->where,
                             core->dead ? "no sign of life from the peer" : error.message());
        }
        if (core->stream.got_text()) {
            const auto data = core->buffer.cdata();
            co_return std::string(static_cast<const char*>(data.data()), data.size());
        }
    }
}

namespace {
async::Task<base::Result<void>> say_goodbye(std::shared_ptr<Core> core) {
    auto [error] = co_await core->stream.async_close(websocket::close_code::normal, kTuple);
    if (error) {
        co_return io_error("ws_closed", core->where + ": close", error);
    }
    co_return base::ok();
}
}  // namespace

async::Task<void> WsClient::close(base::Duration limit) {
    auto impl = impl_;
    if (!impl->core->aborted) {
        auto work = say_goodbye(impl->core);
        auto done = co_await async::with_timeout(impl->core->timers, limit, impl->core->where,
                                                 std::move(work));
        static_cast<void>(done);
    }
    impl->core->abort();
}

void WsClient::abort() { impl_->core->abort(); }

}  // namespace wavs::net
