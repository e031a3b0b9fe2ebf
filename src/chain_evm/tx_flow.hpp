// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/one_shot.hpp"
#include "wavs/chain_evm/tx_manager.hpp"

#include <set>

namespace wavs::chain_evm {

inline constexpr auto kSendRetry = std::chrono::milliseconds(100);

enum class Delivery : std::uint8_t { Accepted, BadNonce };

/// A nonce of ours with everything that was sent for it, oldest first.
struct Placed {
    Transaction tx;
    std::vector<SignedTransaction> attempts;
};

struct TxManager::Impl {
    Impl(Options manager_options, RpcClient rpc, std::shared_ptr<const crypto::SecretKey> secret,
         const async::Executor& strand, async::Timers& t, base::Clock& c);

    const Options options;
    RpcClient client;
    const std::shared_ptr<const crypto::SecretKey> key;
    const types::EvmAddress address;
    const async::Executor executor;
    async::Timers& timers;
    base::Clock& clock;
    /// Held from choosing a nonce until the chain node has the transaction.
    async::Mutex nonce_lock;
    /// Of the holder of `nonce_lock`.
    std::string last_refusal;

    std::mutex mutex;
    /// None: to be asked from the chain.
    std::optional<std::uint64_t> next_nonce;
    /// Sent, without a receipt so far.
    std::set<std::uint64_t> used;
    std::map<std::uint64_t, async::OneShot<bool>> head_waiters;
    std::uint64_t next_ticket = 0;

    /// Frees the nonce's entry however its coroutine ends.
    struct InUse {
        InUse(Impl& owner, std::uint64_t taken) : impl(owner), nonce(taken) {}
        InUse(const InUse&) = delete;
        InUse& operator=(const InUse&) = delete;
        ~InUse() {
            const std::lock_guard lock(impl.mutex);
            impl.used.erase(nonce);
        }
        Impl& impl;
        std::uint64_t nonce;
    };

    async::Task<base::Result<Receipt>> send(TxRequest request);
    async::Task<base::Result<Receipt>> resume(JournaledTx journaled);

    async::Task<base::Result<std::uint64_t>> gas_limit(const TxRequest& request);
    async::Task<base::Result<Fee>> fee(const TxRequest& request);
    Fee capped(Fee fee, Wei base_fee) const;
    base::Result<void> check_fee(const Fee& fee) const;
    async::Task<base::Result<std::uint64_t>> next_free_nonce();
    async::Task<base::Result<void>> announce(const TxRequest& request, SignedTransaction tx);
    async::Task<base::Result<Delivery>> deliver(SignedTransaction tx);
    async::Task<base::Result<Placed>> place(const TxRequest& request, Transaction tx);

    /// Until there is a receipt, replacing what is stuck.
    async::Task<base::Result<Receipt>> follow(const TxRequest& request, Placed placed);
    async::Task<base::Result<std::optional<Receipt>>> find_receipt(const Placed& placed);
    /// Sends again or replaces; an error ends the waiting.
    async::Task<base::Result<void>> unstick(const TxRequest& request, Placed& placed);
    async::Task<base::Result<void>> wait_for_block();
    base::Result<Receipt> conclude(Receipt receipt) const;
    base::Error nonce_taken(const Placed& placed);
};

}  // namespace wavs::chain_evm
