// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/chain_evm/transaction.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace wavs::chain_evm {

/// Awaited before a transaction leaves the process, so that it can be journaled first. An error
/// keeps it from being sent. Called again for each replacement (same nonce, another hash).
using OnSigned = std::function<async::Task<base::Result<void>>(SignedTransaction)>;

struct TxRequest {
    types::EvmAddress to;
    base::Bytes data;
    /// Makes it a legacy transaction with this price.
    std::optional<Wei> gas_price;
    /// Upper bound of the gas limit; an estimate above it is an error.
    std::optional<std::uint64_t> max_gas;
    OnSigned on_signed;
};

/// A transaction known from a journal after a restart.
struct JournaledTx {
    std::vector<SignedTransaction> attempts;
    TxRequest request;
};

/// Fees by the rule of docs/protocol/05-evm.md 5.
Fee choose_fee(const FeeHistory& history, Wei latest_base_fee);
/// At least 12.5 % more, as nodes ask of a replacement.
Fee bump_fee(const Fee& fee);

/// Sends the transactions of one account on one chain, several at a time: each gets its nonce when
/// it is signed, and gives it back when it could not be sent. Stuck ones are replaced with a higher
/// fee. Thread-safe; each call runs on its caller's strand. Must outlive its calls. The account is
/// this process's own: two managers for one account disturb each other.
/// Every message starts with "EVM client: ". Codes: `tx_estimate_failed`, `tx_max_gas`,
/// `tx_max_fee`, `tx_not_a_contract`, `tx_send_failed` (the node refused), `tx_send_unknown` (no
/// answer: it may be on its way, so `resume()` it), `tx_reverted`, `tx_nonce_taken` (a transaction
/// that is not ours was mined with this nonce: look whether the work is done, then send anew),
/// `tx_stuck`.
class TxManager {
public:
    struct Options {
        std::uint64_t chain_id = 0;
        std::optional<std::uint64_t> max_gas_per_tx;
        std::optional<Wei> max_fee_per_gas;
        base::Duration receipt_timeout = std::chrono::seconds(120);
        base::Duration poll_interval = std::chrono::seconds(1);
        unsigned max_bumps = 3;
        unsigned max_send_tries = 4;
    };
    TxManager(Options options, RpcClient client, std::shared_ptr<const crypto::SecretKey> key,
              async::Executor executor, async::Timers& timers, base::Clock& clock);
    ~TxManager();
    TxManager(const TxManager&) = delete;
    TxManager& operator=(const TxManager&) = delete;

    const types::EvmAddress& address() const;

    /// Ends when the transaction is in a block and succeeded.
    async::Task<base::Result<Receipt>> send(TxRequest request);
    /// Goes on with a transaction that was signed before a restart: its receipt if it has one, else
    /// the same bytes again. `tx_nonce_taken` when the nonce is gone.
    async::Task<base::Result<Receipt>> resume(JournaledTx journaled);

    /// A new block was seen: look for receipts now instead of at the next poll.
    void on_head();
    std::size_t in_flight() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::chain_evm
