// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/net/http_client.hpp"

#include <string>

namespace wavs::cli {

/// What the parts of a devnet need from whoever runs it. The references outlive them. `executor` is
/// a strand on a thread that lives as long as the devnet: its child processes end with that thread.
struct Tools {
    async::Executor executor;
    async::Timers& timers;
    base::Clock& clock;
    base::RandomSource& random;
    net::HttpClient& http;
};

/// Pauses between looks at something that takes its time: short at first, longer later, at most
/// `limit` in total.
class Poller {
public:
    Poller(const Tools& tools, base::Duration limit, std::string what);
    /// Timeout, naming `what`, when the limit is over.
    async::Task<base::Result<void>> pause();

private:
    async::Timers& timers_;
    base::Clock& clock_;
    base::SteadyTime deadline_;
    base::Duration limit_;
    std::string what_;
    async::Backoff backoff_;
};

}  // namespace wavs::cli
