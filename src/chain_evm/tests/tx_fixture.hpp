// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "evm_fixture.hpp"

#include "wavs/chain_evm/transaction.hpp"
#include "wavs/chain_evm/tx_manager.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/storage/memory_store.hpp"

#include <algorithm>
#include <map>

namespace wavs::chain_evm::testing {

// Whose disk may be full.
class FailingStore final : public storage::Store {
public:
    base::Result<std::optional<base::Bytes>> get(storage::Keyspace keyspace,
                                                 base::ByteView key) const override {
        return inner_.get(keyspace, key);
    }
    base::Result<std::vector<storage::Entry>> scan(storage::Keyspace keyspace,
                                                   const storage::Scan& scan) const override {
        return inner_.scan(keyspace, scan);
    }
    void begin_commit(storage::Batch batch, async::Completion<void> done) override {
        if (fail_commits) {
            done.set(base::Error(base::ErrorKind::Unavailable, "disk_full", "no space left"));
            return;
        }
        inner_.begin_commit(std::move(batch), std::move(done));
    }
    base::Result<void> write_unsynced(const storage::Batch& batch) override {
        return inner_.write_unsynced(batch);
    }
    std::uint64_t sync_count() const override { return inner_.sync_count(); }

    bool fail_commits = false;

private:
    storage::MemoryStore inner_;
};

// A chain in a box: one account, a pool, blocks made by the test.
class TxTest : public ScriptedTest {
protected:
    void SetUp() override {
        ScriptedTest::SetUp();
        node_.result("eth_getCode", "\"0x60\"");
        node_.result("eth_estimateGas", "\"0x186a0\"");
        node_.result("eth_feeHistory", R"({"baseFeePerGas":["0x64","0x50"],"reward":[["0x0"]]})");
        node_.answers["eth_getTransactionCount"] = [this](const std::string& params) {
            const bool pending = params.find("pending") != std::string::npos;
            return fmt::format("\"result\":\"{}\"", quantity(pending ? next_nonce() : mined_));
        };
        node_.answers["eth_sendRawTransaction"] = [this](const std::string& params) {
            return accept(params);
        };
        node_.answers["eth_getTransactionReceipt"] = [this](const std::string& params) {
            return receipt(params.substr(2, 66));
        };
        node_.answers["eth_getTransactionByHash"] = [this](const std::string& params) {
            return known(params.substr(2, 66));
        };
        restart();
    }
    // Also what a restart does: the store stays.
    void make(TxManager::Options options) {
        options.chain = types::ChainKey::parse("evm:31337").value();
        group_ = std::make_unique<async::TaskGroup>(context_.get_executor(), "test");
        manager_ = std::make_unique<TxManager>(options, client(), key(0), store_,
                                               context_.get_executor(), timers_, clock_);
        ASSERT_TRUE(run(manager_->open()).has_value());
    }
    void restart() {
        TxManager::Options options;
        options.chain_id = 31337;
        make(options);
    }
    std::uint64_t next_nonce() const {
        auto next = mined_;
        while (pool_.contains(next)) {
            ++next;
        }
        return next;
    }
    std::string accept(const std::string& params) {
        if (!refusals_.empty()) {
            const auto text = refusals_.front();
            refusals_.erase(refusals_.begin());
            return fmt::format(R"("error":{{"code":-32000,"message":"{}"}})", text);
        }
        const auto raw = bytes(params.substr(2, params.size() - 4));
        const auto tx = parse_signed(raw).value();
        order_.push_back(tx.nonce);
        if (tx.data == refused_data_) {
            return R"("error":{"code":-32000,"message":"oversized data"})";
        }
        const auto hash = base::hex0x(hash::keccak256(raw));
        if (const auto old = pool_.find(tx.nonce);
            old != pool_.end() && old->second.first != hash) {
            replaced_.push_back(old->second.first);
        }
        pool_[tx.nonce] = {hash, tx};
        return fmt::format("\"result\":\"{}\"", hash);
    }
    std::string receipt(const std::string& hash) const {
        const auto found = receipts_.find(hash);
        return found == receipts_.end()
                   ? std::string("\"result\":null")
                   : fmt::format(R"("result":{{"transactionHash":"{}","blockHash":"{}",)"
                                 R"("blockNumber":"0x1","status":"{}","gasUsed":"0x1"}})",
                                 hash, hash, found->second ? "0x1" : "0x0");
    }
    std::string known(const std::string& hash) const {
        for (const auto& [nonce, item] : pool_) {
            if (item.first == hash) {
                return fmt::format(
                    R"("result":{{"hash":"{}","from":"{}","nonce":"0x0","input":"0x"}})", hash,
                    types::to_string(address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")));
            }
        }
        return "\"result\":null";
    }
    void mine(bool success = true) {
        for (auto next = pool_.find(mined_); next != pool_.end(); next = pool_.find(mined_)) {
            receipts_[next->second.first] = success;
            pool_.erase(next);
            ++mined_;
        }
        manager_->on_head();
    }
    static async::Task<void> send_into(TxManager& manager, TxRequest request,
                                       std::optional<base::Result<Mined>>& out) {
        out.emplace(co_await manager.send(std::move(request)));
    }
    void start(TxRequest request = {}) {
        results_.push_back(std::make_unique<std::optional<base::Result<Mined>>>());
        request.to = address("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");
        group_->spawn("send", send_into(*manager_, std::move(request), *results_.back()));
    }
    std::optional<base::Result<Mined>>& result(std::size_t i = 0) { return *results_[i]; }
    bool all_ended() const {
        return std::all_of(results_.begin(), results_.end(),
                           [](const auto& r) { return r->has_value(); });
    }

    FailingStore store_;
    std::map<std::uint64_t, std::pair<std::string, Transaction>> pool_;
    // Nonces in the order in which the node got them.
    std::vector<std::uint64_t> order_;
    std::optional<base::Bytes> refused_data_;
    std::map<std::string, bool> receipts_;
    std::vector<std::string> refusals_;
    std::vector<std::string> replaced_;
    std::uint64_t mined_ = 25;
    std::vector<std::unique_ptr<std::optional<base::Result<Mined>>>> results_;
    std::unique_ptr<TxManager> manager_;
    std::unique_ptr<async::TaskGroup> group_;
};

}  // namespace wavs::chain_evm::testing
