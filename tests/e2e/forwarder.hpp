// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace wavs::e2e {

/// A port on loopback behind which another one is, until it is cut: an endpoint that can be down
/// while the chain behind it goes on. Bytes pass as they are, so HTTP and WebSocket do. Lives on
/// the thread that runs `context`.
class Forwarder {
public:
    /// `target` is asked for its port at each connection.
    Forwarder(boost::asio::io_context& context, std::function<std::uint16_t()> target);
    ~Forwarder();
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    std::uint16_t port() const;
    /// Ends every connection; new ones are reset.
    void cut();
    void restore();
    /// Connections that were reset since the start.
    std::size_t refused() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace wavs::e2e
