// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/testing/fault_proxy.hpp"

#include "ws_link.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <fmt/format.h>

#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace wavs::chain_evm::testing {
namespace {

namespace http = boost::beast::http;
using boost::asio::ip::tcp;

// Every object that still exists; the others are forgotten.
template <typename T>
std::vector<std::shared_ptr<T>> alive(std::vector<std::weak_ptr<T>>& all) {
    std::vector<std::shared_ptr<T>> out;
    for (const auto& one : all) {
        if (auto still = one.lock()) {
            out.push_back(std::move(still));
        }
    }
    all.assign(out.begin(), out.end());
    return out;
}

}  // namespace

/// Everything runs on its thread; what other threads order is posted there.
struct FaultProxy::Impl {
    explicit Impl(const Options& options)
        : target_port(options.target_port),
          acceptor(context, {boost::asio::ip::address_v4::loopback(), 0}),
          port(acceptor.local_endpoint().port()),
          rpc(options.seed),
          gate(context),
          group(context.get_executor(), "fault proxy") {
        group.spawn("accept", accept());
        thread = std::thread([this] { context.run(); });
    }
    ~Impl() {
        context.stop();
        thread.join();
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;

    template <typename Function>
    auto on_thread(Function function) {
        std::packaged_task<std::invoke_result_t<Function>()> task(std::move(function));
        auto done = task.get_future();
        boost::asio::post(context, [&task] { task(); });
        return done.get();
    }

    async::Task<void> accept() {
        while (true) {
            tcp::socket client(context);
            if (const auto [error] = co_await acceptor.async_accept(client, kTuple); error) {
                co_return;
            }
            ++rpc.counts.connections;
            if (rpc.faults.refuse) {
                ++rpc.counts.refused;
                reset(client);
                continue;
            }
            serve(std::move(client));
        }
    }

    void serve(tcp::socket client) {
        ByteRelay::Inner near(context);
        ByteRelay::Inner far(context);
        boost::asio::local::connect_pair(near, far);
        auto relay = std::make_shared<ByteRelay>(std::move(client), std::move(near), gate,
                                                 rpc.counts.silenced);
        std::erase_if(relays, [](const auto& one) { return one.expired(); });
        relays.push_back(relay);
        group.spawn("to inner", ByteRelay::to_inner(relay));
        group.spawn("to client", ByteRelay::to_client(relay));
        group.spawn("messages", messages(std::move(far)));
    }

    async::Task<void> messages(ByteRelay::Inner socket) {
        boost::beast::flat_buffer buffer;
        while (true) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(boost::none);
            if (const auto [error, n] = co_await http::async_read(socket, buffer, parser, kTuple);
                error) {
                co_return;
            }
            auto request = parser.release();
            if (boost::beast::websocket::is_upgrade(request)) {
                auto link = std::make_shared<WsLink>(std::move(socket), rpc, target_port);
                links.push_back(link);
                co_await WsLink::run(std::move(link), std::move(request), group);
                co_return;
            }
            auto response = co_await respond(std::move(request));
            if (const auto [error, n] = co_await http::async_write(socket, response, kTuple);
                error || response.need_eof()) {
                co_return;
            }
        }
    }

    async::Task<HttpResponse> respond(HttpRequest request) {
        HttpResponse response(http::status::ok, request.version());
        response.set(http::field::content_type, "application/json");
        co_await delay();
        std::uint64_t head = 0;
        if (rpc.faults.lag > 0) {
            head = co_await ask_head(target_port);
        }
        auto verdict = rpc.on_request(request.body(), head);
        if (verdict.kind == Verdict::Kind::Forward) {
            ++in_flight;
            auto answer = co_await ask(target_port, std::move(verdict.text));
            --in_flight;
            response.result(answer ? answer->result() : http::status::bad_gateway);
            response.body() = answer ? std::move(answer->body()) : std::string();
        } else if (verdict.kind == Verdict::Kind::Answer) {
            response.result(verdict.status);
            response.body() = std::move(verdict.text);
        } else {
            response.result(http::status::too_many_requests);
        }
        co_await delay();
        response.keep_alive(request.keep_alive());
        response.prepare_payload();
        co_return response;
    }

    async::Task<void> delay() {
        if (rpc.faults.delay.count() > 0) {
            ++rpc.counts.delayed;
            boost::asio::steady_timer timer(context, rpc.faults.delay);
            co_await timer.async_wait(kTuple);
        }
    }

    void set(const Faults& faults) {
        rpc.faults = faults;
        gate.set_open(!faults.silent);
        for (const auto& link : alive(links)) {
            link->on_faults_changed();
        }
    }

    void drop() {
        for (const auto& relay : alive(relays)) {
            rpc.counts.dropped += relay->reset() ? 1 : 0;
        }
    }

    boost::asio::io_context context;
    std::uint16_t target_port;
    tcp::acceptor acceptor;
    std::uint16_t port;
    RpcFaults rpc;
    Gate gate;
    std::size_t in_flight = 0;
    std::vector<std::weak_ptr<ByteRelay>> relays;
    std::vector<std::weak_ptr<WsLink>> links;
    async::TaskGroup group;
    std::thread thread;
};

FaultProxy::FaultProxy(Options options) : impl_(std::make_unique<Impl>(options)) {}
FaultProxy::~FaultProxy() = default;

std::string FaultProxy::http_url() const { return fmt::format("http://127.0.0.1:{}", impl_->port); }
std::string FaultProxy::ws_url() const { return fmt::format("ws://127.0.0.1:{}", impl_->port); }

void FaultProxy::set(const Faults& faults) {
    impl_->on_thread([this, &faults] { impl_->set(faults); });
}

Faults FaultProxy::faults() const {
    return impl_->on_thread([this] { return impl_->rpc.faults; });
}

FaultCounts FaultProxy::counts() const {
    return impl_->on_thread([this] { return impl_->rpc.counts; });
}

std::size_t FaultProxy::in_flight() const {
    return impl_->on_thread([this] { return impl_->in_flight; });
}

void FaultProxy::drop_connections() {
    impl_->on_thread([this] { impl_->drop(); });
}

void FaultProxy::swallow(Notifications kind) {
    impl_->on_thread([this, kind] {
        for (const auto& link : alive(impl_->links)) {
            link->swallow(kind);
        }
    });
}

void FaultProxy::truncate_next() {
    impl_->on_thread([this] { ++impl_->rpc.truncations_left; });
}

void FaultProxy::rate_limit(std::size_t messages) {
    impl_->on_thread([this, messages] { impl_->rpc.rate_limited_left += messages; });
}

void FaultProxy::clear() {
    impl_->on_thread([this] {
        impl_->rpc.truncations_left = 0;
        impl_->rpc.rate_limited_left = 0;
        impl_->set({});
    });
}

}  // namespace wavs::chain_evm::testing
