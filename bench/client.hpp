// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/cli/node_client.hpp"
#include "wavs/cli/tools.hpp"
#include "wavs/types/manifest.hpp"
#include "wavs/types/trigger_data.hpp"

namespace wavs::bench {

/// The side of the user: a thread's own event loop with what tools and HTTP requests need. All
/// child processes must be started from the thread that owns it.
class ClientSide {
public:
    /// `connections` are kept open to one node.
    explicit ClientSide(std::size_t connections = 8);
    ~ClientSide() { threads_.stop(); }
    ClientSide(const ClientSide&) = delete;
    ClientSide& operator=(const ClientSide&) = delete;

    template <typename T>
    T must(async::Task<base::Result<T>> task) {
        return bench::must(async::testing::run(context_, std::move(task)));
    }
    void must(async::Task<base::Result<void>> task) {
        bench::must(async::testing::run(context_, std::move(task)));
    }
    void pause(base::Duration duration) { must(timers_.sleep_for(duration)); }

    net::HttpClient& http() { return http_; }
    /// Somebody else, with connections of their own.
    std::unique_ptr<net::HttpClient> another_client(std::size_t connections) const;
    async::Timers& timers() { return timers_; }
    const cli::Tools& tools() const { return tools_; }
    boost::asio::io_context& context() { return context_; }

private:
    boost::asio::io_context context_;
    async::SystemTimers timers_;
    base::SystemClock clock_;
    base::SeededRandom random_{1};
    async::Runtime threads_{{.io_threads = 1, .blocking_threads = 1}};
    net::SystemResolver resolver_{threads_.blocking()};
    net::DialContext dial_{timers_, clock_, resolver_, {}, {}};
    net::HttpClient http_;
    cli::Tools tools_;
};

/// Nothing listens there.
inline constexpr std::string_view kDeadHttp = "http://127.0.0.1:9";
inline constexpr std::string_view kDeadWs = "ws://127.0.0.1:9";

/// Stores one of the example components on a node.
types::ComponentDigest upload(ClientSide& side, cli::NodeClient& node, std::string_view name);

/// Stores the echo and the aggregator component and registers a service with one workflow: started
/// by hand, its result signed. The chain it goes to is out of reach, so results wait on disk, but
/// for the service's share that is followed.
types::Service register_bench_service(ClientSide& side, cli::NodeClient& node);

/// An event for that service; equal numbers give equal events.
types::TriggerAction action_of(const types::TriggerConfig& config, std::uint64_t number);
types::TriggerConfig config_of(const types::Service& service);

}  // namespace wavs::bench
