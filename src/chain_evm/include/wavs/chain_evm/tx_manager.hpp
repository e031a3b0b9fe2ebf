// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/chain_evm/rpc_client.hpp"
#include "wavs/chain_evm/spending.hpp"
#include "wavs/chain_evm/transaction.hpp"
#include "wavs/storage/store.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::chain_evm {

/// What else is to be stored in the commit that records a transaction, before it leaves the
/// process. Called again for each replacement (same nonce, another hash). Owns what it needs: it
/// may be called after the caller of `send()` was stopped, from any thread.
using OnSigned = std::function<storage::Batch(const SignedTransaction&)>;

struct TxRequest {
    types::EvmAddress to;
    base::Bytes data;
    /// Makes it a legacy transaction with this price.
    std::optional<Wei> gas_price;
    /// Upper bound of the gas limit; an estimate above it is an error.
    std::optional<std::uint64_t> max_gas;
    /// What the transaction is for, such as the key of a queue: there is one transaction for it at
    /// a time, also across restarts. Empty: nobody will ask for it again.
    base::Bytes reference;
    OnSigned on_signed;
    /// The service whose budget it counts against.
    std::optional<types::ServiceId> payer;
};

/// A transaction that is in a block and succeeded.
struct Mined {
    Receipt receipt;
    /// Erases the record of the transaction. To be committed with what the caller stores of the
    /// outcome; until then a restart finds the receipt again.
    storage::Batch settled;
};

/// Fees by the rule of docs/protocol/05-evm.md 5.
Fee choose_fee(const FeeHistory& history, Wei latest_base_fee);
/// At least 12.5 % more, as nodes ask of a replacement.
Fee bump_fee(const Fee& fee);

/// Sends the transactions of one account on one chain, many at a time. Those that are ready at the
/// same moment get their nonces together, are recorded in one commit (keyspace `transactions`) and
/// sent in one message; nobody waits for another's receipt. Stuck ones are replaced with a higher
/// fee. Thread-safe; each call runs on its caller's strand. Must outlive its calls. The account is
/// this process's own: two managers for one account disturb each other.
/// Every message starts with "EVM client: ". Codes: `tx_estimate_failed` (Invalid; Unavailable when
/// the contract's reason may pass, or follows from a transaction that is in no block yet),
/// `tx_max_gas` (the request's own bound), `tx_max_gas_per_tx`, `tx_block_gas`, `tx_max_fee`,
/// `tx_over_budget`, `tx_not_a_contract`, `tx_send_failed` (the node refused), `tx_reverted`,
/// `tx_nonce_taken` (a transaction that is not ours was mined with this nonce: look whether the
/// work is done, then send anew), `tx_stuck` (it is still on its way: `resume()` it).
class TxManager {
public:
    struct Options {
        types::ChainKey chain;
        std::uint64_t chain_id = 0;
        std::optional<std::uint64_t> max_gas_per_tx;
        std::optional<Wei> max_fee_per_gas;
        base::Duration receipt_timeout = std::chrono::seconds(120);
        base::Duration poll_interval = std::chrono::seconds(1);
        unsigned max_bumps = 3;
        unsigned max_send_tries = 4;
        /// Shared by the accounts of a chain; without it nothing is counted.
        std::shared_ptr<Spending> spending;
        /// Below it the account is nearly empty; none: by what its transactions may cost.
        std::optional<Wei> low_balance;
        telemetry::Metrics* metrics = nullptr;
    };
    TxManager(Options options, RpcClient client, std::shared_ptr<const crypto::SecretKey> key,
              storage::Store& store, async::Executor executor, async::Timers& timers,
              base::Clock& clock);
    ~TxManager();
    TxManager(const TxManager&) = delete;
    TxManager& operator=(const TxManager&) = delete;

    const types::EvmAddress& address() const;

    /// Once, before anything else: takes over the recorded transactions and sends those again that
    /// are in no block, the same bytes as before.
    async::Task<base::Result<void>> open();

    /// Ends when the transaction is in a block and succeeded. Follows the one that is on its way
    /// when there is one for this reference.
    async::Task<base::Result<Mined>> send(TxRequest request);
    /// Follows the transaction that was made for this reference; none when there is none.
    async::Task<base::Result<std::optional<Mined>>> resume(base::Bytes reference,
                                                           OnSigned on_signed);

    /// A new block was seen: look for receipts now instead of at the next poll.
    void on_head();
    /// The chain replaced blocks: what is on its way is sent again, for the pools may have lost it.
    void on_reorganisation();
    /// Asks the chain what the account has, and says when that is too little or enough again.
    async::Task<base::Result<void>> look_at_balance();
    /// Of an account that is nearly empty: which, and what to do; else none.
    std::optional<std::string> balance_warning() const;
    /// Recorded transactions without a known end.
    std::size_t in_flight() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::chain_evm
