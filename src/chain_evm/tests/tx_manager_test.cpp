// SPDX-License-Identifier: Apache-2.0
#include "tx_fixture.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::address;
using testing::TxTest;

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
    EXPECT_EQ(std::count_if(node_.calls.begin(), node_.calls.end(),
                            [](const auto& call) {
                                return call.params.find("pending") != std::string::npos;
                            }),
              1);
    mine();
    run_until([this] { return all_ended(); });
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
    for (const auto* method : {"eth_estimateGas", "eth_call"}) {
        node_.error(method, R"({"code":3,"message":"execution reverted","data":"0x3dda1739"})");
    }
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
    clock_.advance(seconds(10));
    start();
    run_until([this] { return result(2).has_value(); });
    EXPECT_TRUE(result(2)->error().message().starts_with("EVM client: Address is not a contract"));
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
    EXPECT_EQ(node_.count("eth_getTransactionCount"), 0U);
}

// Another operator's transaction waits in the pool. It may be dropped: then ours is wanted.
TEST_F(TxTest, what_only_the_pool_refuses_is_no_refusal) {
    const std::string reverted = R"({"code":3,"message":"execution reverted","data":"0x810b1fdd)" +
                                 std::string(64, '0') + R"("})";
    node_.error("eth_estimateGas", reverted);
    node_.result("eth_call", "\"0x\"");
    start();
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().kind(), base::ErrorKind::Unavailable);
    EXPECT_NE(result()->error().message().find("a transaction that is in no block yet"),
              std::string::npos)
        << result()->error().message();
    node_.error("eth_call", R"({"code":-32005,"message":"rate limit exceeded"})");
    start();
    run_until([this] { return result(1).has_value(); });
    EXPECT_NE(result(1)->error().kind(), base::ErrorKind::Invalid) << "it is not known";
    node_.error("eth_call", reverted);
    start();
    run_until([this] { return result(2).has_value(); });
    EXPECT_EQ(result(2)->error().kind(), base::ErrorKind::Invalid);
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
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

TEST_F(TxTest, nothing_is_sent_that_could_not_be_recorded) {
    store_.fail_commits = true;
    start();
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().code(), base::ErrorCode("disk_full"));
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U);
    store_.fail_commits = false;
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
    mined_ = 26;
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

TEST_F(TxTest, those_that_are_ready_together_share_commits_and_messages) {
    for (int i = 0; i < 250; ++i) {
        start();
    }
    run_until([this] { return pool_.size() == 250; });
    EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end()));
    EXPECT_EQ(order_.front(), 25U);
    EXPECT_EQ(order_.back(), 274U);
    EXPECT_LE(store_.sync_count(), 10U);
    EXPECT_LE(node_.batches, 10U);
    // What holds for all is asked once.
    EXPECT_LE(node_.count("eth_feeHistory") + node_.count("eth_getCode") +
                  node_.count("eth_getTransactionCount"),
              10U);
    EXPECT_EQ(node_.count("eth_getTransactionReceipt"), 0U)
        << "no receipt is looked for before its nonce is used";
    mine();
    run_until([this] { return all_ended(); });
    EXPECT_EQ(manager_->in_flight(), 0U);
}

TEST_F(TxTest, a_node_that_takes_no_batches_gets_them_one_by_one_in_order) {
    node_.take_batches = false;
    for (int i = 0; i < 30; ++i) {
        start();
    }
    run_until([this] { return pool_.size() == 30; });
    EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end()));
    EXPECT_LE(node_.batches, 1U);
}

TEST_F(TxTest, one_that_is_refused_holds_up_nobody_and_its_nonce_is_filled) {
    refused_data_ = base::Bytes{1, 2, 3};
    for (int i = 0; i < 10; ++i) {
        TxRequest request;
        request.data = i == 4 ? *refused_data_ : base::Bytes{9};
        start(std::move(request));
    }
    // The others are taken at once, the refused one is tried again, and gives up.
    run_until([this] { return pool_.size() == 9; });
    run_with_time([this] { return result(4).has_value(); }, seconds(1));
    EXPECT_EQ(result(4)->error().code(), base::ErrorCode("tx_send_failed"));
    EXPECT_EQ(pool_.size(), 10U);
    EXPECT_EQ(next_nonce(), 35U) << "no gap is left";
    const auto filled = std::find_if(pool_.begin(), pool_.end(), [this](const auto& item) {
        return item.second.second.to == manager_->address();
    });
    ASSERT_NE(filled, pool_.end());
    mine();
    run_until([this] { return all_ended(); });
    run_with_time([this] { return manager_->in_flight() == 0; }, seconds(1));
}

TEST_F(TxTest, the_gas_limit_stays_below_that_of_a_block) {
    node_.result("eth_getBlockByNumber", R"({"number":"0x1","gasLimit":"0x1adb0"})");
    start();
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->second.second.gas_limit, 110'000U);
    node_.result("eth_getBlockByNumber", R"({"number":"0x2","gasLimit":"0x1869f"})");
    manager_->on_head();
    start();
    run_until([this] { return result(1).has_value(); });
    EXPECT_EQ(result(1)->error().code(), base::ErrorCode("tx_block_gas"));
    EXPECT_NE(result(1)->error().message().find("99999"), std::string::npos);
}

TEST_F(TxTest, without_an_answer_the_same_bytes_are_sent_until_they_are_in_a_block) {
    node_.result("eth_sendRawTransaction", "123");
    start();
    run_until([this] { return manager_->in_flight() == 1; });
    node_.answers["eth_sendRawTransaction"] = [this](const std::string& params) {
        return accept(params);
    };
    run_with_time([this] { return pool_.size() == 1; }, seconds(1));
    mine();
    run_with_time([this] { return result().has_value(); }, seconds(1));
    EXPECT_TRUE(result()->has_value());
    EXPECT_EQ(replaced_.size(), 0U);
}

}  // namespace
}  // namespace wavs::chain_evm
