// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/p2p/start.hpp"

#include <gmock/gmock.h>

#include <functional>
#include <stdexcept>

namespace wavs::p2p::testing {

/// How long a busy machine may take until the test gives up.
inline constexpr auto kPatience = std::chrono::seconds(60);

/// On loopback, on a port of the system's choice.
Options loopback(std::vector<std::string> bootstrap = {});
Identity identity(std::uint8_t key);

/// One node with the Rust library behind it.
class RealNode {
public:
    RealNode(async::Runtime& runtime, const Identity& identity, const Options& options);

    Network& operator*() const { return *network_; }
    Network* operator->() const { return network_.get(); }
    const std::string& peer() const { return peer_; }
    /// With its peer id, for the bootstrap nodes of others.
    const std::string& address() const { return address_; }

    /// The next event of this type that `wanted` agrees to; others are dropped.
    template <typename T>
    T expect(const std::function<bool(const T&)>& wanted = [](const T&) { return true; }) {
        while (true) {
            auto event = next();
            if (!event.has_value()) {
                throw std::runtime_error(event.error().full_text());
            }
            if (auto* found = std::get_if<T>(&event.value()); found != nullptr && wanted(*found)) {
                return std::move(*found);
            }
        }
    }
    /// Timeout after `kPatience`.
    base::Result<Event> next();
    Status status();
    /// Asks for the status until `wanted` agrees.
    Status wait_status(const std::function<bool(const Status&)>& wanted);
    /// Until it has so many peers in the mesh of this service.
    void wait_mesh(const types::ServiceId& service, std::uint32_t peers);

private:
    // Until the process ends: a thread of the pool that has just answered may still be about to let
    // go of it when the answer is taken already.
    boost::asio::io_context& context_;
    async::SystemTimers timers_;
    std::unique_ptr<Network> network_;
    std::string address_;
    std::string peer_;
};

}  // namespace wavs::p2p::testing
