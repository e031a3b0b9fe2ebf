// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/net/dial.hpp"
#include "wavs/net/http_client.hpp"
#include "wavs/types/chain_config.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>

namespace wavs::chain_evm {

struct ChainHealth {
    bool healthy = false;
    /// Of an unhealthy chain: the text of docs/protocol/05-evm.md 8, beginning with "[chain] ".
    std::string error;
    /// Endpoints (scheme, host, port) that failed, also of a healthy chain.
    std::map<std::string, std::string> endpoints;
};

struct HealthLimits {
    base::Duration per_endpoint = std::chrono::seconds(5);
    base::Duration overall = std::chrono::seconds(10);
};

/// Asks every endpoint of one chain at the same time: healthy when at least
/// one of each kind works, if there is one, HTTP and WebSocket. Runs on the caller's strand.
async::Task<ChainHealth> check_health(types::ChainKey chain, types::NamedChainConfig config,
                                      net::DialContext dial, net::HttpClient& http,
                                      HealthLimits limits = {});

}  // namespace wavs::chain_evm
