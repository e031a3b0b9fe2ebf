// SPDX-License-Identifier: Apache-2.0
#include "real/real_network.hpp"

#include "wavs/rt/native.hpp"

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace wavs::p2p::testing {
namespace {

std::unique_ptr<Network> start(const Options& options, const Identity& identity,
                               const Environment& environment) {
    auto network = start_network(options, identity, environment);
    if (!network.has_value()) {
        throw std::runtime_error(network.error().full_text());
    }
    return std::move(network.value());
}

boost::asio::io_context& lasting_context() {
    static std::deque<boost::asio::io_context> contexts;
    return contexts.emplace_back();
}

}  // namespace

Options loopback(std::vector<std::string> bootstrap) {
    Options options;
    options.discovery = Discovery::Remote;
    options.listen_addresses = {"/ip4/127.0.0.1/tcp/0"};
    options.bootstrap_nodes = std::move(bootstrap);
    return options;
}

Identity identity(std::uint8_t key) {
    Identity out;
    out.writable()[0] = key;
    return out;
}

RealNode::RealNode(async::Runtime& runtime, const Identity& identity, const Options& options)
    : context_(lasting_context()),
      network_(start(options, identity,
                     {rt::native_peer_library(), context_.get_executor(), runtime.blocking()})),
      address_(expect<Listening>().address),
      peer_(status().local_peer) {}

base::Result<Event> RealNode::next() {
    return async::testing::run(
        context_, async::with_timeout(timers_, kPatience, "an event", network_->next()));
}

Status RealNode::status() {
    auto status = async::testing::run(context_, network_->status());
    if (!status.has_value()) {
        throw std::runtime_error(status.error().full_text());
    }
    return std::move(status.value());
}

Status RealNode::wait_status(const std::function<bool(const Status&)>& wanted) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (true) {
        auto found = status();
        if (wanted(found)) {
            return found;
        }
        if (std::chrono::steady_clock::now() > until) {
            throw std::runtime_error("the status did not become what the test waits for");
        }
        // Each status is a turn of the other thread; a pause keeps this from taking its processor.
        (void)async::testing::run(context_, timers_.sleep_for(std::chrono::milliseconds(5)));
    }
}

void RealNode::wait_mesh(const types::ServiceId& service, std::uint32_t peers) {
    wait_status([&](const Status& status) {
        return std::ranges::any_of(status.topics, [&](const TopicStatus& topic) {
            return topic.service == service && topic.mesh_peers >= peers;
        });
    });
}

}  // namespace wavs::p2p::testing
