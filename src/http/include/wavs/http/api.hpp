// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/http/http_options.hpp"
#include "wavs/http/node_api.hpp"
#include "wavs/net/http_server.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::http {

/// What the interface works with besides the node. All of it must outlive the interface.
struct Environment {
    /// Whatever the strands of changes are made on.
    async::Executor executor;
    async::Timers& timers;
    const base::Clock& clock;
    telemetry::Metrics& metrics;
};

/// The interface without its sockets: a request in, a response out. Requests may come from any
/// executor at the same time. Changes (everything but GET) run as tasks of the interface, so a
/// client that leaves does not cancel them; `stop()` does and must be called before destruction.
class Api final : public net::HttpHandler {
public:
    Api(HttpOptions options, NodeApi& node, const Environment& environment);
    ~Api() override;

    /// What needs no body: unknown paths, wrong methods, CORS, tokens.
    async::Task<std::optional<net::Response>> on_head(const net::RequestHead& head) override;
    /// Everything, those checks included.
    async::Task<net::Response> on_request(net::Request request) override;

    /// Cancels changes under way. Returns the names of those that did not end in time.
    async::Task<std::vector<std::string>> stop(base::Duration deadline);

    const HttpOptions& options() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::http
