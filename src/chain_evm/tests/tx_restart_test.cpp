// SPDX-License-Identifier: Apache-2.0
#include "tx_fixture.hpp"

#include "wavs/types/records.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::TxTest;

// What is on its way must be on its way once, wherever the process was killed.
class TxRestart : public TxTest {
protected:
    static base::Bytes reference() { return {7, 7}; }
    static TxRequest with_reference() {
        TxRequest request;
        request.reference = reference();
        request.on_signed = [](const SignedTransaction& tx) {
            storage::Batch batch;
            batch.put(storage::Keyspace::Meta, base::as_bytes("hash"), tx.hash.view());
            return batch;
        };
        return request;
    }
    std::size_t records() const {
        return store_.scan(storage::Keyspace::Transactions, {}).value().size();
    }
    void do_not_answer() { node_.result("eth_sendRawTransaction", "123"); }
    void answer_again() {
        node_.answers["eth_sendRawTransaction"] = [this](const std::string& params) {
            return accept(params);
        };
    }
    static async::Task<void> resume_into(TxManager& manager,
                                         std::optional<base::Result<std::optional<Mined>>>& out) {
        out.emplace(co_await manager.resume(reference(), {}));
    }
    void resume() {
        resumed_.reset();
        group_->spawn("resume", resume_into(*manager_, resumed_));
    }

    std::optional<base::Result<std::optional<Mined>>> resumed_;
};

TEST_F(TxRestart, recorded_and_never_sent_it_leaves_with_the_same_bytes) {
    do_not_answer();
    start(with_reference());
    run_until([this] { return manager_->in_flight() == 1; });
    ASSERT_EQ(records(), 1U);
    const auto hash = store_.get(storage::Keyspace::Meta, base::as_bytes("hash")).value().value();
    answer_again();
    restart();
    ASSERT_EQ(pool_.size(), 1U) << "sent again before anything else";
    EXPECT_EQ(pool_.at(25).first, base::hex0x(hash));
    // Others do not take its nonce, and whoever asks for it follows it.
    start();
    run_until([this] { return pool_.size() == 2; });
    resume();
    mine();
    run_until([this] { return resumed_.has_value(); });
    ASSERT_TRUE(resumed_->has_value());
    EXPECT_EQ(types::to_string((*resumed_->value()).receipt.tx_hash), base::hex0x(hash));
    EXPECT_EQ(replaced_.size(), 0U);
}

TEST_F(TxRestart, sent_and_not_mined_it_is_followed) {
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    restart();
    start(with_reference());
    run_until([this] { return manager_->in_flight() == 1; });
    mine();
    run_until([this] { return result(1).has_value(); });
    EXPECT_TRUE(result(1)->has_value());
    EXPECT_EQ(mined_, 26U) << "asking to send it again made no second one";
}

TEST_F(TxRestart, mined_while_the_process_was_away) {
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    group_.reset();
    mine();
    const auto sends = node_.count("eth_sendRawTransaction");
    restart();
    resume();
    run_until([this] { return resumed_.has_value(); });
    ASSERT_TRUE(resumed_->has_value() && resumed_->value());
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), sends);
    // Until the outcome is stored, the next start finds it again; from then on it does not.
    restart();
    resume();
    run_until([this] { return resumed_.has_value(); });
    ASSERT_TRUE(resumed_->has_value() && resumed_->value());
    ASSERT_TRUE(run(store_.commit(std::move((*resumed_->value()).settled))).has_value());
    EXPECT_EQ(records(), 0U);
    restart();
    resume();
    run_until([this] { return resumed_.has_value(); });
    EXPECT_FALSE(resumed_->value().has_value());
}

TEST_F(TxRestart, a_nonce_that_somebody_used_meanwhile_is_told_and_forgotten) {
    do_not_answer();
    start(with_reference());
    run_until([this] { return manager_->in_flight() == 1; });
    mined_ = 26;
    answer_again();
    restart();
    resume();
    run_with_time([this] { return resumed_.has_value(); }, seconds(1));
    EXPECT_EQ(resumed_->error().code(), base::ErrorCode("tx_nonce_taken"));
    EXPECT_EQ(records(), 0U);
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->first, 26U);
}

TEST_F(TxRestart, a_replacement_is_recorded_beside_what_it_replaces) {
    start(with_reference());
    run_with_time([this] { return replaced_.size() == 1; }, seconds(30));
    group_.reset();
    receipts_[replaced_.front()] = true;
    mined_ = 26;
    restart();
    resume();
    run_until([this] { return resumed_.has_value(); });
    ASSERT_TRUE(resumed_->has_value() && resumed_->value());
    EXPECT_EQ(types::to_string((*resumed_->value()).receipt.tx_hash), replaced_.front());
}

TEST_F(TxRestart, a_revert_is_told_once_and_the_next_try_is_a_new_transaction) {
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    mine(false);
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_reverted"));
    EXPECT_EQ(records(), 0U);
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(pool_.begin()->first, 26U);
}

TEST_F(TxRestart, one_reference_has_one_transaction) {
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    start(with_reference());
    run_until([this] { return result(1).has_value(); });
    EXPECT_EQ(result(1)->error().code(), base::ErrorCode("tx_followed"));
    EXPECT_EQ(pool_.size(), 1U);
}

TEST_F(TxRestart, what_nobody_asks_for_does_not_stay_for_ever) {
    start(with_reference());
    run_until([this] { return pool_.size() == 1; });
    group_.reset();
    mine();
    restart();
    EXPECT_EQ(records(), 1U);
    clock_.advance(std::chrono::hours(24 * 8));
    restart();
    EXPECT_EQ(records(), 0U);
}

TEST_F(TxRestart, many_are_sent_again_in_their_order) {
    do_not_answer();
    for (std::uint8_t i = 0; i < 120; ++i) {
        auto request = with_reference();
        request.reference = {i};
        start(std::move(request));
    }
    run_until([this] { return manager_->in_flight() == 120; });
    answer_again();
    restart();
    EXPECT_EQ(pool_.size(), 120U);
    EXPECT_TRUE(std::is_sorted(order_.begin(), order_.end()));
}

}  // namespace
}  // namespace wavs::chain_evm
