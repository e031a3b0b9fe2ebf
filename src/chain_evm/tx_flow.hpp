// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "balance_watch.hpp"
#include "tx_journal.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/async/shared_read.hpp"
#include "wavs/base/fault.hpp"
#include "wavs/chain_evm/tx_manager.hpp"

#include <atomic>
#include <deque>
#include <map>

namespace wavs::chain_evm {

inline constexpr auto kSendRetry = std::chrono::milliseconds(100);
/// How long what was read of the chain as a whole (fees, limits, counts) is taken for its state.
inline constexpr auto kReadHolds = std::chrono::seconds(1);
/// In one message to the chain's node.
inline constexpr std::size_t kMaxBatch = 100;
inline constexpr std::size_t kMaxBatchBytes = std::size_t{512} << 10;

/// What the chain asks of everybody's next transaction.
struct Market {
    FeeHistory history;
    /// Of the latest block; none on a chain without one, which has `legacy_price` then.
    std::optional<Wei> base_fee;
    Wei legacy_price = 0;
    std::optional<std::uint64_t> block_gas_limit;
};

/// A transaction that waits for its nonce and for the chain's node to take it. Changed by its
/// owner, and by the holder of the nonces while it is in a batch.
struct Outgoing {
    Transaction tx;
    base::Bytes reference;
    OnSigned on_signed;
    std::optional<types::ServiceId> payer;
    std::shared_ptr<Spending::Reservation> share;
    /// It only fills a gap between nonces.
    bool filler = false;
    /// Under the manager's mutex.
    bool queued = false;
    /// A try has ended: `sending` or `failure` is set.
    bool done = false;
    SendingPtr sending;
    std::optional<base::Error> failure;
    bool may_retry = false;
};
using OutgoingPtr = std::shared_ptr<Outgoing>;

/// Most that a unit of gas can cost.
Wei price_of(const Fee& fee);
/// Most that a transaction can cost.
Wei price_of(const Transaction& tx);

enum class Delivery : std::uint8_t { Taken, NonceUsed, Refused, Unknown };
struct Delivered {
    Delivery outcome = Delivery::Taken;
    std::optional<base::Error> error;
};

struct TxManager::Impl {
    Impl(Options manager_options, RpcClient rpc, std::shared_ptr<const crypto::SecretKey> secret,
         storage::Store& store, const async::Executor& strand, async::Timers& t, base::Clock& c);

    const Options options;
    RpcClient client;
    const std::shared_ptr<const crypto::SecretKey> key;
    const types::EvmAddress address;
    const async::Executor executor;
    async::Timers& timers;
    base::Clock& clock;
    TxJournal journal;
    BalanceWatch balance;
    async::SharedRead<Market> market;
    async::SharedRead<std::uint64_t> mined;
    /// How often the chain replaced blocks.
    std::atomic<std::uint64_t> reorganisations{0};
    /// Held from choosing nonces until the chain's node has answered.
    async::Mutex nonce_lock;

    std::mutex mutex;
    /// No nonce below it is free; none: to be asked from the chain.
    std::optional<std::uint64_t> floor;
    /// Recorded, without a known end.
    std::map<std::uint64_t, SendingPtr> open;
    /// Of `open`; the one with the highest nonce, since an older one can only be left from a nonce
    /// that somebody else used.
    std::map<base::Bytes, SendingPtr> by_reference;
    std::deque<OutgoingPtr> waiting;
    std::map<types::EvmAddress, std::shared_ptr<async::SharedRead<bool>>> contracts;
    std::map<std::uint64_t, async::OneShot<bool>> head_waiters;
    std::uint64_t next_ticket = 0;

    /// Lets go of a transaction however the coroutine that follows it ends.
    struct Claim {
        Claim(Impl& owner, SendingPtr claimed) : impl(owner), sending(std::move(claimed)) {
            const std::lock_guard lock(impl.mutex);
            sending->followed = true;
        }
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim() {
            const std::lock_guard lock(impl.mutex);
            sending->followed = false;
        }
        Impl& impl;
        SendingPtr sending;
    };

    /// Takes an item out of the queue when its owner leaves.
    struct InQueue {
        InQueue(Impl& owner, OutgoingPtr queued) : impl(owner), item(std::move(queued)) {}
        InQueue(const InQueue&) = delete;
        InQueue& operator=(const InQueue&) = delete;
        ~InQueue() {
            const std::lock_guard lock(impl.mutex);
            if (item->queued) {
                std::erase(impl.waiting, item);
            }
        }
        Impl& impl;
        OutgoingPtr item;
    };

    async::Task<base::Result<void>> take_over();
    async::Task<base::Result<Mined>> send(TxRequest request);
    async::Task<base::Result<std::optional<Mined>>> resume(base::Bytes reference,
                                                           OnSigned on_signed);
    /// For following; null when there is none, `tx_followed` when somebody does so already.
    base::Result<SendingPtr> claim(const base::Bytes& reference);

    async::Task<base::Result<bool>> has_code(types::EvmAddress contract);
    async::Task<base::Result<Market>> read_market();
    async::Task<base::Result<std::uint64_t>> gas_estimate(const TxRequest& request);
    base::Result<std::uint64_t> limited_gas(std::uint64_t estimate, const TxRequest& request,
                                            const Market& now) const;
    base::Result<Fee> fee(const TxRequest& request, const Market& now) const;
    Fee capped(Fee fee, Wei base_fee) const;
    base::Result<void> check_fee(const Fee& fee) const;
    base::Result<void> reserve(Outgoing& item);
    void spend(const Sending& sending, const Receipt& receipt, storage::Batch& changes) const;

    // tx_place.cpp: until the chain's node has it.
    async::Task<base::Result<SendingPtr>> place(OutgoingPtr mine);
    async::Task<base::Result<void>> take_turn(OutgoingPtr mine);
    std::vector<OutgoingPtr> take_waiting();
    async::Task<void> place_batch(std::vector<OutgoingPtr> batch);
    async::Task<base::Result<void>> learn_floor();
    async::Task<base::Result<void>> record(const std::vector<OutgoingPtr>& batch);
    async::Task<std::optional<base::Error>> pass(base::FaultPoint point, std::size_t count);
    async::Task<std::vector<Delivered>> deliver_all(std::vector<SendingPtr> sendings);
    async::Task<Delivered> judge(types::Bytes32 hash, base::Result<types::Bytes32> answer);
    void conclude_try(Outgoing& item, const Delivered& delivered);
    /// Nonces below one of ours that nobody used would hold it up for ever.
    async::Task<base::Result<void>> fill_gaps();
    std::size_t gaps_locked() const;

    // tx_flow.cpp: until there is a receipt.
    async::Task<base::Result<Mined>> follow(OnSigned on_signed, SendingPtr sending);
    async::Task<base::Result<std::uint64_t>> mined_count();
    async::Task<base::Result<std::uint64_t>> read_mined_count();
    async::Task<base::Result<std::optional<Receipt>>> find_receipt(const Sending& sending);
    async::Task<base::Result<Mined>> conclude(const Sending& sending, Receipt receipt);
    async::Task<base::Result<Mined>> nonce_taken(const Sending& sending);
    void add_locked(SendingPtr sending);
    void remove_locked(const Sending& sending);
    void forget(const Sending& sending);
    /// False when an earlier nonce holds it up.
    async::Task<base::Result<bool>> unstick(const OnSigned& on_signed, Sending& sending);
    /// Sent again when the chain's node forgot it, else replaced.
    async::Task<base::Result<void>> push(const OnSigned& on_signed, Sending& sending);
    /// Once, when a limit of the operator is why.
    void tell_stuck(Sending& sending, const base::Error& error);
    base::Result<void> may_replace(const Sending& sending, const Market& now) const;
    Fee replacement_fee(const Fee& old, const Market& now) const;
    async::Task<base::Result<void>> replace(const OnSigned& on_signed, Sending& sending);
    async::Task<base::Result<void>> redeliver(Sending& sending);
    async::Task<base::Result<void>> clear_way(std::uint64_t nonce);
    async::Task<base::Result<void>> wait_for_block();
};

}  // namespace wavs::chain_evm
