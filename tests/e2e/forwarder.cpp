// SPDX-License-Identifier: Apache-2.0
#include "forwarder.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <vector>

namespace wavs::e2e {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

struct Link {
    explicit Link(tcp::socket accepted)
        : client(std::move(accepted)), node(client.get_executor()) {}
    void close() {
        boost::system::error_code ignored;
        client.close(ignored);
        node.close(ignored);
    }
    tcp::socket client;
    tcp::socket node;
};

asio::awaitable<void> pass(std::shared_ptr<Link> link, tcp::socket& from, tcp::socket& to) {
    std::array<char, 64 << 10> buffer;
    while (true) {
        const auto [error, size] = co_await from.async_read_some(asio::buffer(buffer), kAwait);
        if (error) {
            break;
        }
        const auto [failed, written] =
            co_await asio::async_write(to, asio::buffer(buffer, size), kAwait);
        if (failed) {
            break;
        }
    }
    link->close();
}

asio::awaitable<void> serve(std::shared_ptr<Link> link, std::uint16_t port) {
    const auto [error] =
        co_await link->node.async_connect({asio::ip::address_v4::loopback(), port}, kAwait);
    if (error) {
        link->close();
        co_return;
    }
    const auto executor = link->client.get_executor();
    asio::co_spawn(executor, pass(link, link->client, link->node), asio::detached);
    asio::co_spawn(executor, pass(link, link->node, link->client), asio::detached);
}

}  // namespace

struct Forwarder::State {
    State(asio::io_context& context, std::function<std::uint16_t()> asked)
        : acceptor(context, {asio::ip::address_v4::loopback(), 0}), target(std::move(asked)) {}

    void end_links() {
        for (const auto& link : links) {
            if (const auto alive = link.lock()) {
                alive->close();
            }
        }
        links.clear();
    }
    void take(tcp::socket accepted) {
        if (is_cut) {
            ++refused;
            // Reset, as by a machine where nobody listens.
            accepted.set_option(asio::socket_base::linger(true, 0));
            return;
        }
        auto link = std::make_shared<Link>(std::move(accepted));
        links.push_back(link);
        asio::co_spawn(acceptor.get_executor(), serve(std::move(link), target()), asio::detached);
    }
    static asio::awaitable<void> accept(std::shared_ptr<State> state) {
        while (true) {
            auto [error, socket] = co_await state->acceptor.async_accept(kAwait);
            if (error) {
                co_return;
            }
            state->take(std::move(socket));
        }
    }

    tcp::acceptor acceptor;
    std::function<std::uint16_t()> target;
    std::vector<std::weak_ptr<Link>> links;
    bool is_cut = false;
    std::size_t refused = 0;
};

Forwarder::Forwarder(asio::io_context& context, std::function<std::uint16_t()> target)
    : state_(std::make_shared<State>(context, std::move(target))) {
    asio::co_spawn(context, State::accept(state_), asio::detached);
}

Forwarder::~Forwarder() {
    cut();
    boost::system::error_code ignored;
    state_->acceptor.close(ignored);
}

std::uint16_t Forwarder::port() const { return state_->acceptor.local_endpoint().port(); }

void Forwarder::cut() {
    state_->is_cut = true;
    state_->end_links();
}

void Forwarder::restore() { state_->is_cut = false; }

std::size_t Forwarder::refused() const { return state_->refused; }

}  // namespace wavs::e2e
