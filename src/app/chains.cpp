// SPDX-License-Identifier: Apache-2.0
#include "chains.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::app {
namespace {

constexpr std::size_t kEventCapacity = 10'000;

// A chain that does not answer shows in its health.
async::Task<void> look_at_balance(chain_evm::EvmChain& chain,
                                  std::shared_ptr<const crypto::SecretKey> account) {
    auto transactions = co_await chain.transactions(std::move(account));
    auto looked = transactions.has_value() ? co_await transactions.value()->look_at_balance()
                                           : base::Result<void>(transactions.error());
    if (!looked.has_value() && looked.error().kind() != base::ErrorKind::Cancelled) {
        telemetry::log_debug("app", "the balance of the account was not read",
                             {{"chain", chain.key().str()}, {"error", looked.error().full_text()}});
    }
}

base::Error not_configured(const types::ChainKey& key) {
    return {base::ErrorKind::Invalid, "chain_not_configured",
            fmt::format("Config error: Could not get chain config for chain {}", key.str()),
            "add the chain to wavs.toml, or with POST /dev/chains"};
}

}  // namespace

Chains::Chains(types::ChainConfigs configured, chain_evm::ChainContext context,
               storage::Store& store, std::shared_ptr<const crypto::SecretKey> account)
    : context_(std::move(context)),
      store_(store),
      account_(std::move(account)),
      configs_(std::make_shared<const types::ChainConfigs>(std::move(configured))) {
    for (const auto& [key, config] : configs_->all()) {
        make_locked(key, config);
    }
}

void Chains::make_locked(const types::ChainKey& key, const types::NamedChainConfig& config) {
    if (config.evm() == nullptr) {
        return;
    }
    auto& slot = chains_[key];
    slot.events =
        std::make_unique<chain_evm::ChainEvents>(context_.io, "chain." + key.str(), kEventCapacity);
    auto made = chain_evm::EvmChain::make(key, config, context_, *slot.events);
    if (!made.has_value()) {
        telemetry::log_failure(telemetry::Level::Warn, "app", "chain is not usable", made.error(),
                               {{"chain", key.str()}});
        slot.error = made.error();
        return;
    }
    slot.chain = std::move(made.value());
    if (account_) {
        slot.target =
            std::make_shared<aggregator::EvmTarget>(*slot.chain, account_, context_.metrics);
    }
}

base::Result<void> Chains::load() {
    WAVS_TRY(auto entries, store_.scan(storage::Keyspace::Chains, {}));
    const std::lock_guard lock(mutex_);
    auto next = *configs_;
    for (const auto& entry : entries) {
        WAVS_TRY(auto request, types::parse_add_chain_request(base::as_text(entry.value)));
        if (next.find(request.chain) != nullptr) {
            continue;  // the configuration file wins
        }
        WAVS_TRY(next.add(request.chain, request.config));
        make_locked(request.chain, request.config);
    }
    configs_ = std::make_shared<const types::ChainConfigs>(std::move(next));
    return base::ok();
}

async::Task<base::Result<void>> Chains::add(types::AddChainRequest request) {
    auto next = *configs();
    WAVS_CO_TRY(next.add(request.chain, request.config));
    storage::Batch batch;
    const auto json = types::to_json(request);
    batch.put(storage::Keyspace::Chains, base::as_bytes(request.chain.str()), base::as_bytes(json));
    WAVS_CO_TRY(co_await store_.commit(std::move(batch)));
    const std::lock_guard lock(mutex_);
    // Once more under the lock: another request may have added a chain meanwhile.
    auto latest = *configs_;
    WAVS_CO_TRY(latest.add(request.chain, request.config));
    configs_ = std::make_shared<const types::ChainConfigs>(std::move(latest));
    make_locked(request.chain, request.config);
    co_return base::ok();
}

std::shared_ptr<const types::ChainConfigs> Chains::configs() const {
    const std::lock_guard lock(mutex_);
    return configs_;
}

std::optional<triggers::ChainLink> Chains::link(const types::ChainKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = chains_.find(key);
    if (found == chains_.end() || !found->second.chain) {
        return std::nullopt;
    }
    return triggers::ChainLink{*found->second.chain, *found->second.events};
}

base::Result<chain_evm::EvmChain*> Chains::evm(const types::ChainKey& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = chains_.find(key);
    if (found == chains_.end()) {
        if (configs_->find(key) != nullptr) {
            return base::Error(
                base::ErrorKind::Unsupported, "chain_kind",
                fmt::format("chain {} is a Cosmos chain, which this version cannot use yet",
                            key.str()));
        }
        return not_configured(key);
    }
    if (!found->second.chain) {
        return *found->second.error;
    }
    return found->second.chain.get();
}

async::Task<base::Result<std::shared_ptr<aggregator::Target>>> Chains::target(
    types::SubmitAction action) {
    const auto& key = types::chain_of(action);
    auto chain = evm(key);
    if (!chain.has_value()) {
        co_return base::Error(base::ErrorKind::Unavailable, "no_target",
                              "Chain Config: " + chain.error().message(), chain.error().remedy());
    }
    const std::lock_guard lock(mutex_);
    const auto& target = chains_.at(key).target;
    if (!target) {
        co_return base::Error(base::ErrorKind::Unavailable, "no_target",
                              "Signing: no credential for transactions on EVM chains",
                              "set aggregator_evm_credential");
    }
    co_return std::shared_ptr<aggregator::Target>(target);
}

base::Result<Chains::ManagerOnChain> Chains::manager_on_chain(
    const types::ServiceManager& manager) const {
    const auto& key = types::chain_of(manager);
    WAVS_TRY(auto* chain, evm(key));
    const auto* evm_manager = std::get_if<types::EvmManager>(&manager);
    if (evm_manager == nullptr) {
        return base::Error(base::ErrorKind::Invalid, "manager_kind",
                           "Address conversion error: Address is not EVM",
                           "name an EVM manager for a service on an EVM chain");
    }
    if (chain->config().all_http_endpoints().empty()) {
        return base::Error(
            base::ErrorKind::Invalid, "no_http_endpoint",
            fmt::format("Config error: No HTTP endpoint configured for chain {}", key.str()),
            "set http_endpoint for the chain");
    }
    return ManagerOnChain{chain, evm_manager->address};
}

async::Task<base::Result<dispatcher::ServiceUri>> Chains::service_uri(
    types::ServiceManager manager) {
    WAVS_CO_TRY(const auto at, manager_on_chain(manager));
    auto client = at.chain->client();
    WAVS_CO_TRY(const std::uint64_t block, co_await client.block_number());
    auto managers = at.chain->service_managers();
    WAVS_CO_TRY(auto uri,
                co_await managers.get_service_uri(at.address, chain_evm::BlockRef::at(block)));
    co_return dispatcher::ServiceUri{std::move(uri), block};
}

async::Task<base::Result<types::SignerCounts>> Chains::counts(types::ServiceManager manager,
                                                              types::EvmAddress signer) {
    WAVS_CO_TRY(const auto at, manager_on_chain(manager));
    co_return co_await at.chain->service_managers().counts(at.address, signer);
}

std::map<types::ChainKey, std::vector<std::string>> Chains::warnings() const {
    std::map<types::ChainKey, std::vector<std::string>> out;
    const std::lock_guard lock(mutex_);
    for (const auto& [key, chain] : chains_) {
        if (!chain.chain) {
            continue;
        }
        auto texts = chain.chain->warnings();
        if (chain.target) {
            auto more = chain.target->warnings();
            texts.insert(texts.end(), more.begin(), more.end());
        }
        if (!texts.empty()) {
            out.emplace(key, std::move(texts));
        }
    }
    return out;
}

void Chains::look_at_balances(async::TaskGroup& tasks) {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, chain] : chains_) {
        if (chain.target) {
            tasks.spawn("balance/" + key.str(), look_at_balance(*chain.chain, account_));
        }
    }
}

async::Task<std::map<types::ChainKey, chain_evm::ChainHealth>> Chains::health() {
    std::map<types::ChainKey, chain_evm::ChainHealth> out;
    std::vector<std::pair<types::ChainKey, chain_evm::EvmChain*>> chains;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& [key, chain] : chains_) {
            if (chain.chain) {
                chains.emplace_back(key, chain.chain.get());
            } else {
                out[key] = {false, fmt::format("[{}] {}", key.str(), chain.error->message()), {}};
            }
        }
        for (const auto& [key, config] : configs_->all()) {
            if (config.cosmos() != nullptr) {
                out[key] = {
                    false, fmt::format("[{}] Cosmos chains are not supported yet", key.str()), {}};
            }
        }
    }
    for (auto& [key, chain] : chains) {
        out[key] = co_await chain->health();
    }
    co_return out;
}

}  // namespace wavs::app
