// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/tx_manager.hpp"

#include "tx_flow.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::uint64_t kFeeBlocks = 10;
constexpr unsigned kFeePercentile = 20;
constexpr auto kContractHolds = std::chrono::seconds(10);
/// Longer than anybody asks for a result again.
constexpr std::uint64_t kOrphanNanos = 7ULL * 24 * 3600 * 1'000'000'000;

base::Error with_prefix(base::Error error) { return std::move(error).with("EVM client"); }

Wei raised(Wei value) {
    const Wei more = value / 8 + 1;
    return value > ~Wei{0} - more ? ~Wei{0} : value + more;
}

async::Task<base::Result<bool>> ask_code(RpcClient client, types::EvmAddress contract) {
    WAVS_CO_TRY(const auto code, co_await client.code(contract));
    co_return !code.empty();
}

base::Error estimate_reverted(const Reverted& revert) {
    const bool may_pass = revert.info.revert_class == RevertClass::Wait;
    return {may_pass ? base::ErrorKind::Unavailable : base::ErrorKind::Invalid,
            "tx_estimate_failed",
            fmt::format("No Transaction Receipt: {}: {}", revert.message, revert.info.text)};
}

// The pool has the transaction of somebody else that does the same.
base::Error estimate_forestalled(const Reverted& revert) {
    return {base::ErrorKind::Unavailable, "tx_estimate_failed",
            fmt::format("No Transaction Receipt: {}: {}, by a transaction that is in no block yet",
                        revert.message, revert.info.text)};
}

}  // namespace

Wei price_of(const Fee& fee) {
    const auto* legacy = std::get_if<LegacyFee>(&fee);
    return legacy != nullptr ? legacy->gas_price : std::get<Eip1559Fee>(fee).max_fee;
}

Wei price_of(const Transaction& tx) {
    const auto price = price_of(tx.fee);
    // A component may name any price: what does not fit is more than anybody has.
    return price > ~Wei{0} / std::max<Wei>(tx.gas_limit, 1) ? ~Wei{0} : price * tx.gas_limit;
}

Fee choose_fee(const FeeHistory& history, Wei latest_base_fee) {
    std::vector<Wei> rewards;
    std::copy_if(history.rewards.begin(), history.rewards.end(), std::back_inserter(rewards),
                 [](Wei reward) { return reward != 0; });
    std::sort(rewards.begin(), rewards.end());
    Wei priority = 0;
    if (!rewards.empty()) {
        const auto middle = rewards.size() / 2;
        priority =
            rewards.size() % 2 == 1 ? rewards[middle] : (rewards[middle - 1] + rewards[middle]) / 2;
    }
    priority = std::max<Wei>(priority, 1);
    return Eip1559Fee{2 * latest_base_fee + priority, priority};
}

Fee bump_fee(const Fee& fee) {
    if (const auto* legacy = std::get_if<LegacyFee>(&fee)) {
        return LegacyFee{raised(legacy->gas_price)};
    }
    const auto& old = std::get<Eip1559Fee>(fee);
    return Eip1559Fee{raised(old.max_fee), raised(old.max_priority_fee)};
}

TxManager::Impl::Impl(Options manager_options, RpcClient rpc,
                      std::shared_ptr<const crypto::SecretKey> secret, storage::Store& store,
                      const async::Executor& strand, async::Timers& t, base::Clock& c)
    : options(std::move(manager_options)),
      client(std::move(rpc)),
      key(std::move(secret)),
      address(crypto::address_of(crypto::public_key_of(*key))),
      executor(strand),
      timers(t),
      clock(c),
      journal(store, options.chain, address),
      balance(options.chain, address, options.low_balance, options.metrics),
      market(clock, kReadHolds),
      mined(clock, options.poll_interval / 2),
      nonce_lock(strand) {}

async::Task<base::Result<bool>> TxManager::Impl::has_code(types::EvmAddress contract) {
    std::shared_ptr<async::SharedRead<bool>> read;
    {
        const std::lock_guard lock(mutex);
        auto& slot = contracts[contract];
        if (!slot) {
            slot = std::make_shared<async::SharedRead<bool>>(clock, kContractHolds);
        }
        read = slot;
    }
    co_return co_await read->get([this, contract] { return ask_code(client, contract); });
}

async::Task<base::Result<Market>> TxManager::Impl::read_market() {
    Market out;
    // A chain without a method is not a failure: the header tells the base fee as well.
    if (auto got = co_await client.fee_history(kFeeBlocks, kFeePercentile); got.has_value()) {
        out.history = std::move(got.value());
    } else if (got.error().code() != base::ErrorCode("rpc_error")) {
        co_return std::move(got.error());
    }
    const auto count = out.history.base_fees.size();
    if (count >= 2 && out.history.base_fees[count - 2] != 0) {
        out.base_fee = out.history.base_fees[count - 2];
    }
    auto header = co_await client.block(BlockRef::latest());
    if (!header.has_value() &&
        (!out.base_fee || header.error().code() != base::ErrorCode("rpc_error"))) {
        co_return std::move(header.error());
    }
    if (header.has_value() && header.value()) {
        out.block_gas_limit = header.value()->gas_limit;
        if (!out.base_fee) {
            out.base_fee = header.value()->base_fee;
        }
    }
    if (!out.base_fee) {
        WAVS_CO_TRY(out.legacy_price, co_await client.gas_price());
    }
    co_return out;
}

async::Task<base::Result<std::uint64_t>> TxManager::Impl::gas_estimate(const TxRequest& request) {
    CallRequest call{address, request.to, request.data};
    WAVS_CO_TRY(auto outcome, co_await client.estimate_gas(call));
    const auto* revert = std::get_if<Reverted>(&outcome);
    if (revert == nullptr) {
        co_return std::get<std::uint64_t>(outcome);
    }
    // Nodes estimate on top of their pool. What is there may be dropped: no reason to give up. Nor
    // is not knowing.
    WAVS_CO_TRY(const auto in_blocks, co_await client.call(std::move(call), BlockRef::latest()));
    const bool taken = std::get_if<Reverted>(&in_blocks) == nullptr;
    co_return taken ? estimate_forestalled(*revert) : estimate_reverted(*revert);
}

base::Result<std::uint64_t> TxManager::Impl::limited_gas(std::uint64_t estimate,
                                                         const TxRequest& request,
                                                         const Market& now) const {
    struct Bound {
        std::optional<std::uint64_t> most;
        base::ErrorCode code;
        std::string_view name;
    };
    auto limit = estimate + estimate / 4;
    for (const auto& bound :
         {Bound{request.max_gas, "tx_max_gas", "max_gas"},
          Bound{options.max_gas_per_tx, "tx_max_gas_per_tx", "max_gas_per_tx"},
          Bound{now.block_gas_limit, "tx_block_gas", "the gas limit of a block"}}) {
        if (bound.most && estimate > *bound.most) {
            return base::Error(
                base::ErrorKind::Denied, bound.code,
                fmt::format("estimated gas {} for {} is above {} {}", estimate,
                            types::to_checksum_string(request.to), bound.name, *bound.most),
                "raise that limit, or make the handler cheaper");
        }
        limit = std::min(limit, bound.most.value_or(limit));
    }
    return limit;
}

base::Result<Fee> TxManager::Impl::fee(const TxRequest& request, const Market& now) const {
    Fee out;
    if (request.gas_price) {
        out = LegacyFee{*request.gas_price};
    } else if (!now.base_fee) {
        out = LegacyFee{now.legacy_price};
    } else {
        out = capped(choose_fee(now.history, *now.base_fee), *now.base_fee);
    }
    WAVS_TRY(check_fee(out));
    return out;
}

// The cap takes from the reserve for rising base fees first; what the next block asks for must
// stay.
Fee TxManager::Impl::capped(Fee fee, Wei base_fee) const {
    auto* dynamic = std::get_if<Eip1559Fee>(&fee);
    if (dynamic != nullptr && options.max_fee_per_gas &&
        dynamic->max_fee > *options.max_fee_per_gas &&
        base_fee + dynamic->max_priority_fee <= *options.max_fee_per_gas) {
        dynamic->max_fee = *options.max_fee_per_gas;
    }
    return fee;
}

base::Result<void> TxManager::Impl::check_fee(const Fee& fee) const {
    if (options.max_fee_per_gas && price_of(fee) > *options.max_fee_per_gas) {
        return base::Error(
            base::ErrorKind::Denied, "tx_max_fee",
            fmt::format("gas price {} is above max_fee_per_gas {}", to_decimal(price_of(fee)),
                        to_decimal(*options.max_fee_per_gas)),
            "wait for a cheaper chain, or raise max_fee_per_gas");
    }
    return base::ok();
}

base::Result<void> TxManager::Impl::reserve(Outgoing& item) {
    balance.note_cost(price_of(item.tx));
    if (options.spending && item.payer) {
        WAVS_TRY(item.share, options.spending->reserve(*item.payer, price_of(item.tx)));
    }
    return base::ok();
}

// A node that does not tell the price took no more than was offered.
void TxManager::Impl::spend(const Sending& sending, const Receipt& receipt,
                            storage::Batch& changes) const {
    if (sending.share) {
        const auto price = receipt.effective_gas_price.value_or(price_of(sending.tx.fee));
        sending.share->spend(price * receipt.gas_used, address, sending.tx.nonce, changes);
    }
}

async::Task<base::Result<void>> TxManager::Impl::take_over() {
    WAVS_CO_TRY(const auto recorded, journal.load());
    if (recorded.empty()) {
        co_return base::ok();
    }
    WAVS_CO_TRY(const auto count, co_await client.transaction_count(address, BlockRef::latest()));
    const auto now = clock.wall_now().nanos;
    std::vector<SendingPtr> again;
    for (const auto& sending : recorded) {
        const bool in_a_block = sending->tx.nonce < count;
        if (in_a_block && now - std::min(now, sending->signed_at.nanos) > kOrphanNanos) {
            WAVS_CO_TRY(journal.erase_unsynced(sending->tx.nonce));
            continue;
        }
        if (!in_a_block) {
            again.push_back(sending);
        }
        if (options.spending && sending->payer) {
            sending->share = options.spending->take_over(*sending->payer, price_of(sending->tx));
        }
        const std::lock_guard lock(mutex);
        add_locked(sending);
    }
    telemetry::log_info("chain_evm", "transactions from before the start are followed",
                        {{"account", types::to_checksum_string(address)},
                         {"recorded", recorded.size()},
                         {"sent again", again.size()}});
    for (std::size_t i = 0; i < again.size(); i += kMaxBatch) {
        const std::vector<SendingPtr> some(
            again.begin() + static_cast<std::ptrdiff_t>(i),
            again.begin() + static_cast<std::ptrdiff_t>(std::min(i + kMaxBatch, again.size())));
        // What is not taken now is sent again by who follows it.
        const auto outcomes = co_await deliver_all(some);
        for (std::size_t n = 0; n < some.size(); ++n) {
            some[n]->delivered = outcomes[n].outcome == Delivery::Taken;
        }
    }
    co_return base::ok();
}

base::Result<SendingPtr> TxManager::Impl::claim(const base::Bytes& reference) {
    const std::lock_guard lock(mutex);
    const auto found = by_reference.find(reference);
    if (found == by_reference.end()) {
        return SendingPtr();
    }
    if (found->second->followed) {
        return base::Error(base::ErrorKind::Conflict, "tx_followed",
                           "the transaction for this is on its way already");
    }
    found->second->followed = true;
    return found->second;
}

async::Task<base::Result<Mined>> TxManager::Impl::send(TxRequest request) {
    WAVS_CO_TRY(auto known, claim(request.reference));
    if (known) {
        co_return co_await follow(std::move(request.on_signed), std::move(known));
    }
    WAVS_CO_TRY(const bool is_contract, co_await has_code(request.to));
    if (!is_contract) {
        co_return base::Error(
            base::ErrorKind::Invalid, "tx_not_a_contract",
            "Address is not a contract: " + types::to_checksum_string(request.to));
    }
    auto estimate = co_await gas_estimate(request);
    if (!estimate.has_value()) {
        const bool refused = estimate.error().code() == base::ErrorCode("rpc_error");
        co_return refused ? std::move(estimate.error()).with("No Transaction Receipt")
                          : std::move(estimate.error());
    }
    WAVS_CO_TRY(const auto now, co_await market.get([this] { return read_market(); }));
    auto item = std::make_shared<Outgoing>();
    item->tx.chain_id = options.chain_id;
    item->tx.to = request.to;
    item->tx.data = std::move(request.data);
    WAVS_CO_TRY(item->tx.gas_limit, limited_gas(estimate.value(), request, now));
    WAVS_CO_TRY(item->tx.fee, fee(request, now));
    item->reference = std::move(request.reference);
    item->on_signed = request.on_signed;
    item->payer = request.payer;
    WAVS_CO_TRY(reserve(*item));
    WAVS_CO_TRY(auto sending, co_await place(std::move(item)));
    co_return co_await follow(std::move(request.on_signed), std::move(sending));
}

async::Task<base::Result<std::optional<Mined>>> TxManager::Impl::resume(base::Bytes reference,
                                                                        OnSigned on_signed) {
    WAVS_CO_TRY(auto known, claim(reference));
    if (!known) {
        co_return std::optional<Mined>();
    }
    WAVS_CO_TRY(auto done, co_await follow(std::move(on_signed), std::move(known)));
    co_return std::optional<Mined>(std::move(done));
}

TxManager::TxManager(Options options, RpcClient client,
                     std::shared_ptr<const crypto::SecretKey> key, storage::Store& store,
                     async::Executor executor, async::Timers& timers, base::Clock& clock)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(client), std::move(key), store,
                                   executor, timers, clock)) {}
TxManager::~TxManager() = default;

const types::EvmAddress& TxManager::address() const { return impl_->address; }

async::Task<base::Result<void>> TxManager::open() {
    auto impl = impl_;
    auto done = co_await impl->take_over();
    if (!done.has_value()) {
        co_return with_prefix(std::move(done.error()));
    }
    co_return done;
}

async::Task<base::Result<Mined>> TxManager::send(TxRequest request) {
    auto impl = impl_;
    auto done = co_await impl->send(std::move(request));
    if (!done.has_value()) {
        co_return with_prefix(std::move(done.error()));
    }
    co_return done;
}

async::Task<base::Result<std::optional<Mined>>> TxManager::resume(base::Bytes reference,
                                                                  OnSigned on_signed) {
    auto impl = impl_;
    auto done = co_await impl->resume(std::move(reference), std::move(on_signed));
    if (!done.has_value()) {
        co_return with_prefix(std::move(done.error()));
    }
    co_return done;
}

async::Task<base::Result<void>> TxManager::look_at_balance() {
    auto impl = impl_;
    WAVS_CO_TRY(const auto balance, co_await impl->client.balance(impl->address));
    impl->balance.note_balance(balance);
    co_return base::ok();
}

std::optional<std::string> TxManager::balance_warning() const { return impl_->balance.warning(); }

void TxManager::on_reorganisation() {
    ++impl_->reorganisations;
    on_head();
}

void TxManager::on_head() {
    impl_->market.forget();
    impl_->mined.forget();
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [ticket, waiter] : impl_->head_waiters) {
        waiter.set(true);
    }
    impl_->head_waiters.clear();
}

std::size_t TxManager::in_flight() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->open.size();
}

}  // namespace wavs::chain_evm
