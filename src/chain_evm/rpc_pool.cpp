// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/rpc_pool.hpp"

#include "rpc_json.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>
#include <utility>

namespace wavs::chain_evm {
namespace {

// More failures than that are not remembered: they would take hours to be forgotten.
constexpr double kMostFailures = 8;

bool is_about_endpoint(std::string_view method, const base::Error& error) {
    // A range or an answer that is too large for one provider is told to the caller, who asks for
    // less.
    if (method == "eth_getBlockByNumber") {
        return error.code() != base::ErrorCode("response_too_large");
    }
    return !(method == "eth_getLogs" && is_range_error(error));
}

// Whether another endpoint might do better.
std::optional<base::Error> failure_of(std::string_view method,
                                      const base::Result<RpcReply>& reply) {
    if (!reply.has_value()) {
        const auto& error = reply.error();
        return is_about_endpoint(method, error) ? std::optional(error) : std::nullopt;
    }
    if (const auto* refusal = std::get_if<RpcError>(&reply.value())) {
        auto error = to_error(method, *refusal);
        if (error.kind() == base::ErrorKind::Overloaded && is_about_endpoint(method, error)) {
            return error;
        }
    }
    return std::nullopt;
}

bool cancelled(const base::Error& error) { return error.kind() == base::ErrorKind::Cancelled; }

}  // namespace

double EndpointScores::now_of(const Score& score) const {
    const std::chrono::duration<double> age = clock_->steady_now() - score.at;
    const std::chrono::duration<double> half = kHalfLife;
    return score.value * std::exp2(-age.count() / half.count());
}

void EndpointScores::failed(std::size_t endpoint) {
    auto& score = scores_[endpoint];
    score.value = std::min(now_of(score) + 1, kMostFailures);
    score.at = clock_->steady_now();
}

unsigned EndpointScores::of(std::size_t endpoint) const {
    return static_cast<unsigned>(std::lround(now_of(scores_[endpoint])));
}

/// One endpoint of a pool, with the pool's checks and without its fail-over.
class RpcPool::Steady final : public RpcTransport {
public:
    Steady(std::shared_ptr<RpcPool> pool, std::size_t at, std::string endpoint)
        : pool_(std::move(pool)), at_(at), endpoint_(std::move(endpoint)) {}
    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        co_return co_await pool_->call_at(at_, std::move(method), std::move(params));
    }
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        co_return co_await pool_->call_in_order_at(at_, std::move(method), std::move(params));
    }
    std::string endpoint() const override { return endpoint_; }

private:
    const std::shared_ptr<RpcPool> pool_;
    const std::size_t at_;
    const std::string endpoint_;
};

RpcPool::RpcPool(Options options, std::vector<std::shared_ptr<RpcTransport>> endpoints,
                 async::Executor executor, async::Timers& timers, const base::Clock& clock,
                 telemetry::Metrics* metrics)
    : options_(std::move(options)),
      timers_(timers),
      clock_(clock),
      tasks_(std::move(executor), "endpoints of " + options_.name),
      scores_(endpoints.size(), clock) {
    for (auto& transport : endpoints) {
        endpoints_.emplace_back().transport = std::move(transport);
    }
    if (metrics != nullptr) {
        const telemetry::Labels labels{{"chain", options_.name}};
        switches_ = metrics->counter("wavs_evm_endpoint_switches_total",
                                     "Times calls went over to another endpoint", labels);
        wrong_chain_ = metrics->counter("wavs_evm_wrong_chain_total",
                                        "Endpoints that serve another chain", labels);
    }
}

// The best first. Those of which nothing good is known come last, and are probed meanwhile.
std::vector<std::size_t> RpcPool::order() {
    std::vector<std::size_t> out;
    std::vector<std::size_t> due;
    {
        const std::lock_guard lock(mutex_);
        out = ranked_locked();
        due = due_for_probe_locked(out.front());
        if (out.front() != current_) {
            telemetry::log_info("chain_evm", "calls go to another endpoint",
                                {{"chain", options_.name},
                                 {"endpoint", endpoints_[out.front()].transport->endpoint()},
                                 {"before", endpoints_[current_].transport->endpoint()}});
            current_ = out.front();
            if (switches_) {
                switches_->add();
            }
        }
    }
    for (const std::size_t at : due) {
        tasks_.spawn("probe", probe(weak_from_this(), at));
    }
    return out;
}

// Those of which nothing good is known come last.
std::vector<std::size_t> RpcPool::ranked_locked() const {
    std::vector<std::size_t> out(endpoints_.size());
    std::iota(out.begin(), out.end(), 0U);
    const auto rank = [this](std::size_t at) {
        const auto& endpoint = endpoints_[at];
        return std::tuple(endpoint.wrong_chain, endpoint.suspect, scores_.of(at), at);
    };
    std::sort(out.begin(), out.end(),
              [&rank](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
    return out;
}

// Marks them as being probed. The one that calls go to anyway needs no probe.
std::vector<std::size_t> RpcPool::due_for_probe_locked(std::size_t best) {
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at < endpoints_.size(); ++at) {
        auto& endpoint = endpoints_[at];
        if (endpoint.suspect && !endpoint.probing && at != best &&
            clock_.steady_now() >= endpoint.probe_at) {
            endpoint.probing = true;
            out.push_back(at);
        }
    }
    return out;
}

std::string RpcPool::endpoint() const {
    const std::lock_guard lock(mutex_);
    return endpoints_[current_].transport->endpoint();
}

std::shared_ptr<RpcTransport> RpcPool::steady() {
    const auto best = order().front();
    const std::lock_guard lock(mutex_);
    return std::make_shared<Steady>(shared_from_this(), best,
                                    endpoints_[best].transport->endpoint());
}

std::vector<EndpointState> RpcPool::state() const {
    const std::lock_guard lock(mutex_);
    std::vector<EndpointState> out;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        const auto& endpoint = endpoints_[i];
        out.push_back({endpoint.transport->endpoint(), i == current_, !endpoint.suspect,
                       scores_.of(i), endpoint.last_error});
    }
    return out;
}

void RpcPool::succeeded(std::size_t at) {
    const std::lock_guard lock(mutex_);
    auto& endpoint = endpoints_[at];
    endpoint.suspect = false;
    endpoint.wrong_chain = false;
    endpoint.probe_step = {};
}

void RpcPool::failed(std::size_t at, const base::Error& error) {
    const std::lock_guard lock(mutex_);
    auto& endpoint = endpoints_[at];
    endpoint.probe_step = std::clamp<base::Duration>(2 * endpoint.probe_step, options_.first_probe,
                                                     options_.last_probe);
    endpoint.wrong_chain = is_wrong_chain(error);
    endpoint.probe_at = clock_.steady_now() +
                        (endpoint.wrong_chain ? options_.wrong_chain_pause : endpoint.probe_step);
    endpoint.suspect = true;
    // What it serves may have changed meanwhile.
    endpoint.right_chain = false;
    endpoint.last_error = error.message();
    scores_.failed(at);
}

async::Task<base::Result<void>> RpcPool::check_chain(std::size_t at) {
    std::shared_ptr<RpcTransport> transport;
    bool known = false;
    {
        const std::lock_guard lock(mutex_);
        if (!options_.chain_id || endpoints_[at].right_chain) {
            co_return base::ok();
        }
        transport = endpoints_[at].transport;
        known = endpoints_[at].wrong_chain;
    }
    RpcClient client(transport);
    WAVS_CO_TRY(const auto id, co_await client.chain_id());
    if (id == *options_.chain_id) {
        const std::lock_guard lock(mutex_);
        endpoints_[at].right_chain = true;
        co_return base::ok();
    }
    auto error = wrong_chain(transport->endpoint(), id, *options_.chain_id);
    if (!known) {
        if (wrong_chain_) {
            wrong_chain_->add();
        }
        telemetry::log_failure(telemetry::Level::Error, "chain_evm",
                               "the endpoint serves another chain", error,
                               {{"chain", options_.name}});
    }
    co_return error;
}

// What an answer, or the lack of one, says of the endpoint.
void RpcPool::take_note(std::size_t at, const std::optional<base::Error>& failure) {
    if (!failure) {
        succeeded(at);
    } else if (!cancelled(*failure)) {
        failed(at, *failure);
    }
}

async::Task<base::Result<RpcReply>> RpcPool::call_at(std::size_t at, std::string method,
                                                     std::string params) {
    auto checked = co_await check_chain(at);
    base::Result<RpcReply> reply = base::Error(base::ErrorKind::Bug, "rpc_pool", "not asked");
    if (checked.has_value()) {
        reply = co_await endpoints_[at].transport->call(method, std::move(params));
    } else {
        reply = std::move(checked).error();
    }
    take_note(at, failure_of(method, reply));
    co_return reply;
}

async::Task<std::vector<base::Result<RpcReply>>> RpcPool::call_in_order_at(
    std::size_t at, std::string method, std::vector<std::string> params) {
    using Replies = std::vector<base::Result<RpcReply>>;
    const auto count = params.size();
    auto checked = co_await check_chain(at);
    auto replies = checked.has_value()
                       ? co_await endpoints_[at].transport->call_in_order(method, std::move(params))
                       : Replies(count, checked.error());
    if (!replies.empty()) {
        take_note(at, failure_of(method, replies.front()));
    }
    co_return replies;
}

base::Error RpcPool::none_answered(std::string_view method,
                                   const std::vector<base::Error>& errors) const {
    if (errors.size() == 1) {
        return errors.front();
    }
    std::string all;
    for (const auto& error : errors) {
        all += (all.empty() ? "" : "; ") + error.message();
    }
    return {base::ErrorKind::Unavailable, "no_endpoint_answers",
            fmt::format("none of the {} endpoints of {} answered {}: {}", errors.size(),
                        options_.name, method, all),
            "check the endpoints of this chain in the configuration, and add one that works"};
}

async::Task<base::Result<RpcReply>> RpcPool::call(std::string method, std::string params) {
    std::vector<base::Error> errors;
    const auto candidates = order();
    for (const std::size_t at : candidates) {
        auto reply = co_await call_at(at, method, params);
        const auto failure = failure_of(method, reply);
        if (!failure || cancelled(*failure)) {
            co_return reply;
        }
        errors.push_back(*failure);
    }
    co_return none_answered(method, errors);
}

async::Task<std::vector<base::Result<RpcReply>>> RpcPool::call_in_order(
    std::string method, std::vector<std::string> params) {
    std::vector<base::Error> errors;
    const auto candidates = order();
    for (const std::size_t at : candidates) {
        auto replies = co_await call_in_order_at(at, method, params);
        const auto failure = replies.empty() ? std::nullopt : failure_of(method, replies.front());
        if (!failure || cancelled(*failure)) {
            co_return replies;
        }
        errors.push_back(*failure);
    }
    co_return std::vector<base::Result<RpcReply>>(params.size(), none_answered(method, errors));
}

async::Task<void> RpcPool::probe(std::weak_ptr<RpcPool> self, std::size_t at) {
    const auto pool = self.lock();
    if (!pool) {
        co_return;
    }
    auto asked = co_await async::with_timeout<RpcReply>(
        pool->timers_, pool->options_.probe_timeout,
        "probe of " + pool->endpoints_[at].transport->endpoint(),
        pool->call_at(at, "eth_blockNumber", "[]"));
    if (!asked.has_value() && asked.error().kind() == base::ErrorKind::Timeout) {
        pool->failed(at, asked.error());
    }
    const std::lock_guard lock(pool->mutex_);
    pool->endpoints_[at].probing = false;
}

}  // namespace wavs::chain_evm
