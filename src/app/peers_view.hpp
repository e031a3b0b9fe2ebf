// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/http/node_api.hpp"
#include "wavs/p2p/network.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <cstdint>
#include <mutex>
#include <set>

/// What the operator sees of the peers: the answer of `GET /p2p/status`, and figures on the metrics
/// page.
namespace wavs::app {

http::P2pStatus to_p2p_status(const p2p::Status& status);

/// The TCP ports this node listens on for peers.
std::set<std::uint16_t> listen_ports(const p2p::Status& status);

/// The counters of the network as `wavs_p2p_<name>_total`, and a few gauges. Thread-safe.
class PeerMetrics {
public:
    explicit PeerMetrics(telemetry::Metrics& metrics) : metrics_(metrics) {}
    void show(const p2p::Status& status);

private:
    telemetry::Metrics& metrics_;
    // Two pages at a time would count the same twice.
    std::mutex mutex_;
};

}  // namespace wavs::app
