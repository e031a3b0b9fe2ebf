// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace wavs::chain_evm::testing {

inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);

/// What waits for it goes on when it is open. From one thread.
class Gate {
public:
    explicit Gate(boost::asio::io_context& context)
        : timer_(context, std::chrono::steady_clock::time_point::max()) {}

    void set_open(bool open) {
        open_ = open;
        if (open) {
            timer_.cancel();
        }
    }
    bool is_open() const { return open_; }
    async::Task<void> pass();

private:
    boost::asio::steady_timer timer_;
    bool open_ = true;
};

/// Carries bytes between a client's connection and the socket pair behind it, where messages begin.
/// While the gate is closed it takes and gives nothing, so that not even a ping is answered.
class ByteRelay : public std::enable_shared_from_this<ByteRelay> {
public:
    using Client = boost::asio::ip::tcp::socket;
    using Inner = boost::asio::local::stream_protocol::socket;

    ByteRelay(Client client, Inner inner, Gate& gate, std::size_t& held)
        : client_(std::move(client)), inner_(std::move(inner)), gate_(gate), held_(held) {}

    /// Each until either side has ended.
    static async::Task<void> to_inner(std::shared_ptr<ByteRelay> self);
    static async::Task<void> to_client(std::shared_ptr<ByteRelay> self);
    /// The client sees a reset. False when it has ended already.
    bool reset();

private:
    template <typename From, typename To>
    async::Task<void> pump(From& from, To& to);
    void close();

    Client client_;
    Inner inner_;
    Gate& gate_;
    std::size_t& held_;
};

/// Closes without a farewell.
void reset(boost::asio::ip::tcp::socket& socket);

}  // namespace wavs::chain_evm::testing
