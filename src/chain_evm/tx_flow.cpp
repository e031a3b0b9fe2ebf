// SPDX-License-Identifier: Apache-2.0
#include "tx_flow.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {

base::Result<Receipt> TxManager::Impl::conclude(Receipt receipt) const {
    if (!receipt.success) {
        return base::Error(
            base::ErrorKind::Invalid, "tx_reverted",
            fmt::format("Transaction Receipt: status 0, transaction {} in block {}, "
                        "gas used {}",
                        types::to_string(receipt.tx_hash), receipt.block_number, receipt.gas_used));
    }
    return receipt;
}

base::Error TxManager::Impl::nonce_taken(const Placed& placed) {
    {
        const std::lock_guard lock(mutex);
        next_nonce.reset();
    }
    return {base::ErrorKind::Conflict, "tx_nonce_taken",
            fmt::format("nonce {} of {} was used by a transaction that is not ours",
                        placed.tx.nonce, types::to_checksum_string(address)),
            "use this account for one node only"};
}

async::Task<base::Result<std::optional<Receipt>>> TxManager::Impl::find_receipt(
    const Placed& placed) {
    for (auto it = placed.attempts.rbegin(); it != placed.attempts.rend(); ++it) {
        WAVS_CO_TRY(auto receipt, co_await client.receipt(it->hash));
        if (receipt) {
            co_return receipt;
        }
    }
    co_return std::optional<Receipt>();
}

async::Task<base::Result<void>> TxManager::Impl::wait_for_block() {
    async::OneShot<bool> head(executor);
    std::uint64_t ticket = 0;
    {
        const std::lock_guard lock(mutex);
        ticket = next_ticket++;
        head_waiters.emplace(ticket, head);
    }
    using boost::asio::experimental::awaitable_operators::operator||;
    auto winner = co_await (head.wait() || timers.sleep_for(options.poll_interval));
    if (winner.index() == 1) {
        const std::lock_guard lock(mutex);
        head_waiters.erase(ticket);
    }
    const bool cancelled =
        winner.index() == 0 ? !std::get<0>(winner).has_value() : !std::get<1>(winner).has_value();
    if (cancelled) {
        co_return async::cancelled_error("wait for a receipt");
    }
    co_return base::ok();
}

async::Task<base::Result<void>> TxManager::Impl::unstick(const TxRequest& request, Placed& placed) {
    WAVS_CO_TRY(auto mined, co_await client.transaction_count(address, BlockRef::latest()));
    if (mined > placed.tx.nonce) {
        WAVS_CO_TRY(auto late, co_await find_receipt(placed));
        if (late) {
            co_return base::ok();
        }
        co_return nonce_taken(placed);
    }
    WAVS_CO_TRY(auto known, co_await client.transaction(placed.attempts.back().hash));
    if (!known) {
        // Forgotten by the node, not stuck: the same bytes again cost nothing.
        auto again = co_await deliver(placed.attempts.back());
        static_cast<void>(again);
        co_return base::ok();
    }
    auto tx = placed.tx;
    tx.fee = bump_fee(tx.fee);
    if (auto allowed = check_fee(tx.fee); !allowed.has_value()) {
        telemetry::log_failure(telemetry::Level::Warn, "chain_evm",
                               "a stuck transaction is not replaced", allowed.error());
        co_return base::ok();
    }
    auto replacement = sign(tx, *key);
    WAVS_CO_TRY(co_await announce(request, replacement));
    auto delivery = co_await deliver(replacement);
    if (delivery.has_value() && delivery.value() == Delivery::Accepted) {
        placed.attempts.push_back(std::move(replacement));
    }
    // Also when refused: the next replacement must offer more than this one.
    placed.tx = std::move(tx);
    co_return base::ok();
}

async::Task<base::Result<Receipt>> TxManager::Impl::follow(const TxRequest& request,
                                                           Placed placed) {
    const InUse in_use(*this, placed.tx.nonce);
    auto since = clock.steady_now();
    unsigned bumps = 0;
    while (true) {
        auto receipt = co_await find_receipt(placed);
        if (receipt.has_value() && receipt.value()) {
            co_return conclude(std::move(*receipt.value()));
        }
        if (clock.steady_now() - since >= options.receipt_timeout) {
            if (bumps == options.max_bumps) {
                const std::lock_guard lock(mutex);
                next_nonce.reset();
                co_return base::Error(base::ErrorKind::Timeout, "tx_stuck",
                                      fmt::format("no receipt for transaction {} with nonce {} "
                                                  "after {} replacements",
                                                  types::to_string(placed.attempts.back().hash),
                                                  placed.tx.nonce, bumps));
            }
            ++bumps;
            since = clock.steady_now();
            auto moved = co_await unstick(request, placed);
            if (!moved.has_value() && moved.error().code() == base::ErrorCode("tx_nonce_taken")) {
                co_return std::move(moved.error());
            }
            continue;
        }
        WAVS_CO_TRY(co_await wait_for_block());
    }
}

}  // namespace wavs::chain_evm
