// SPDX-License-Identifier: Apache-2.0
#include "byte_relay.hpp"

#include <boost/asio/write.hpp>

#include <array>

namespace wavs::chain_evm::testing {
namespace {

constexpr std::size_t kPiece = 16 << 10;

}  // namespace

void reset(boost::asio::ip::tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.set_option(boost::asio::socket_base::linger(true, 0), ignored);
    socket.close(ignored);
}

async::Task<void> Gate::pass() {
    while (!open_) {
        co_await timer_.async_wait(kTuple);
    }
}

template <typename From, typename To>
async::Task<void> ByteRelay::pump(From& from, To& to) {
    std::array<char, kPiece> piece{};
    while (true) {
        const auto [read_error, size] =
            co_await from.async_read_some(boost::asio::buffer(piece), kTuple);
        if (!gate_.is_open()) {
            ++held_;
            co_await gate_.pass();
        }
        if (read_error) {
            co_return;
        }
        const auto [write_error, sent] =
            co_await boost::asio::async_write(to, boost::asio::buffer(piece.data(), size), kTuple);
        if (write_error) {
            co_return;
        }
    }
}

async::Task<void> ByteRelay::to_inner(std::shared_ptr<ByteRelay> self) {
    co_await self->pump(self->client_, self->inner_);
    self->close();
}

async::Task<void> ByteRelay::to_client(std::shared_ptr<ByteRelay> self) {
    co_await self->pump(self->inner_, self->client_);
    self->close();
}

void ByteRelay::close() {
    boost::system::error_code ignored;
    client_.close(ignored);
    inner_.close(ignored);
}

bool ByteRelay::reset() {
    if (!client_.is_open()) {
        return false;
    }
    testing::reset(client_);
    close();
    return true;
}

}  // namespace wavs::chain_evm::testing
