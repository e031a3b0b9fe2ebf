// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/transaction.hpp"
#include "wavs/chain_evm/tx_manager.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/hash/hash.hpp"

#include <map>

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::address;
using testing::ScriptedTest;

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
            return fmt::format("\"result\":\"{}\"",
                               quantity(pending ? mined_ + pool_.size() : mined_));
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
        TxManager::Options options;
        options.chain_id = 31337;
        make(options);
    }
    void make(TxManager::Options options) {
        manager_ = std::make_unique<TxManager>(options, client(), testing::key(0),
                                               context_.get_executor(), timers_, clock_);
    }
    std::string accept(const std::string& params) {
        if (!refusals_.empty()) {
            const auto text = refusals_.front();
            refusals_.erase(refusals_.begin());
            return fmt::format(R"("error":{{"code":-32000,"message":"{}"}})", text);
        }
        const auto raw = testing::bytes(params.substr(2, params.size() - 4));
        const auto tx = parse_signed(raw).value();
        const auto hash = base::hex0x(hash::keccak256(raw));
        if (const auto old = pool_.find(tx.nonce); old != pool_.end()) {
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
        for (const auto& [nonce, item] : pool_) {
            receipts_[item.first] = success;
            mined_ = nonce + 1;
        }
        pool_.clear();
        manager_->on_head();
    }
    static async::Task<void> send_into(TxManager& manager, TxRequest request,
                                       std::optional<base::Result<Receipt>>& out) {
        out.emplace(co_await manager.send(std::move(request)));
    }
    void start(TxRequest request = {}) {
        results_.push_back(std::make_unique<std::optional<base::Result<Receipt>>>());
        request.to = address("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");
        group_.spawn("send", send_into(*manager_, std::move(request), *results_.back()));
    }
    std::optional<base::Result<Receipt>>& result(std::size_t i = 0) { return *results_[i]; }
    // Lets retries and polls happen by moving the time while waiting.
    void run_with_time(const std::function<bool()>& done, base::Duration step) {
        int quiet = 0;
        for (int i = 0; i < 30'000 && !done(); ++i) {
            context_.restart();
            quiet = context_.run_one_for(std::chrono::milliseconds(1)) == 0 ? quiet + 1 : 0;
            // Time goes on only when nothing is left to do now.
            if (quiet == 4) {
                timers_.advance(step);
                quiet = 0;
            }
        }
        ASSERT_TRUE(done());
    }

    std::map<std::uint64_t, std::pair<std::string, Transaction>> pool_;
    std::map<std::string, bool> receipts_;
    std::vector<std::string> refusals_;
    std::vector<std::string> replaced_;
    std::uint64_t mined_ = 25;
    std::vector<std::unique_ptr<std::optional<base::Result<Receipt>>>> results_;
    std::unique_ptr<TxManager> manager_;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(TxTest, fee_gas_and_nonce_of_one_transaction) {
    start();
    run_until([this] { return pool_.size() == 1; });
    const auto& tx = pool_.begin()->second.second;
    EXPECT_EQ(tx.nonce, 25U);
    EXPECT_EQ(tx.gas_limit, 125'000U);
    EXPECT_EQ(tx.fee, Fee(Eip1559Fee{201, 1}));
    EXPECT_EQ(manager_->in_flight(), 1U);
    mine();
    run_until([this] { return result().has_value(); });
    ASSERT_TRUE(result()->has_value()) << result()->error().full_text();
    EXPECT_EQ(manager_->in_flight(), 0U);
}

TEST_F(TxTest, a_gas_price_makes_it_legacy) {
    TxRequest request;
    request.gas_price = Wei{7};
    start(std::move(request));
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->second.second.fee, Fee(LegacyFee{7}));
}

TEST_F(TxTest, a_chain_without_base_fee_gets_legacy) {
    node_.result("eth_feeHistory", R"({"baseFeePerGas":[],"reward":[]})");
    node_.result("eth_getBlockByNumber", R"({"number":"0x1"})");
    node_.result("eth_gasPrice", "\"0x9\"");
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->second.second.fee, Fee(LegacyFee{9}));
}

TEST_F(TxTest, several_in_flight_get_consecutive_nonces) {
    for (int i = 0; i < 5; ++i) {
        start();
    }
    run_until([this] { return pool_.size() == 5; });
    EXPECT_EQ(pool_.begin()->first, 25U);
    EXPECT_EQ(pool_.rbegin()->first, 29U);
    EXPECT_EQ(node_.count("eth_getTransactionCount"), 1U);
    mine();
    run_until([this] {
        return std::all_of(results_.begin(), results_.end(),
                           [](const auto& r) { return r->has_value(); });
    });
}

TEST_F(TxTest, a_failed_send_gives_its_nonce_back) {
    refusals_.assign(4, "Insufficient funds for gas * price + value");
    start();
    run_with_time([this] { return result().has_value(); }, seconds(1));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_send_failed"));
    EXPECT_TRUE(result()->error().message().starts_with(
        "EVM client: Send Transaction Error: eth_sendRawTransaction: server returned an error "
        "response: error code -32000: Insufficient funds"))
        << result()->error().message();
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->first, 25U);
}

TEST_F(TxTest, nonce_errors_are_answered_by_asking_the_chain) {
    refusals_ = {"nonce too low"};
    start();
    run_with_time([this] { return pool_.size() == 1; }, std::chrono::milliseconds(200));
    EXPECT_EQ(node_.count("eth_getTransactionCount"), 2U);
}

TEST_F(TxTest, estimates_that_revert_or_are_too_high_send_nothing) {
    node_.error("eth_estimateGas",
                R"({"code":3,"message":"execution reverted","data":"0x3dda1739"})");
    start();
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().message(),
              "EVM client: No Transaction Receipt: execution reverted: SignerNotRegistered "
              "(0x3dda1739)");
    node_.result("eth_estimateGas", "\"0x186a0\"");
    TxRequest limited;
    limited.max_gas = 99'999;
    start(std::move(limited));
    run_until([this] { return result(1).has_value(); });
    EXPECT_EQ(result(1)->error().code(), base::ErrorCode("tx_max_gas"));
    EXPECT_NE(result(1)->error().message().find("100000"), std::string::npos);
    EXPECT_NE(result(1)->error().message().find("99999"), std::string::npos);
    node_.result("eth_getCode", "\"0x\"");
    start();
    run_until([this] { return result(2).has_value(); });
    EXPECT_TRUE(result(2)->error().message().starts_with("EVM client: Address is not a contract"));
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
    EXPECT_EQ(node_.count("eth_getTransactionCount"), 0U);
}

TEST_F(TxTest, the_fee_cap_holds) {
    TxManager::Options options;
    options.chain_id = 31337;
    options.max_fee_per_gas = Wei{150};
    make(options);
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->second.second.fee, Fee(Eip1559Fee{150, 1}));
    options.max_fee_per_gas = Wei{50};
    make(options);
    start();
    run_until([this] { return result(1).has_value(); });
    EXPECT_EQ(result(1)->error().code(), base::ErrorCode("tx_max_fee"));
}

async::Task<base::Result<void>> refuse(SignedTransaction) {
    co_return base::Error(base::ErrorKind::Unavailable, "journal", "disk full");
}

TEST_F(TxTest, nothing_is_sent_that_could_not_be_journaled) {
    TxRequest request;
    request.on_signed = refuse;
    start(std::move(request));
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().code(), base::ErrorCode("journal"));
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->first, 25U);
}

TEST_F(TxTest, a_reverted_transaction_is_an_error_with_its_receipt) {
    start();
    run_until([this] { return pool_.size() == 1; });
    mine(false);
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_reverted"));
    EXPECT_TRUE(result()->error().message().starts_with("EVM client: Transaction Receipt: "));
}

TEST_F(TxTest, a_stuck_transaction_is_replaced_three_times_and_given_up) {
    start();
    run_with_time([this] { return result().has_value(); }, seconds(30));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_stuck"));
    EXPECT_EQ(replaced_.size(), 3U);
    const auto fee = std::get<Eip1559Fee>(pool_.begin()->second.second.fee);
    EXPECT_GE(fee.max_fee, Wei{201} * 9 / 8 * 9 / 8 * 9 / 8);
    EXPECT_EQ(pool_.begin()->first, 25U);
}

TEST_F(TxTest, an_earlier_version_may_be_the_one_that_is_mined) {
    start();
    run_with_time([this] { return replaced_.size() == 1; }, seconds(30));
    receipts_[replaced_.front()] = true;
    manager_->on_head();
    run_with_time([this] { return result().has_value(); }, seconds(1));
    EXPECT_TRUE(result()->has_value());
}

TEST_F(TxTest, a_nonce_taken_by_a_stranger_is_told) {
    start();
    run_until([this] { return pool_.size() == 1; });
    pool_.clear();
    mined_ = 26;
    run_with_time([this] { return result().has_value(); }, seconds(30));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_nonce_taken"));
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->first, 26U);
}

TEST_F(TxTest, a_journaled_transaction_goes_on_after_a_restart) {
    Transaction tx;
    tx.chain_id = 31337;
    tx.nonce = 25;
    tx.fee = LegacyFee{1};
    tx.gas_limit = 21'000;
    tx.to = address("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");
    const auto made = sign(tx, *testing::key(0));
    JournaledTx journaled;
    journaled.attempts = {made};
    receipts_[types::to_string(made.hash)] = true;
    EXPECT_TRUE(run(manager_->resume(journaled)).has_value());
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
    receipts_.clear();
    mined_ = 30;
    EXPECT_EQ(run(manager_->resume(journaled)).error().code(), base::ErrorCode("tx_nonce_taken"));
    EXPECT_EQ(manager_->in_flight(), 0U);
}

}  // namespace
}  // namespace wavs::chain_evm
