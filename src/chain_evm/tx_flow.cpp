// SPDX-License-Identifier: Apache-2.0
#include "tx_flow.hpp"

#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

/// Nodes behind one address do not know of a block at the same moment: how long a receipt may be
/// missing although the nonce counts as used.
constexpr auto kReceiptGrace = std::chrono::seconds(10);

}  // namespace

void TxManager::Impl::add_locked(SendingPtr sending) {
    if (!sending->reference.empty()) {
        by_reference[sending->reference] = sending;
    }
    open[sending->tx.nonce] = std::move(sending);
}

void TxManager::Impl::remove_locked(const Sending& sending) {
    const auto by = by_reference.find(sending.reference);
    if (by != by_reference.end() && by->second.get() == &sending) {
        by_reference.erase(by);
    }
    const auto at = open.find(sending.tx.nonce);
    if (at != open.end() && at->second.get() == &sending) {
        open.erase(at);
    }
}

void TxManager::Impl::forget(const Sending& sending) {
    const std::lock_guard lock(mutex);
    remove_locked(sending);
}

async::Task<base::Result<Mined>> TxManager::Impl::conclude(const Sending& sending,
                                                           Receipt receipt) {
    {
        const std::lock_guard lock(mutex);
        floor = floor ? std::optional(std::max(*floor, sending.tx.nonce + 1)) : floor;
        remove_locked(sending);
    }
    Mined out;
    journal.erase(out.settled, sending.tx.nonce);
    spend(sending, receipt, out.settled);
    if (!receipt.success) {
        // Whoever tries again needs a new transaction.
        WAVS_CO_TRY(co_await journal.commit(std::move(out.settled)));
        co_return base::Error(
            base::ErrorKind::Invalid, "tx_reverted",
            fmt::format("Transaction Receipt: status 0, transaction {} in block {}, "
                        "gas used {}",
                        types::to_string(receipt.tx_hash), receipt.block_number, receipt.gas_used));
    }
    out.receipt = std::move(receipt);
    co_return out;
}

async::Task<base::Result<Mined>> TxManager::Impl::nonce_taken(const Sending& sending) {
    {
        const std::lock_guard lock(mutex);
        floor.reset();
        remove_locked(sending);
    }
    storage::Batch changes;
    journal.erase(changes, sending.tx.nonce);
    WAVS_CO_TRY(co_await journal.commit(std::move(changes)));
    co_return base::Error(base::ErrorKind::Conflict, "tx_nonce_taken",
                          fmt::format("nonce {} of {} was used by a transaction that is not ours",
                                      sending.tx.nonce, types::to_checksum_string(address)),
                          "use this account for one node only");
}

async::Task<base::Result<std::optional<Receipt>>> TxManager::Impl::find_receipt(
    const Sending& sending) {
    for (auto it = sending.attempts.rbegin(); it != sending.attempts.rend(); ++it) {
        WAVS_CO_TRY(auto receipt, co_await client.receipt(it->hash));
        if (receipt) {
            co_return receipt;
        }
    }
    co_return std::optional<Receipt>();
}

async::Task<base::Result<std::uint64_t>> TxManager::Impl::read_mined_count() {
    WAVS_CO_TRY(const auto count, co_await client.transaction_count(address, BlockRef::latest()));
    // Nobody follows what filled a gap.
    const std::lock_guard lock(mutex);
    for (auto it = open.begin(); it != open.end() && it->first < count;) {
        const auto sending = (it++)->second;
        if (sending->filler && !sending->followed) {
            remove_locked(*sending);
            if (auto erased = journal.erase_unsynced(sending->tx.nonce); !erased.has_value()) {
                co_return std::move(erased.error());
            }
        }
    }
    co_return count;
}

// One question for all that are in flight: a receipt is looked for only when the nonce is used.
async::Task<base::Result<std::uint64_t>> TxManager::Impl::mined_count() {
    co_return co_await mined.get([this] { return read_mined_count(); });
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

async::Task<base::Result<void>> TxManager::Impl::redeliver(Sending& sending) {
    sending.delivered_in = reorganisations.load();
    auto again = co_await client.send_raw(sending.attempts.back().raw);
    const auto outcome = co_await judge(sending.attempts.back().hash, std::move(again));
    sending.delivered = outcome.outcome == Delivery::Taken;
    if (!sending.delivered) {
        co_return *outcome.error;
    }
    co_return base::ok();
}

// The transaction with the first nonce that is in no block holds up all others.
async::Task<base::Result<void>> TxManager::Impl::clear_way(std::uint64_t nonce) {
    SendingPtr first;
    {
        const std::lock_guard lock(mutex);
        const auto found = open.find(nonce);
        if (found != open.end()) {
            if (found->second->followed) {
                co_return base::ok();
            }
            first = found->second;
            first->followed = true;
        }
    }
    if (!first) {
        co_return co_await fill_gaps();
    }
    // Nobody asks for it any more, and yet it has to get into a block.
    const Claim claim(*this, first);
    const OnSigned nothing_else;
    co_return co_await push(nothing_else, *first);
}

// At least 12.5 % more; and as much as the chain asks of a new one, for else the replacement would
// be stuck as well.
Fee TxManager::Impl::replacement_fee(const Fee& old, const Market& now) const {
    auto out = bump_fee(old);
    auto* dynamic = std::get_if<Eip1559Fee>(&out);
    if (dynamic == nullptr || !now.base_fee) {
        return out;
    }
    const auto asked = std::get<Eip1559Fee>(choose_fee(now.history, *now.base_fee));
    const auto most = options.max_fee_per_gas.value_or(asked.max_fee);
    dynamic->max_fee = std::max(dynamic->max_fee, std::min(asked.max_fee, most));
    dynamic->max_priority_fee =
        std::max(dynamic->max_priority_fee, std::min(asked.max_priority_fee, dynamic->max_fee));
    return out;
}

// Those that the chain could take already have offered enough after some replacements.
base::Result<void> TxManager::Impl::may_replace(const Sending& sending, const Market& now) const {
    const bool too_cheap = now.base_fee && price_of(sending.tx.fee) < *now.base_fee;
    if (sending.attempts.size() > options.max_bumps && !too_cheap) {
        return base::Error(base::ErrorKind::Denied, "tx_enough_replaced",
                           fmt::format("replaced {} times and dear enough for the chain now",
                                       sending.attempts.size() - 1));
    }
    return base::ok();
}

async::Task<base::Result<void>> TxManager::Impl::replace(const OnSigned& on_signed,
                                                         Sending& sending) {
    WAVS_CO_TRY(const auto now, co_await market.get([this] { return read_market(); }));
    WAVS_CO_TRY(may_replace(sending, now));
    auto tx = sending.tx;
    tx.fee = replacement_fee(tx.fee, now);
    WAVS_CO_TRY(check_fee(tx.fee));
    if (sending.share) {
        WAVS_CO_TRY(sending.share->raise(price_of(tx)));
    }
    // Also when it is refused: the next replacement must offer more than this one.
    sending.tx = tx;
    sending.attempts.push_back(sign(tx, *key));
    sending.delivered = false;
    sending.told_limit = false;
    storage::Batch changes;
    journal.put(changes, sending);
    if (on_signed) {
        changes.append(on_signed(sending.attempts.back()));
    }
    WAVS_CO_TRY(co_await journal.commit(std::move(changes)));
    co_return co_await redeliver(sending);
}

async::Task<base::Result<bool>> TxManager::Impl::unstick(const OnSigned& on_signed,
                                                         Sending& sending) {
    WAVS_CO_TRY(const auto count, co_await client.transaction_count(address, BlockRef::latest()));
    if (count > sending.tx.nonce) {
        co_return false;
    }
    if (count < sending.tx.nonce) {
        WAVS_CO_TRY(co_await clear_way(count));
        co_return false;
    }
    WAVS_CO_TRY(co_await push(on_signed, sending));
    co_return true;
}

async::Task<base::Result<void>> TxManager::Impl::push(const OnSigned& on_signed, Sending& sending) {
    WAVS_CO_TRY(const auto known, co_await client.transaction(sending.attempts.back().hash));
    if (!known) {
        // Forgotten by the node, not stuck: the same bytes again cost nothing.
        if (auto again = co_await redeliver(sending); again.has_value()) {
            co_return base::ok();
        }
    }
    co_return co_await replace(on_signed, sending);
}

void TxManager::Impl::tell_stuck(Sending& sending, const base::Error& error) {
    const bool limit = error.kind() == base::ErrorKind::Denied;
    if (!limit || !std::exchange(sending.told_limit, true)) {
        telemetry::log_failure(telemetry::Level::Warn, "chain_evm",
                               "a stuck transaction stays as it is", error,
                               {{"chain", options.chain.str()},
                                {"nonce", sending.tx.nonce},
                                {"tx", types::to_string(sending.attempts.back().hash)}});
    }
}

async::Task<base::Result<Mined>> TxManager::Impl::follow(OnSigned on_signed, SendingPtr sending) {
    const Claim claim(*this, sending);
    auto since = clock.steady_now();
    std::optional<base::SteadyTime> used_since;
    unsigned rounds = 0;
    while (true) {
        if (sending->delivered_in != reorganisations.load()) {
            // The pools may have lost it with the blocks: the same bytes again cost nothing.
            sending->delivered = false;
        }
        const auto count = co_await mined_count();
        if (count.has_value() && count.value() > sending->tx.nonce) {
            auto receipt = co_await find_receipt(*sending);
            if (receipt.has_value() && receipt.value()) {
                co_return co_await conclude(*sending, std::move(*receipt.value()));
            }
            used_since = used_since.value_or(clock.steady_now());
            if (receipt.has_value() && clock.steady_now() - *used_since >= kReceiptGrace) {
                co_return co_await nonce_taken(*sending);
            }
        } else if (!sending->delivered) {
            static_cast<void>(co_await redeliver(*sending));
        }
        if (clock.steady_now() - since >= options.receipt_timeout) {
            if (rounds == options.max_bumps) {
                co_return base::Error(base::ErrorKind::Timeout, "tx_stuck",
                                      fmt::format("no receipt for transaction {} with nonce {} "
                                                  "after {} replacements",
                                                  types::to_string(sending->attempts.back().hash),
                                                  sending->tx.nonce, sending->attempts.size() - 1));
            }
            since = clock.steady_now();
            const auto moved = co_await unstick(on_signed, *sending);
            if (!moved.has_value()) {
                tell_stuck(*sending, moved.error());
            }
            rounds += moved.has_value() && !moved.value() ? 0 : 1;
        }
        WAVS_CO_TRY(co_await wait_for_block());
    }
}

}  // namespace wavs::chain_evm
