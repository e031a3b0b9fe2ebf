// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/aggregator/target.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/base/random.hpp"
#include "wavs/types/envelope.hpp"

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace wavs::aggregator::testing {

/// A chain with one service manager and one handler, on virtual time: blocks come when they are
/// mined, and every transaction counts, also one that the handler refuses.
class SimChain {
public:
    struct Transaction {
        types::EventId event;
        types::Bytes32 digest;
        std::string sender;
        std::uint64_t block = 0;
        bool accepted = false;
        types::TxHash hash;
        std::size_t signatures = 0;
    };

    std::map<types::EvmAddress, unsigned> weights;
    unsigned threshold = 0;
    /// A handler as they should be; otherwise it takes an event as often as it comes.
    bool refuses_repeats = true;
    std::uint64_t head = 10;
    /// What a block has room for; with so many it is full.
    std::size_t most_per_block = SIZE_MAX;
    /// Somebody else's transactions leave no more room than ours need.
    bool always_full = false;
    std::vector<Transaction> mined;

    types::TxHash next_hash() {
        types::Bytes32 hash;
        const auto number = ++sent_;
        for (std::size_t i = 0; i < 8; ++i) {
            hash.array()[i] = static_cast<std::uint8_t>(number >> (8 * i));
        }
        return types::EvmTxHash{hash};
    }
    void send(const std::string& sender, const PostRequest& request, types::TxHash hash) {
        const auto& envelope = request.envelope;
        pool_.push_back({envelope.event_id, types::envelope_digest(envelope), sender, 0, false,
                         std::move(hash), request.signatures.size()});
    }
    void mine() {
        ++head;
        std::size_t used = 0;
        for (; !pool_.empty() && used < most_per_block; ++used) {
            auto& one = pool_.front();
            one.block = head;
            one.accepted = !refuses_repeats || !has(one.event);
            mined.push_back(std::move(one));
            pool_.pop_front();
        }
        if (always_full || used >= most_per_block) {
            full_.insert(head);
        }
    }
    BlockCount blocks_after(std::uint64_t block) const {
        BlockCount out;
        for (auto number = block + 1; number <= head; ++number) {
            ++(full_.contains(number) ? out.full : out.with_room);
        }
        return out;
    }
    bool has(const types::EventId& event) const { return find(event) != nullptr; }
    const Transaction* find(const types::EventId& event) const {
        for (const auto& one : mined) {
            if (one.event == event && one.accepted) {
                return &one;
            }
        }
        return nullptr;
    }
    const Transaction* find(const types::TxHash& hash) const {
        for (const auto& one : mined) {
            if (one.hash == hash) {
                return &one;
            }
        }
        return nullptr;
    }
    bool in_pool(const types::TxHash& hash) const {
        for (const auto& one : pool_) {
            if (one.hash == hash) {
                return true;
            }
        }
        return false;
    }
    std::size_t transactions(const types::EventId& event) const {
        std::size_t out = 0;
        for (const auto& one : mined) {
            out += one.event == event ? 1 : 0;
        }
        return out;
    }
    QuorumCheck check(const std::vector<types::QueueSignature>& signatures) const {
        unsigned signed_weight = 0;
        unsigned total = 0;
        for (const auto& [signer, weight] : weights) {
            total += weight;
        }
        for (const auto& one : signatures) {
            const auto found = weights.find(one.signer);
            if (found == weights.end()) {
                return {QuorumCheck::State::Waiting,
                        "Service manager validate(): SignerNotRegistered (0x3dda1739)", 0,
                        "SignerNotRegistered"};
            }
            signed_weight += found->second;
        }
        if (signed_weight < threshold) {
            return {QuorumCheck::State::Waiting,
                    fmt::format("Insufficient Quorum: weight {} < threshold {} (total weight: {})",
                                signed_weight, threshold, total),
                    0, "InsufficientQuorum"};
        }
        return {QuorumCheck::State::Reached, {}, static_cast<std::uint32_t>(head - 1)};
    }

private:
    std::uint64_t sent_ = 0;
    std::deque<Transaction> pool_;
    std::set<std::uint64_t> full_;
};

/// One operator's way to the chain.
class SimTarget final : public Target {
public:
    /// By reference; on disk in a node.
    using OnItsWay = std::map<base::Bytes, types::TxHash>;
    SimTarget(SimChain& chain, async::Timers& timers, storage::Store& store, OnItsWay& on_its_way,
              std::string operator_name)
        : chain_(chain),
          timers_(timers),
          store_(store),
          on_its_way_(on_its_way),
          name_(std::move(operator_name)) {}

    async::Task<base::Result<QuorumCheck>> check(CheckRequest request) override {
        WAVS_CO_TRY(co_await reach());
        co_return chain_.check(request.signatures);
    }
    async::Task<base::Result<Posted>> post(PostRequest request) override {
        WAVS_CO_TRY(co_await reach());
        if (chain_.refuses_repeats && chain_.has(request.envelope.event_id)) {
            co_return Posted{Posted::State::HandlerRefused, std::nullopt,
                             "EVM client: No Transaction Receipt: EventAlreadyHandled"};
        }
        const auto hash = chain_.next_hash();
        on_its_way_[request.reference] = hash;
        WAVS_CO_TRY(co_await store_.commit(request.on_signed(hash)));
        chain_.send(name_, request, hash);
        co_return co_await receipt(request.reference, hash);
    }
    async::Task<base::Result<std::optional<Posted>>> resume(base::Bytes reference,
                                                            OnSigned /*on_signed*/) override {
        const auto found = on_its_way_.find(reference);
        if (found == on_its_way_.end()) {
            co_return std::optional<Posted>();
        }
        const auto hash = found->second;
        WAVS_CO_TRY(auto posted, co_await receipt(std::move(reference), hash));
        co_return std::optional(std::move(posted));
    }
    async::Task<base::Result<std::optional<PostedElsewhere>>> find_posted(
        types::SubmitAction /*action*/, types::EventId event, std::uint64_t from_block) override {
        WAVS_CO_TRY(co_await reach());
        if (blind) {
            co_return base::Error(base::ErrorKind::Unavailable, "blind", "EVM client: no block 7");
        }
        const auto* found = chain_.find(event);
        co_return found != nullptr && found->block >= from_block
            ? std::optional(PostedElsewhere{found->hash, found->digest})
            : std::nullopt;
    }
    async::Task<base::Result<std::vector<std::string>>> weights(
        types::SubmitAction /*action*/, std::vector<types::EvmAddress> signers,
        std::uint32_t /*reference_block*/) override {
        co_return std::vector<std::string>(signers.size(), "1");
    }
    async::Task<base::Result<std::uint64_t>> head() override { co_return chain_.head; }
    async::Task<base::Result<BlockCount>> blocks_after(std::uint64_t block) override {
        co_return chain_.blocks_after(block);
    }
    async::Task<base::Result<std::uint64_t>> block_at(types::Timestamp /*time*/) override {
        co_return 1U;
    }

    /// Its endpoint does not answer.
    bool gone = false;
    /// It answers, but does not have the blocks in which others may have posted.
    bool blind = false;

private:
    async::Task<base::Result<void>> reach() {
        WAVS_CO_TRY(co_await timers_.sleep_for(std::chrono::milliseconds(1)));
        if (gone) {
            co_return base::Error(base::ErrorKind::Unavailable, "gone", "EVM client: gone");
        }
        co_return base::ok();
    }
    async::Task<base::Result<Posted>> receipt(base::Bytes reference, types::TxHash hash) {
        while (chain_.find(hash) == nullptr) {
            if (!chain_.in_pool(hash)) {
                on_its_way_.erase(reference);
                co_return base::Error(base::ErrorKind::Unavailable, "tx_dropped",
                                      "EVM client: dropped");
            }
            WAVS_CO_TRY(co_await timers_.sleep_for(std::chrono::milliseconds(100)));
        }
        on_its_way_.erase(reference);
        if (!chain_.find(hash)->accepted) {
            co_return base::Error(base::ErrorKind::Invalid, "tx_reverted",
                                  "EVM client: Transaction Receipt: status 0");
        }
        co_return Posted{Posted::State::Mined, hash};
    }

    SimChain& chain_;
    async::Timers& timers_;
    storage::Store& store_;
    OnItsWay& on_its_way_;
    std::string name_;
};

}  // namespace wavs::aggregator::testing
