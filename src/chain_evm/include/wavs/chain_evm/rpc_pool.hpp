// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task_group.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/telemetry/metrics.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace wavs::chain_evm {

/// How badly each of several endpoints did lately: each failure adds one, and half of it is
/// forgotten in a minute. Not thread-safe.
class EndpointScores {
public:
    static constexpr base::Duration kHalfLife = std::chrono::minutes(1);

    EndpointScores(std::size_t endpoints, const base::Clock& clock)
        : clock_(&clock), scores_(endpoints) {}
    void failed(std::size_t endpoint);
    /// In whole failures: those that differ by less did equally well.
    unsigned of(std::size_t endpoint) const;

private:
    struct Score {
        double value = 0;
        base::SteadyTime at;
    };
    double now_of(const Score& score) const;

    const base::Clock* clock_;
    std::vector<Score> scores_;
};

/// One endpoint of a pool, for status and health.
struct EndpointState {
    /// Scheme, host and port.
    std::string endpoint;
    bool in_use = false;
    /// It answers, as far as is known.
    bool usable = true;
    unsigned recent_failures = 0;
    std::string last_error;
};

/// The endpoints of one chain as one: a call goes to the best of them, in the configured order
/// among equals, and to the next one when no valid answer came or the provider refused for its rate
/// limit. Every method we use may be sent twice, for a transaction has one hash. An endpoint serves
/// only after it has named the expected chain; one that failed comes back when it answers a probe
/// in the background, so that no call waits for a dead one again. With all failing, the call goes
/// to each of them. Thread-safe. Owned by the chain, with its clients. Errors: the endpoint's own
/// when there is one; `no_endpoint_answers` (Unavailable), which names all; `wrong_chain`
/// (Invalid).
class RpcPool final : public RpcTransport, public std::enable_shared_from_this<RpcPool> {
public:
    struct Options {
        /// For log lines and metric labels, such as "evm:31337".
        std::string name;
        /// Compared with `eth_chainId` when set.
        std::optional<std::uint64_t> chain_id;
        base::Duration wrong_chain_pause = std::chrono::minutes(5);
        base::Duration first_probe = std::chrono::seconds(1);
        base::Duration last_probe = std::chrono::seconds(30);
        base::Duration probe_timeout = std::chrono::seconds(5);
    };
    /// At least one endpoint. `executor` is for the probes.
    RpcPool(Options options, std::vector<std::shared_ptr<RpcTransport>> endpoints,
            async::Executor executor, async::Timers& timers, const base::Clock& clock,
            telemetry::Metrics* metrics = nullptr);

    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override;
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override;
    /// The one that the next call goes to.
    std::string endpoint() const override;

    /// The best endpoint alone, without the others: for calls whose answers must fit together.
    std::shared_ptr<RpcTransport> steady();

    std::vector<EndpointState> state() const;

private:
    class Steady;
    struct Endpoint {
        std::shared_ptr<RpcTransport> transport;
        bool right_chain = false;
        /// Since its last failure nothing succeeded.
        bool suspect = false;
        bool probing = false;
        /// Not before.
        base::SteadyTime probe_at;
        /// It named another chain: nothing is asked of it before `probe_at` if there is another.
        bool wrong_chain = false;
        base::Duration probe_step{};
        std::string last_error;
    };

    /// The best first.
    std::vector<std::size_t> order();
    std::vector<std::size_t> ranked_locked() const;
    std::vector<std::size_t> due_for_probe_locked(std::size_t best);
    async::Task<base::Result<void>> check_chain(std::size_t at);
    async::Task<base::Result<RpcReply>> call_at(std::size_t at, std::string method,
                                                std::string params);
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order_at(
        std::size_t at, std::string method, std::vector<std::string> params);
    void take_note(std::size_t at, const std::optional<base::Error>& failure);
    void succeeded(std::size_t at);
    void failed(std::size_t at, const base::Error& error);
    /// What is told when no endpoint answered.
    base::Error none_answered(std::string_view method,
                              const std::vector<base::Error>& errors) const;
    static async::Task<void> probe(std::weak_ptr<RpcPool> self, std::size_t at);

    const Options options_;
    async::Timers& timers_;
    const base::Clock& clock_;
    std::optional<telemetry::Counter> switches_;
    std::optional<telemetry::Counter> wrong_chain_;
    async::TaskGroup tasks_;

    mutable std::mutex mutex_;
    std::vector<Endpoint> endpoints_;
    EndpointScores scores_;
    std::size_t current_ = 0;
};

}  // namespace wavs::chain_evm
