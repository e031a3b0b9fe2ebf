// SPDX-License-Identifier: Apache-2.0
// Whether a connection is still worth having: the right chain, heads that come, not behind others.
#include "subscription_impl.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

// Subscriptions to heads that were found silent, after which the endpoint is left.
constexpr unsigned kMaxSilent = 2;
// An endpoint this far behind another one, twice in a row, is left.
constexpr std::uint64_t kBehind = 3;
constexpr auto kIdleProbe = std::chrono::hours(1);

}  // namespace

async::Task<bool> WsSession::head_is_stale() {
    const auto limit =
        std::max<base::Duration>(owner_->options.head_stale_after, 10 * probe_.block_time());
    if (!owner_->want().heads || owner_->now() - stale_since_ < limit) {
        co_return false;
    }
    stale_since_ = owner_->now();
    owner_->count("wavs_evm_head_stale_total", "Times a chain delivered no head for too long");
    // With one endpoint a new connection only helps when it is the subscription that is dead.
    if (owner_->options.ws_endpoints.size() > 1) {
        co_return true;
    }
    auto reply = co_await link_->call("eth_chainId", "[]", owner_->options.response_timeout);
    co_return !reply.has_value();
}

async::Task<base::Result<void>> WsSession::replace_heads() {
    owner_->count("wavs_evm_silent_subscriptions_total",
                  "Subscriptions that were made anew because nothing came any more");
    telemetry::log_warn("chain_evm", "the subscription to new blocks is silent, it is made anew",
                        {{"chain", owner_->options.name}, {"endpoint", link_->endpoint()}});
    std::vector<std::string> old;
    for (const auto& [id, what] : active_) {
        if (what.kind == ActiveSubscription::Kind::NewHeads) {
            old.push_back(id);
        }
    }
    WAVS_CO_TRY(co_await subscribe(ActiveSubscription{}));
    for (auto& id : old) {
        co_await unsubscribe(std::move(id));
    }
    publish_state();
    // The reader asks for the blocks that were not told of.
    if (live_) {
        WAVS_CO_TRY(co_await owner_->emit(FilterLive{*live_}));
    }
    co_return base::ok();
}

async::Task<std::optional<std::string>> WsSession::compare_with_others(std::uint64_t newest) {
    const auto& options = owner_->options;
    if (options.ws_endpoints.size() < 2 || options.calls == nullptr) {
        co_return std::nullopt;
    }
    RpcClient others(options.calls);
    const auto elsewhere = co_await async::with_timeout<std::uint64_t>(
        owner_->dial.timers, options.response_timeout, "eth_blockNumber", others.block_number());
    if (!elsewhere.has_value() || elsewhere.value() < newest + kBehind) {
        behind_ = 0;
        co_return std::nullopt;
    }
    if (++behind_ < 2) {
        co_return std::nullopt;
    }
    co_return fmt::format("its newest block is {}, elsewhere it is {}", newest, elsewhere.value());
}

async::Task<std::optional<std::string>> WsSession::probe_heads() {
    if (!owner_->want().heads || !probe_.due(owner_->now())) {
        co_return std::nullopt;
    }
    auto reply = co_await link_->call("eth_blockNumber", "[]", owner_->options.response_timeout);
    if (!reply.has_value()) {
        co_return reply.error().message();
    }
    auto text = result_of("eth_blockNumber", std::move(reply.value()));
    auto newest = text.has_value()
                      ? parse_result<std::uint64_t>("eth_blockNumber", text.value(), read_quantity)
                      : base::Result<std::uint64_t>(text.error());
    if (!newest.has_value()) {
        // Refused for a rate limit, say: the next tick asks again.
        co_return std::nullopt;
    }
    switch (probe_.answered(newest.value(), owner_->now())) {
        case HeadProbe::Verdict::Fine:
            co_return std::nullopt;
        case HeadProbe::Verdict::Quiet:
            co_return co_await compare_with_others(newest.value());
        case HeadProbe::Verdict::Silent:
            break;
    }
    if (probe_.silent_in_a_row() > kMaxSilent) {
        co_return std::string("its subscriptions to new blocks stay silent");
    }
    auto replaced = co_await replace_heads();
    co_return replaced.has_value() ? std::nullopt : std::optional(replaced.error().message());
}

async::Task<bool> WsSession::priority_is_healthy() {
    const auto& options = owner_->options;
    RpcClient client(make_ws_transport(owner_->dial, options.ws_endpoints[*owner_->priority()]));
    const auto block = co_await client.block_number();
    const auto chain = co_await client.chain_id();
    const auto price = co_await client.gas_price();
    const auto sync = co_await client.syncing();
    const bool right =
        chain.has_value() && (!options.chain_id || *options.chain_id == chain.value());
    co_return block.has_value() && right&& price.has_value() && sync.has_value() && !sync.value();
}

async::Task<LinkEnd> WsSession::probe_loop() {
    const auto preferred = owner_->priority();
    const bool needed = preferred && *preferred != endpoint_;
    while (true) {
        const auto wait = needed ? owner_->options.priority_check : base::Duration(kIdleProbe);
        auto slept = co_await owner_->dial.timers.sleep_for(wait);
        if (!slept.has_value()) {
            co_return LinkEnd::Lost;
        }
        if (needed && co_await priority_is_healthy()) {
            co_return ended("back to the preferred endpoint", LinkEnd::ForceSwitch);
        }
    }
}

async::Task<base::Result<void>> WsSession::check_chain() {
    const auto expected = owner_->options.chain_id;
    if (!expected) {
        co_return base::ok();
    }
    WAVS_CO_TRY(auto reply,
                co_await link_->call("eth_chainId", "[]", owner_->options.response_timeout));
    WAVS_CO_TRY(auto text, result_of("eth_chainId", std::move(reply)));
    WAVS_CO_TRY(auto id, parse_result<std::uint64_t>("eth_chainId", text, read_quantity));
    if (id == *expected) {
        co_return base::ok();
    }
    owner_->count("wavs_evm_wrong_chain_total", "Endpoints that serve another chain");
    auto error = wrong_chain(link_->endpoint(), id, *expected);
    telemetry::log_failure(telemetry::Level::Error, "chain_evm",
                           "the endpoint serves another chain", error,
                           {{"chain", owner_->options.name}});
    co_return error;
}

}  // namespace wavs::chain_evm
