// SPDX-License-Identifier: Apache-2.0
#include "tx_flow.hpp"

#include "wavs/async/fault.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

/// A wider gap was not left by refused transactions.
constexpr std::size_t kMaxGap = 16;

bool mentions(std::string_view text, std::string_view word) {
    return std::search(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
               return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
           }) != text.end();
}

bool is_known_already(std::string_view text) {
    return mentions(text, "already known") || mentions(text, "known transaction") ||
           mentions(text, "already imported") || mentions(text, "already exists");
}

bool lacks_funds(std::string_view text) { return mentions(text, "insufficient funds"); }

base::Error send_error(std::string_view reason, std::string remedy = {}) {
    return {base::ErrorKind::Unavailable, "tx_send_failed",
            fmt::format("Send Transaction Error: {}", reason), std::move(remedy)};
}

// Whoever leads a batch may be stopped in the middle of it. The others must not wait for an answer
// then; what was recorded goes on when its reference is asked for again.
struct BatchEnd {
    explicit BatchEnd(std::vector<OutgoingPtr>& items) : batch(items) {}
    BatchEnd(const BatchEnd&) = delete;
    BatchEnd& operator=(const BatchEnd&) = delete;
    ~BatchEnd() {
        for (const auto& item : batch) {
            if (!item->done) {
                item->failure = send_error("interrupted");
                item->done = true;
            }
        }
    }
    std::vector<OutgoingPtr>& batch;
};

}  // namespace

async::Task<base::Result<SendingPtr>> TxManager::Impl::place(OutgoingPtr mine) {
    for (unsigned attempt = 0; attempt < options.max_send_tries; ++attempt) {
        if (attempt > 0) {
            WAVS_CO_TRY(co_await timers.sleep_for(kSendRetry * (1U << (attempt - 1))));
        }
        WAVS_CO_TRY(co_await take_turn(mine));
        if (mine->sending) {
            co_return std::move(mine->sending);
        }
        if (!mine->may_retry) {
            co_return std::move(*mine->failure);
        }
    }
    auto error = std::move(*mine->failure);
    if (auto filled = co_await fill_gaps(); !filled.has_value()) {
        telemetry::log_failure(telemetry::Level::Warn, "chain_evm",
                               "a gap between nonces stays for now", filled.error());
    }
    co_return error;
}

// Whose turn it is takes along all who wait.
async::Task<base::Result<void>> TxManager::Impl::take_turn(OutgoingPtr mine) {
    mine->done = false;
    mine->may_retry = false;
    mine->failure.reset();
    {
        const std::lock_guard lock(mutex);
        mine->queued = true;
        waiting.push_back(mine);
    }
    const InQueue place_in_queue(*this, mine);
    WAVS_CO_TRY(const auto guard, co_await nonce_lock.lock());
    while (!mine->done) {
        co_await place_batch(take_waiting());
    }
    co_return base::ok();
}

std::vector<OutgoingPtr> TxManager::Impl::take_waiting() {
    const std::lock_guard lock(mutex);
    std::vector<OutgoingPtr> out;
    std::size_t bytes = 0;
    while (!waiting.empty() && out.size() < kMaxBatch && bytes < kMaxBatchBytes) {
        waiting.front()->queued = false;
        bytes += waiting.front()->tx.data.size();
        out.push_back(std::move(waiting.front()));
        waiting.pop_front();
    }
    return out;
}

async::Task<base::Result<void>> TxManager::Impl::learn_floor() {
    {
        const std::lock_guard lock(mutex);
        if (floor) {
            co_return base::ok();
        }
    }
    WAVS_CO_TRY(const auto pending,
                co_await client.transaction_count(address, BlockRef::pending()));
    const std::lock_guard lock(mutex);
    floor = pending;
    co_return base::ok();
}

// Nonces, signatures, and one commit for all of them.
async::Task<base::Result<void>> TxManager::Impl::record(const std::vector<OutgoingPtr>& batch) {
    WAVS_CO_TRY(co_await learn_floor());
    {
        const std::lock_guard lock(mutex);
        auto nonce = *floor;
        for (const auto& item : batch) {
            while (open.contains(nonce)) {
                ++nonce;
            }
            item->tx.nonce = nonce++;
        }
    }
    storage::Batch changes;
    std::vector<SendingPtr> made;
    for (const auto& item : batch) {
        auto sending = std::make_shared<Sending>();
        sending->tx = item->tx;
        sending->attempts = {sign(item->tx, *key)};
        sending->reference = item->reference;
        sending->signed_at = clock.wall_now();
        sending->filler = item->filler;
        sending->payer = item->payer;
        sending->share = item->share;
        journal.put(changes, *sending);
        if (item->on_signed) {
            changes.append(item->on_signed(sending->attempts.back()));
        }
        made.push_back(std::move(sending));
    }
    WAVS_CO_TRY(co_await journal.commit(std::move(changes)));
    const std::lock_guard lock(mutex);
    for (std::size_t i = 0; i < batch.size(); ++i) {
        telemetry::log_debug("chain_evm", "transaction recorded",
                             {{"chain", options.chain.str()},
                              {"nonce", made[i]->tx.nonce},
                              {"tx", types::to_string(made[i]->attempts.back().hash)}});
        add_locked(made[i]);
        batch[i]->sending = std::move(made[i]);
    }
    co_return base::ok();
}

// Of the holder of `nonce_lock`.
async::Task<void> TxManager::Impl::place_batch(std::vector<OutgoingPtr> batch) {
    const BatchEnd end(batch);
    if (auto recorded = co_await record(batch); !recorded.has_value()) {
        for (const auto& item : batch) {
            item->failure = recorded.error();
            item->done = true;
        }
        co_return;
    }
    std::vector<SendingPtr> sendings;
    for (const auto& item : batch) {
        sendings.push_back(item->sending);
    }
    auto outcomes = co_await deliver_all(std::move(sendings));
    for (std::size_t i = 0; i < batch.size(); ++i) {
        conclude_try(*batch[i], outcomes[i]);
    }
}

void TxManager::Impl::conclude_try(Outgoing& item, const Delivered& delivered) {
    // Without an answer it may be on its way: its nonce stays its own, and following it sends the
    // same bytes again.
    item.sending->delivered = delivered.outcome == Delivery::Taken;
    if (delivered.outcome == Delivery::NonceUsed || delivered.outcome == Delivery::Refused) {
        forget(*item.sending);
        if (auto erased = journal.erase_unsynced(item.sending->tx.nonce); !erased.has_value()) {
            telemetry::log_failure(telemetry::Level::Warn, "chain_evm",
                                   "the record of a refused transaction stays", erased.error());
        }
        if (delivered.outcome == Delivery::NonceUsed) {
            const std::lock_guard lock(mutex);
            floor.reset();
        }
        item.sending.reset();
        item.failure = send_error(delivered.error->message());
        if (lacks_funds(delivered.error->message())) {
            item.failure = send_error(delivered.error->message(), balance.remedy());
        }
        item.may_retry = true;
    }
    item.done = true;
}

// Each transaction passes by itself, however many leave together.
async::Task<std::optional<base::Error>> TxManager::Impl::pass(base::FaultPoint point,
                                                              std::size_t count) {
    if (base::Faults::armed()) [[unlikely]] {
        for (std::size_t i = 0; i < count; ++i) {
            if (auto fault = co_await async::take_fault(timers, point); !fault.has_value()) {
                co_return fault.error();
            }
        }
    }
    co_return std::nullopt;
}

async::Task<std::vector<Delivered>> TxManager::Impl::deliver_all(std::vector<SendingPtr> sendings) {
    if (auto fault = co_await pass(base::FaultPoint::BeforeSend, sendings.size())) {
        co_return std::vector<Delivered>(sendings.size(), {Delivery::Unknown, fault});
    }
    std::vector<base::Bytes> raws;
    for (const auto& sending : sendings) {
        sending->delivered_in = reorganisations.load();
        raws.push_back(sending->attempts.back().raw);
    }
    auto answers = co_await client.send_raw_in_order(std::move(raws));
    if (auto fault = co_await pass(base::FaultPoint::AfterSend, sendings.size())) {
        co_return std::vector<Delivered>(sendings.size(), {Delivery::Unknown, fault});
    }
    std::vector<Delivered> out;
    for (std::size_t i = 0; i < sendings.size(); ++i) {
        out.push_back(co_await judge(sendings[i]->attempts.back().hash, std::move(answers[i])));
    }
    co_return out;
}

async::Task<Delivered> TxManager::Impl::judge(types::Bytes32 hash,
                                              base::Result<types::Bytes32> answer) {
    if (answer.has_value()) {
        co_return Delivered();
    }
    const auto& error = answer.error();
    if (error.code() != base::ErrorCode("rpc_error")) {
        co_return Delivered{Delivery::Unknown, error};
    }
    const auto& text = error.message();
    if (is_known_already(text)) {
        co_return Delivered();
    }
    if (lacks_funds(text)) {
        balance.note_refused();
    }
    if (!mentions(text, "nonce") && !mentions(text, "replacement transaction under")) {
        co_return Delivered{Delivery::Refused, error};
    }
    // It may be our own earlier try that used the nonce.
    auto known = co_await client.transaction(hash);
    if (known.has_value() && known.value()) {
        co_return Delivered();
    }
    co_return Delivered{Delivery::NonceUsed, error};
}

std::size_t TxManager::Impl::gaps_locked() const {
    if (!floor || open.empty() || open.rbegin()->first < *floor) {
        return 0;
    }
    const auto ours =
        static_cast<std::uint64_t>(std::distance(open.lower_bound(*floor), open.end()));
    return open.rbegin()->first + 1 - *floor - ours;
}

async::Task<base::Result<void>> TxManager::Impl::fill_gaps() {
    WAVS_CO_TRY(const auto guard, co_await nonce_lock.lock());
    std::size_t gaps = 0;
    {
        const std::lock_guard lock(mutex);
        if (open.empty()) {
            co_return base::ok();
        }
        floor.reset();
    }
    WAVS_CO_TRY(co_await learn_floor());
    {
        const std::lock_guard lock(mutex);
        // Who waits is about to take the free nonces.
        gaps = waiting.empty() ? gaps_locked() : 0;
    }
    if (gaps == 0) {
        co_return base::ok();
    }
    if (gaps > kMaxGap) {
        co_return base::Error(
            base::ErrorKind::Unavailable, "tx_nonce_gap",
            fmt::format("the chain's next nonce is {} below the transactions on their way", gaps),
            "check that the endpoint is synchronised and that the chain was not reset");
    }
    TxRequest nothing;
    nothing.to = address;
    WAVS_CO_TRY(const auto now, co_await market.get([this] { return read_market(); }));
    Outgoing filler;
    filler.filler = true;
    filler.tx.chain_id = options.chain_id;
    filler.tx.to = address;
    WAVS_CO_TRY(const auto estimate, co_await gas_estimate(nothing));
    WAVS_CO_TRY(filler.tx.gas_limit, limited_gas(estimate, nothing, now));
    WAVS_CO_TRY(filler.tx.fee, fee(nothing, now));
    std::vector<OutgoingPtr> batch;
    for (std::size_t i = 0; i < gaps; ++i) {
        batch.push_back(std::make_shared<Outgoing>(filler));
    }
    co_await place_batch(batch);
    for (const auto& item : batch) {
        if (item->failure) {
            co_return std::move(*item->failure);
        }
    }
    telemetry::log_warn("chain_evm", "nonces that no transaction uses were filled",
                        {{"account", types::to_checksum_string(address)}, {"count", gaps}});
    co_return base::ok();
}

}  // namespace wavs::chain_evm
