// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/evm_chain.hpp"

#include "wavs/crypto/signature.hpp"

namespace wavs::chain_evm {
base::Result<std::unique_ptr<EvmChain>> EvmChain::make(types::ChainKey key,
                                                       types::NamedChainConfig config,
                                                       ChainContext context, ChainEvents& events) {
    const auto* evm = config.evm();
    const auto http_endpoints =
        evm == nullptr ? std::vector<std::string>() : evm->all_http_endpoints();
    if (evm == nullptr || (evm->ws_endpoints.empty() && http_endpoints.empty())) {
        return base::Error(base::ErrorKind::Invalid, "missing_endpoint",
                           fmt::format("chain {}: No endpoint provided", key.str()),
                           "set ws_endpoints or http_endpoint of this chain");
    }
    std::vector<std::shared_ptr<RpcTransport>> endpoints;
    for (const auto& url : http_endpoints) {
        endpoints.push_back(make_http_transport(context.http, url));
    }
    for (const auto& url : evm->ws_endpoints) {
        endpoints.push_back(
            on_strand(make_ws_transport(context.dial, url), async::make_strand(context.io)));
    }
    RpcPool::Options pool_options;
    pool_options.name = key.str();
    pool_options.chain_id = parse_decimal(config.chain_id);
    auto pool = std::make_shared<RpcPool>(std::move(pool_options), std::move(endpoints),
                                          async::make_strand(context.io), context.dial.timers,
                                          context.dial.clock, context.metrics);
    std::unique_ptr<EvmChain> chain(
        new EvmChain(std::move(key), std::move(config), std::move(context), std::move(pool)));
    const auto& settings = chain->config();
    SubscriberOptions options;
    options.name = chain->key_.str();
    options.ws_endpoints = settings.ws_endpoints;
    options.calls = chain->pool_;
    options.may_poll = !http_endpoints.empty();
    options.priority_index = settings.ws_priority_endpoint_index;
    options.chain_id = chain->chain_id_;
    auto& shared = chain->context_;
    chain->subscriber_ = std::make_unique<WsSubscriber>(
        std::move(options), async::make_strand(shared.io), shared.dial, shared.random,
        chain->window_, events, shared.metrics);
    return chain;
}

EvmChain::EvmChain(types::ChainKey key, types::NamedChainConfig config, ChainContext context,
                   std::shared_ptr<RpcPool> pool)
    : key_(std::move(key)),
      config_(std::move(config)),
      context_(std::move(context)),
      chain_id_(parse_decimal(config_.chain_id)),
      pool_(std::move(pool)),
      client_(pool_),
      managers_(client_, context_.dial.clock),
      posted_(key_.str(), client_, managers_, context_.io),
      window_(std::make_shared<LogWindow>()),
      opening_(context_.io) {}

std::shared_ptr<TxManager> EvmChain::find_account(const types::EvmAddress& address) {
    const std::lock_guard lock(mutex_);
    const auto found = accounts_.find(address);
    return found == accounts_.end() ? nullptr : found->second;
}

base::Result<std::shared_ptr<Spending>> EvmChain::spending() {
    {
        const std::lock_guard lock(mutex_);
        if (spending_) {
            return spending_;
        }
    }
    SpendingLimits limits{config().daily_budget_wei, config().service_budgets_wei};
    auto made = std::make_shared<Spending>(key_, std::move(limits), *context_.store,
                                           context_.dial.clock, context_.metrics);
    WAVS_TRY(made->open());
    const std::lock_guard lock(mutex_);
    spending_ = std::move(made);
    return spending_;
}

std::vector<std::string> EvmChain::warnings() const {
    const std::lock_guard lock(mutex_);
    auto out = spending_ ? spending_->warnings() : std::vector<std::string>();
    for (const auto& [address, account] : accounts_) {
        if (auto warning = account->balance_warning()) {
            out.push_back(std::move(*warning));
        }
    }
    return out;
}

async::Task<base::Result<std::shared_ptr<TxManager>>> EvmChain::transactions(
    std::shared_ptr<const crypto::SecretKey> account) {
    const auto address = crypto::address_of(crypto::public_key_of(*account));
    if (auto found = find_account(address)) {
        co_return found;
    }
    // One account, one manager, also when several ask for the first time.
    WAVS_CO_TRY(const auto guard, co_await opening_.lock());
    if (auto found = find_account(address)) {
        co_return found;
    }
    if (context_.store == nullptr) {
        co_return base::Error(base::ErrorKind::Bug, "tx_no_store",
                              "Evm client create: no store for transactions");
    }
    auto id = co_await client_.chain_id();
    if (!id.has_value()) {
        co_return std::move(id.error()).with("Evm client create");
    }
    TxManager::Options options;
    WAVS_CO_TRY(options.spending, spending());
    options.chain = key_;
    options.chain_id = id.value();
    options.max_gas_per_tx = config().max_gas_per_tx;
    options.low_balance = config().low_balance_wei;
    options.metrics = context_.metrics;
    options.receipt_timeout = context_.receipt_timeout;
    if (config().max_fee_per_gas) {
        options.max_fee_per_gas = Wei{*config().max_fee_per_gas};
    }
    auto made = std::make_shared<TxManager>(std::move(options), client_, std::move(account),
                                            *context_.store, async::make_strand(context_.io),
                                            context_.dial.timers, context_.dial.clock);
    WAVS_CO_TRY(co_await made->open());
    const std::lock_guard lock(mutex_);
    co_return accounts_.emplace(address, std::move(made)).first->second;
}

async::Task<base::Result<std::uint64_t>> EvmChain::block_at(types::Timestamp time) {
    WAVS_CO_TRY(const auto newest, co_await managers_.head());
    co_return co_await find_block_at(steady_client(), newest, time);
}

void EvmChain::on_reorganisation() {
    managers_.on_head();
    posted_.forget();
    const std::lock_guard lock(mutex_);
    for (const auto& [address, manager] : accounts_) {
        manager->on_reorganisation();
    }
}

void EvmChain::on_head() {
    managers_.on_head();
    const std::lock_guard lock(mutex_);
    for (const auto& [address, manager] : accounts_) {
        manager->on_head();
    }
}

async::Task<ChainHealth> EvmChain::health(HealthLimits limits) {
    co_return co_await check_health(key_, config_, context_.dial, context_.http, limits);
}

}  // namespace wavs::chain_evm
