// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/tx_manager.hpp"
#include "wavs/async/fault.hpp"

#include "tx_flow.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::uint64_t kFeeBlocks = 10;
constexpr unsigned kFeePercentile = 20;

base::Error with_prefix(base::Error error) { return std::move(error).with("EVM client"); }

bool mentions(std::string_view text, std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
           }) != text.end();
}

Wei price_of(const Fee& fee) {
    const auto* legacy = std::get_if<LegacyFee>(&fee);
    return legacy != nullptr ? legacy->gas_price : std::get<Eip1559Fee>(fee).max_fee;
}

Wei raised(Wei value) { return value + value / 8 + 1; }

}  // namespace

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
                      std::shared_ptr<const crypto::SecretKey> secret,
                      const async::Executor& strand, async::Timers& t, base::Clock& c)
    : options(manager_options),
      client(std::move(rpc)),
      key(std::move(secret)),
      address(crypto::address_of(crypto::public_key_of(*key))),
      executor(strand),
      timers(t),
      clock(c),
      nonce_lock(strand) {}

async::Task<base::Result<std::uint64_t>> TxManager::Impl::gas_limit(const TxRequest& request) {
    CallRequest call{address, request.to, request.data};
    WAVS_CO_TRY(auto outcome, co_await client.estimate_gas(std::move(call)));
    if (const auto* revert = std::get_if<Reverted>(&outcome)) {
        co_return base::Error(
            base::ErrorKind::Invalid, "tx_estimate_failed",
            fmt::format("No Transaction Receipt: {}: {}", revert->message, revert->info.text));
    }
    const auto estimate = std::get<std::uint64_t>(outcome);
    auto limit = estimate + estimate / 4;
    for (const auto& [most, name] : {std::pair(request.max_gas, "max_gas"),
                                     std::pair(options.max_gas_per_tx, "max_gas_per_tx")}) {
        if (most && estimate > *most) {
            co_return base::Error(
                base::ErrorKind::Denied, "tx_max_gas",
                fmt::format("estimated gas {} is above {} {}", estimate, name, *most),
                "raise that limit, or make the handler cheaper");
        }
        limit = std::min(limit, most.value_or(limit));
    }
    co_return limit;
}

async::Task<base::Result<Fee>> TxManager::Impl::fee(const TxRequest& request) {
    if (request.gas_price) {
        co_return Fee(LegacyFee{*request.gas_price});
    }
    FeeHistory history;
    // A chain without the method is not a failure: the header tells the base fee as well.
    if (auto got = co_await client.fee_history(kFeeBlocks, kFeePercentile); got.has_value()) {
        history = std::move(got.value());
    } else if (got.error().code() != base::ErrorCode("rpc_error")) {
        co_return std::move(got.error());
    }
    const auto count = history.base_fees.size();
    Wei base_fee = count >= 2 ? history.base_fees[count - 2] : 0;
    if (base_fee == 0) {
        WAVS_CO_TRY(auto header, co_await client.block(BlockRef::latest()));
        if (!header || !header->base_fee) {
            WAVS_CO_TRY(auto price, co_await client.gas_price());
            co_return Fee(LegacyFee{price});
        }
        base_fee = *header->base_fee;
    }
    co_return capped(choose_fee(history, base_fee), base_fee);
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

async::Task<base::Result<std::uint64_t>> TxManager::Impl::next_free_nonce() {
    {
        const std::lock_guard lock(mutex);
        if (next_nonce) {
            co_return *next_nonce;
        }
    }
    WAVS_CO_TRY(auto pending, co_await client.transaction_count(address, BlockRef::pending()));
    const std::lock_guard lock(mutex);
    // A node that has not seen our last ones yet must not make us use their nonces again.
    next_nonce = used.empty() ? pending : std::max(pending, *used.rbegin() + 1);
    co_return *next_nonce;
}

async::Task<base::Result<Delivery>> TxManager::Impl::deliver(SignedTransaction tx) {
    WAVS_CO_FAULT(timers, base::FaultPoint::BeforeSend);
    auto sent = co_await client.send_raw(tx.raw);
    if (sent.has_value()) {
        WAVS_CO_FAULT(timers, base::FaultPoint::AfterSend);
        co_return Delivery::Accepted;
    }
    const auto& text = sent.error().message();
    const bool refused = sent.error().code() == base::ErrorCode("rpc_error");
    if (refused && (mentions(text, "already known") || mentions(text, "known transaction") ||
                    mentions(text, "already imported") || mentions(text, "already exists"))) {
        co_return Delivery::Accepted;
    }
    const bool nonce = mentions(text, "nonce") || mentions(text, "replacement transaction under");
    if (!refused || nonce) {
        // The answer may have been lost, or belong to our own earlier try.
        auto known = co_await client.transaction(tx.hash);
        if (known.has_value() && known.value()) {
            co_return Delivery::Accepted;
        }
    }
    if (refused && nonce) {
        last_refusal = text;
        co_return Delivery::BadNonce;
    }
    co_return std::move(sent.error());
}

async::Task<base::Result<void>> TxManager::Impl::announce(const TxRequest& request,
                                                          SignedTransaction tx) {
    if (request.on_signed) {
        co_return co_await request.on_signed(std::move(tx));
    }
    co_return base::ok();
}

async::Task<base::Result<Placed>> TxManager::Impl::place(const TxRequest& request, Transaction tx) {
    WAVS_CO_TRY(auto guard, co_await nonce_lock.lock());
    std::optional<SignedTransaction> ready;
    std::string reason;
    bool unknown = false;
    for (unsigned attempt = 0; attempt < options.max_send_tries; ++attempt) {
        if (attempt > 0) {
            WAVS_CO_TRY(co_await timers.sleep_for(kSendRetry * (1U << (attempt - 1))));
        }
        WAVS_CO_TRY(tx.nonce, co_await next_free_nonce());
        if (!ready || ready->nonce != tx.nonce) {
            ready = sign(tx, *key);
            WAVS_CO_TRY(co_await announce(request, *ready));
        }
        auto delivery = co_await deliver(*ready);
        if (delivery.has_value() && delivery.value() == Delivery::Accepted) {
            const std::lock_guard lock(mutex);
            next_nonce = tx.nonce + 1;
            used.insert(tx.nonce);
            co_return Placed{std::move(tx), {*ready}};
        }
        reason = delivery.has_value() ? last_refusal : delivery.error().message();
        unknown = !delivery.has_value() && delivery.error().code() != base::ErrorCode("rpc_error");
        if (!unknown) {
            // The nonce was not used up; the chain says which one is next.
            const std::lock_guard lock(mutex);
            next_nonce.reset();
        }
    }
    const std::lock_guard lock(mutex);
    next_nonce.reset();
    const auto code =
        unknown ? base::ErrorCode("tx_send_unknown") : base::ErrorCode("tx_send_failed");
    co_return base::Error(base::ErrorKind::Unavailable, code,
                          fmt::format("Send Transaction Error: {}", reason));
}

async::Task<base::Result<Receipt>> TxManager::Impl::send(TxRequest request) {
    WAVS_CO_TRY(auto code, co_await client.code(request.to));
    if (code.empty()) {
        co_return base::Error(
            base::ErrorKind::Invalid, "tx_not_a_contract",
            "Address is not a contract: " + types::to_checksum_string(request.to));
    }
    Transaction tx;
    tx.chain_id = options.chain_id;
    tx.to = request.to;
    tx.data = request.data;
    auto gas = co_await gas_limit(request);
    if (!gas.has_value()) {
        const bool transport = gas.error().code() == base::ErrorCode("rpc_error");
        co_return transport ? std::move(gas.error()).with("No Transaction Receipt")
                            : std::move(gas.error());
    }
    tx.gas_limit = gas.value();
    WAVS_CO_TRY(tx.fee, co_await fee(request));
    WAVS_CO_TRY(check_fee(tx.fee));
    WAVS_CO_TRY(auto placed, co_await place(request, std::move(tx)));
    co_return co_await follow(request, std::move(placed));
}

async::Task<base::Result<Receipt>> TxManager::Impl::resume(JournaledTx journaled) {
    if (journaled.attempts.empty()) {
        co_return base::Error(base::ErrorKind::Bug, "tx_invalid", "nothing was journaled");
    }
    Placed placed;
    WAVS_CO_TRY(placed.tx, parse_signed(journaled.attempts.back().raw));
    placed.attempts = std::move(journaled.attempts);
    {
        const std::lock_guard lock(mutex);
        used.insert(placed.tx.nonce);
        if (next_nonce && *next_nonce <= placed.tx.nonce) {
            next_nonce = placed.tx.nonce + 1;
        }
    }
    const InUse in_use(*this, placed.tx.nonce);
    WAVS_CO_TRY(auto known, co_await find_receipt(placed));
    if (known) {
        co_return conclude(std::move(*known));
    }
    WAVS_CO_TRY(auto mined, co_await client.transaction_count(address, BlockRef::latest()));
    if (mined > placed.tx.nonce) {
        co_return nonce_taken(placed);
    }
    WAVS_CO_TRY(auto delivery, co_await deliver(placed.attempts.back()));
    if (delivery == Delivery::BadNonce) {
        WAVS_CO_TRY(mined, co_await client.transaction_count(address, BlockRef::latest()));
        if (mined > placed.tx.nonce) {
            co_return nonce_taken(placed);
        }
    }
    co_return co_await follow(journaled.request, std::move(placed));
}

TxManager::TxManager(Options options, RpcClient client,
                     std::shared_ptr<const crypto::SecretKey> key, async::Executor executor,
                     async::Timers& timers, base::Clock& clock)
    : impl_(std::make_shared<Impl>(options, std::move(client), std::move(key), executor, timers,
                                   clock)) {}
TxManager::~TxManager() = default;

const types::EvmAddress& TxManager::address() const { return impl_->address; }

async::Task<base::Result<Receipt>> TxManager::send(TxRequest request) {
    auto impl = impl_;
    auto receipt = co_await impl->send(std::move(request));
    if (!receipt.has_value()) {
        co_return with_prefix(std::move(receipt.error()));
    }
    co_return receipt;
}

async::Task<base::Result<Receipt>> TxManager::resume(JournaledTx journaled) {
    auto impl = impl_;
    auto receipt = co_await impl->resume(std::move(journaled));
    if (!receipt.has_value()) {
        co_return with_prefix(std::move(receipt.error()));
    }
    co_return receipt;
}

void TxManager::on_head() {
    const std::lock_guard lock(impl_->mutex);
    for (const auto& [ticket, waiter] : impl_->head_waiters) {
        waiter.set(true);
    }
    impl_->head_waiters.clear();
}

std::size_t TxManager::in_flight() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->used.size();
}

}  // namespace wavs::chain_evm
