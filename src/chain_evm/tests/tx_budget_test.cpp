// SPDX-License-Identifier: Apache-2.0
#include "tx_fixture.hpp"

#include "wavs/telemetry/testing/captured_log.hpp"

#include <gmock/gmock.h>

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using testing::TxTest;

// Each transaction of the fixture has a gas limit of 125,000 and offers 201 wei.
constexpr Wei kEach{125'000 * 201};

class TxBudget : public TxTest {
protected:
    static types::ServiceId service() {
        types::ServiceId out;
        out.array()[0] = 1;
        return out;
    }
    static TxRequest paid(std::uint8_t name = 1) {
        TxRequest request;
        request.payer = service();
        request.reference = {name};
        return request;
    }
    // Also what a restart does: the store stays.
    void with_budget(Wei budget) {
        spending_ = std::make_shared<Spending>(types::ChainKey::parse("evm:31337").value(),
                                               SpendingLimits{budget, {}}, store_, clock_, nullptr);
        ASSERT_TRUE(spending_->open().has_value());
        TxManager::Options options;
        options.chain_id = 31337;
        options.spending = spending_;
        make(options);
    }
    void commit(Mined mined) {
        ASSERT_TRUE(run(store_.commit(std::move(mined.settled))).has_value());
    }

    telemetry::testing::CapturedLog log_;
    std::shared_ptr<Spending> spending_;
};

TEST_F(TxBudget, those_that_leave_together_stay_within_it) {
    with_budget(2 * kEach);
    for (std::uint8_t i = 1; i <= 3; ++i) {
        start(paid(i));
    }
    run_until([this] { return pool_.size() == 2 && result(2).has_value(); });
    EXPECT_EQ(result(2)->error().code(), base::ErrorCode("tx_over_budget"));
    EXPECT_THAT(result(2)->error().message(), HasSubstr("EVM client: daily budget of service 01"));
    EXPECT_EQ(next_nonce(), 27U);
    // The receipt of the fixture tells of one unit of gas, at no price: what was offered counts.
    mine();
    run_until([this] { return result(0).has_value() && result(1).has_value(); });
    EXPECT_TRUE(spending_->spent_today(service()) == 2 * 201);
    start(paid(3));
    run_until([this] { return pool_.size() == 1; });
}

TEST_F(TxBudget, what_was_spent_and_what_is_on_its_way_outlive_a_restart) {
    with_budget(2 * kEach);
    start(paid(1));
    run_until([this] { return pool_.size() == 1; });
    mine();
    run_until([this] { return result().has_value(); });
    commit(std::move(result()->value()));
    start(paid(2));
    run_until([this] { return pool_.size() == 1; });
    with_budget(2 * kEach);
    EXPECT_TRUE(spending_->spent_today(service()) == 201);
    start(paid(3));
    run_until([this] { return result(2).has_value(); });
    EXPECT_EQ(result(2)->error().code(), base::ErrorCode("tx_over_budget"))
        << "the second one may still cost its share";
    mine();
    start(paid(2));
    run_until([this] { return result(3).has_value(); });
    EXPECT_TRUE(spending_->spent_today(service()) == 402);
}

TEST_F(TxBudget, a_crash_before_the_outcome_is_stored_counts_once) {
    with_budget(2 * kEach);
    start(paid(1));
    run_until([this] { return pool_.size() == 1; });
    mine();
    run_until([this] { return result().has_value(); });
    // `settled` was not committed: the receipt is found again.
    with_budget(2 * kEach);
    EXPECT_TRUE(spending_->spent_today(service()) == 0);
    start(paid(1));
    run_until([this] { return result(1).has_value(); });
    commit(std::move(result(1)->value()));
    with_budget(2 * kEach);
    EXPECT_TRUE(spending_->spent_today(service()) == 201);
}

TEST_F(TxBudget, what_failed_is_given_back_and_what_reverted_is_paid_for) {
    with_budget(kEach);
    refusals_.assign(4, "txpool is full");
    start(paid(1));
    run_with_time([this] { return result().has_value(); }, seconds(1));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_send_failed"));
    start(paid(2));
    run_until([this] { return pool_.size() == 1; });
    mine(false);
    run_until([this] { return result(1).has_value(); });
    EXPECT_EQ(result(1)->error().code(), base::ErrorCode("tx_reverted"));
    with_budget(kEach);
    EXPECT_TRUE(spending_->spent_today(service()) == 201);
}

TEST_F(TxBudget, a_replacement_that_could_exceed_it_stays_away) {
    with_budget(kEach * 5 / 4);
    start(paid(1));
    run_with_time([this] { return result().has_value(); }, seconds(30));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_stuck"));
    EXPECT_EQ(replaced_.size(), 1U) << "an eighth more fits, two do not";
    EXPECT_EQ(log_.count("a stuck transaction stays as it is"), 1U);
}

TEST_F(TxBudget, a_price_beyond_all_numbers_is_over_every_budget) {
    with_budget(kEach);
    auto request = paid();
    request.gas_price = ~Wei{0} / 2;
    start(std::move(request));
    run_until([this] { return result().has_value(); });
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_over_budget"));
    EXPECT_TRUE(pool_.empty());
}

TEST_F(TxBudget, a_refusal_for_lack_of_funds_says_whom_to_send_how_much) {
    // Read when there was plenty, which the refusal says there is not any more.
    node_.result("eth_getBalance", "\"0xffffffffffff\"");
    ASSERT_TRUE(run(manager_->look_at_balance()).has_value());
    EXPECT_FALSE(manager_->balance_warning());
    refusals_.assign(4, "insufficient funds for gas * price + value");
    start();
    run_with_time([this] { return result().has_value(); }, seconds(1));
    const auto remedy =
        fmt::format("send at least {} wei to {} on chain evm:31337", to_decimal(20 * kEach),
                    types::to_checksum_string(manager_->address()));
    EXPECT_EQ(result()->error().remedy(), remedy);
    ASSERT_TRUE(manager_->balance_warning());
    EXPECT_THAT(*manager_->balance_warning(), HasSubstr(remedy));
    node_.result("eth_getBalance", "\"0xffffffffff\"");
    ASSERT_TRUE(run(manager_->look_at_balance()).has_value());
    EXPECT_FALSE(manager_->balance_warning());
}

}  // namespace
}  // namespace wavs::chain_evm
