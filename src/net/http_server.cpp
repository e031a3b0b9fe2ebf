// SPDX-License-Identifier: Apache-2.0
#include "wavs/net/http_server.hpp"

#include "http_connection.hpp"
#include "wavs/async/one_shot.hpp"

#include <boost/asio/dispatch.hpp>

#include <map>
#include <mutex>

namespace wavs::net {

using boost::asio::ip::tcp;

async::Task<std::optional<Response>> HttpHandler::on_head(const RequestHead&) {
    co_return std::nullopt;
}
BodySink HttpHandler::body_sink(const RequestHead&) { return {}; }
std::size_t HttpHandler::body_limit(const RequestHead&, std::size_t server_limit) {
    return server_limit;
}

namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(100);

// The part that running tasks share.
struct Shared {
    Shared(async::Executor io_executor, async::Timers& t, HttpHandler& h, HttpServerOptions o)
        : io(io_executor),
          strand(async::make_strand(io_executor)),
          timers(t),
          handler(h),
          options(std::move(o)),
          acceptor(strand) {}

    struct Entry {
        async::Executor strand;
        std::weak_ptr<HttpConnection> connection;
    };

    async::Executor io;
    async::Executor strand;
    async::Timers& timers;
    HttpHandler& handler;
    HttpServerOptions options;
    tcp::acceptor acceptor;
    std::uint16_t port = 0;

    std::mutex mutex;
    std::map<std::uint64_t, Entry> open;
    std::uint64_t next_id = 0;
    bool stopping = false;
    std::optional<async::OneShot<bool>> slot_free;
    std::optional<async::OneShot<bool>> all_gone;

    std::optional<std::uint64_t> add(async::Executor on,
                                     const std::shared_ptr<HttpConnection>& connection) {
        const std::lock_guard lock(mutex);
        if (stopping) {
            return std::nullopt;
        }
        open.emplace(next_id, Entry{std::move(on), connection});
        return next_id++;
    }
    void remove(std::uint64_t id) {
        const std::lock_guard lock(mutex);
        open.erase(id);
        if (slot_free) {
            slot_free->set(true);
            slot_free.reset();
        }
        if (open.empty() && all_gone) {
            all_gone->set(true);
        }
    }
    std::optional<async::OneShot<bool>> full() {
        const std::lock_guard lock(mutex);
        if (open.size() < options.max_connections) {
            return std::nullopt;
        }
        slot_free.emplace(strand);
        return slot_free;
    }
    void for_each(void (HttpConnection::*action)()) {
        const std::lock_guard lock(mutex);
        for (const auto& [id, entry] : open) {
            boost::asio::dispatch(entry.strand, [weak = entry.connection, action] {
                if (const auto connection = weak.lock()) {
                    (connection.get()->*action)();
                }
            });
        }
    }
};

// Removes the connection from the table however its task ends.
struct Registration {
    Registration(std::shared_ptr<Shared> owner, std::uint64_t entry)
        : shared(std::move(owner)), id(entry) {}
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() { shared->remove(id); }
    std::shared_ptr<Shared> shared;
    std::uint64_t id;
};

async::Task<void> serve(std::shared_ptr<Shared> shared, std::shared_ptr<HttpConnection> connection,
                        std::uint64_t id) {
    const Registration registration(std::move(shared), id);
    co_await connection->serve();
}

async::Task<void> accept_loop(std::shared_ptr<Shared> shared,
                              std::weak_ptr<async::TaskGroup> group) {
    while (shared->acceptor.is_open()) {
        if (auto wait = shared->full()) {
            co_await wait->wait();
            continue;
        }
        auto strand = async::make_strand(shared->io);
        tcp::socket socket(strand);
        auto [error] = co_await shared->acceptor.async_accept(socket, kTuple);
        if (error == boost::asio::error::operation_aborted) {
            co_return;
        }
        if (error) {
            // Out of descriptors, or a peer that went away: neither ends the server.
            if (!(co_await shared->timers.sleep_for(kAcceptPause)).has_value()) {
                co_return;
            }
            continue;
        }
        boost::system::error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        auto connection = std::make_shared<HttpConnection>(std::move(socket), shared->timers,
                                                           shared->handler, shared->options);
        const auto tasks = group.lock();
        const auto id = tasks ? shared->add(strand, connection) : std::nullopt;
        if (!id) {
            co_return;
        }
        if (!tasks->spawn_on(strand, "connection", serve(shared, std::move(connection), *id))) {
            shared->remove(*id);
        }
    }
}

base::Error listen_error(const HttpServerOptions& options, const boost::system::error_code& error) {
    const auto address = fmt::format("{}:{}", options.host, options.port);
    if (error == boost::asio::error::address_in_use) {
        return {base::ErrorKind::Conflict, "address_in_use",
                fmt::format("cannot listen on {}: another program uses this port", address),
                "stop that program or choose another port"};
    }
    return {base::ErrorKind::Invalid, "listen_failed",
            fmt::format("cannot listen on {}: {}", address, error.message()),
            "check the host and port settings"};
}

base::Result<void> bind_and_listen(Shared& shared) {
    boost::system::error_code error;
    const auto& name = shared.options.host;
    const auto address =
        boost::asio::ip::make_address(name == "localhost" ? "127.0.0.1" : name, error);
    if (error) {
        return listen_error(shared.options, error);
    }
    const tcp::endpoint endpoint(address, shared.options.port);
    shared.acceptor.open(endpoint.protocol(), error);
    if (!error) {
        shared.acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    }
    if (!error) {
        shared.acceptor.bind(endpoint, error);
    }
    if (!error) {
        shared.acceptor.listen(tcp::acceptor::max_listen_connections, error);
    }
    if (error) {
        return listen_error(shared.options, error);
    }
    shared.port = shared.acceptor.local_endpoint(error).port();
    return base::ok();
}

}  // namespace

struct HttpServer::Impl {
    explicit Impl(std::shared_ptr<Shared> state)
        : shared(std::move(state)),
          tasks(std::make_shared<async::TaskGroup>(shared->strand,
                                                   fmt::format("http :{}", shared->port))) {}
    ~Impl() {
        boost::asio::dispatch(shared->strand, [state = shared] {
            boost::system::error_code ignored;
            state->acceptor.close(ignored);
        });
    }
    std::shared_ptr<Shared> shared;
    // Shared with the accept loop, which may see its own end only after this object's.
    std::shared_ptr<async::TaskGroup> tasks;
};

HttpServer::HttpServer(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

base::Result<std::unique_ptr<HttpServer>> HttpServer::listen(async::Executor io,
                                                             async::Timers& timers,
                                                             HttpHandler& handler,
                                                             HttpServerOptions options) {
    auto shared = std::make_shared<Shared>(std::move(io), timers, handler, std::move(options));
    WAVS_TRY(bind_and_listen(*shared));
    auto impl = std::make_shared<Impl>(shared);
    impl->tasks->spawn("accept", accept_loop(shared, impl->tasks));
    return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

std::uint16_t HttpServer::port() const { return impl_->shared->port; }

std::string HttpServer::url() const {
    const auto& host = impl_->shared->options.host;
    const bool v6 = host.find(':') != std::string::npos;
    return fmt::format("http://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port());
}

std::size_t HttpServer::connections() const {
    const std::lock_guard lock(impl_->shared->mutex);
    return impl_->shared->open.size();
}

async::Task<std::size_t> HttpServer::stop(base::Duration deadline) {
    auto impl = impl_;
    auto shared = impl->shared;
    async::OneShot<bool> gone(co_await boost::asio::this_coro::executor);
    boost::asio::dispatch(shared->strand, [shared] {
        boost::system::error_code ignored;
        shared->acceptor.close(ignored);
    });
    {
        const std::lock_guard lock(shared->mutex);
        shared->stopping = true;
        shared->all_gone = gone;
        if (shared->open.empty()) {
            gone.set(true);
        }
    }
    shared->for_each(&HttpConnection::finish);
    using boost::asio::experimental::awaitable_operators::operator||;
    co_await (gone.wait() || shared->timers.sleep_for(deadline));
    const auto left = connections();
    shared->for_each(&HttpConnection::cut);
    co_await impl->tasks->stop(shared->timers, std::chrono::seconds(1));
    co_return left;
}

}  // namespace wavs::net
