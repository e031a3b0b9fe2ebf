// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/spending.hpp"

#include "balance_watch.hpp"
#include "wavs/base/testing/fake_clock.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"
#include "wavs/types/records.hpp"

#include <gmock/gmock.h>

namespace wavs::chain_evm {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// 2023-11-14T22:13:20Z.
class SpendingTest : public ::testing::Test {
protected:
    SpendingTest() {
        service_.array()[0] = 1;
        other_.array()[0] = 2;
        limits_.each = 1000;
        open();
    }
    // Also what a restart does: the store stays.
    void open() {
        spending_ = std::make_shared<Spending>(types::ChainKey::parse("evm:1").value(), limits_,
                                               store_, clock_, &metrics_);
        ASSERT_TRUE(spending_->open().has_value());
    }
    std::shared_ptr<Spending::Reservation> reserve(Wei at_most) {
        auto made = spending_->reserve(service_, at_most);
        return made.has_value() ? std::move(made.value()) : nullptr;
    }
    void spend(Wei at_most, Wei cost, std::uint64_t nonce) {
        storage::Batch changes;
        reserve(at_most)->spend(cost, types::EvmAddress(), nonce, changes);
        ASSERT_TRUE(store_.write_unsynced(changes).has_value());
    }

    base::testing::FakeClock clock_;
    storage::MemoryStore store_;
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
    types::ServiceId service_;
    types::ServiceId other_;
    SpendingLimits limits_;
    std::shared_ptr<Spending> spending_;
};

TEST_F(SpendingTest, what_is_on_its_way_counts_with_the_most_it_may_cost) {
    auto first = reserve(600);
    ASSERT_TRUE(first);
    EXPECT_FALSE(reserve(401)) << "both together could cost 1001";
    EXPECT_TRUE(reserve(400));
    first.reset();
    EXPECT_TRUE(reserve(1000)) << "what ended in no block has cost nothing";
}

TEST_F(SpendingTest, what_is_in_a_block_counts_with_what_it_cost) {
    spend(600, 100, 1);
    EXPECT_TRUE(spending_->spent_today(service_) == 100);
    EXPECT_TRUE(reserve(900));
    EXPECT_FALSE(reserve(901));
    EXPECT_THAT(metrics_.render(), HasSubstr("wavs_spent_wei{chain=\"evm:1\",service=\"01"));
}

TEST_F(SpendingTest, a_replacement_needs_budget_for_what_it_adds) {
    auto first = reserve(600);
    const auto second = reserve(300);
    EXPECT_EQ(first->raise(701).error().code(), base::ErrorCode("tx_over_budget"));
    EXPECT_TRUE(first->raise(700).has_value());
    EXPECT_FALSE(reserve(1));
    first.reset();
    EXPECT_TRUE(reserve(700));
}

TEST_F(SpendingTest, a_restart_forgets_nothing_and_the_next_day_begins_with_nothing) {
    spend(600, 500, 1);
    spend(400, 400, 2);
    open();
    EXPECT_TRUE(spending_->spent_today(service_) == 900);
    EXPECT_FALSE(reserve(101));
    // Following the same transaction again after a crash counts once.
    open();
    const auto on_its_way = spending_->take_over(service_, 100);
    EXPECT_FALSE(reserve(1));
    clock_.advance(std::chrono::hours(1) + std::chrono::minutes(46));
    EXPECT_FALSE(reserve(101)) << "59 minutes past eleven";
    clock_.advance(std::chrono::minutes(1));
    EXPECT_TRUE(reserve(900)) << "what is still on its way counts today";
    EXPECT_FALSE(reserve(901));
    open();
    EXPECT_TRUE(store_.scan(storage::Keyspace::Spending, {}).value().empty())
        << "earlier days are forgotten";
}

TEST_F(SpendingTest, services_and_chains_have_budgets_of_their_own) {
    limits_.single[other_] = 5;
    open();
    spend(1000, 1000, 1);
    EXPECT_TRUE(spending_->reserve(other_, 5).has_value());
    EXPECT_FALSE(spending_->reserve(other_, 6).has_value());
    Spending elsewhere(types::ChainKey::parse("evm:10").value(), limits_, store_, clock_, nullptr);
    ASSERT_TRUE(elsewhere.open().has_value());
    EXPECT_TRUE(elsewhere.spent_today(service_) == 0);
    limits_.each.reset();
    open();
    EXPECT_TRUE(reserve(~Wei{0} / 2)) << "no budget, no bound";
}

TEST_F(SpendingTest, a_refusal_says_everything_and_alerts_once_a_day) {
    spend(600, 500, 1);
    const auto held = reserve(200);
    const auto refusal = spending_->reserve(service_, 301);
    ASSERT_FALSE(refusal.has_value());
    const auto id = types::to_string(service_);
    EXPECT_EQ(refusal.error().message(),
              "daily budget of service " + id +
                  " on evm:1 is 1000 wei: 500 spent, 200 reserved for transactions on their way, "
                  "301 needed for this one; wait until 2023-11-15T00:00:00Z, or raise "
                  "daily_budget_wei of chain evm:1 or service_budgets_wei." +
                  id + " there");
    EXPECT_FALSE(reserve(400));
    EXPECT_EQ(log_.count("error chain_evm: a service is over its budget"), 1U);
    EXPECT_THAT(spending_->warnings(), SizeIs(1));
    EXPECT_THAT(metrics_.render(), HasSubstr("wavs_over_budget_total"));
    clock_.advance(std::chrono::hours(2));
    EXPECT_THAT(spending_->warnings(), IsEmpty());
    EXPECT_FALSE(reserve(1001));
    EXPECT_EQ(log_.count("error chain_evm: a service is over its budget"), 2U);
}

class BalanceWatchTest : public ::testing::Test {
protected:
    BalanceWatch watch(std::optional<Wei> threshold) {
        return {types::ChainKey::parse("evm:1").value(), types::EvmAddress(), threshold, &metrics_};
    }
    telemetry::Metrics metrics_;
    telemetry::testing::CapturedLog log_;
};

TEST_F(BalanceWatchTest, below_twenty_of_its_dearest_transactions_it_warns_once) {
    auto watch = this->watch(std::nullopt);
    watch.note_balance(1);
    EXPECT_FALSE(watch.warning()) << "nothing is known of what it sends";
    watch.note_cost(10);
    watch.note_cost(50);
    watch.note_balance(1000);
    EXPECT_FALSE(watch.warning());
    watch.note_balance(999);
    watch.note_balance(400);
    ASSERT_TRUE(watch.warning());
    EXPECT_THAT(*watch.warning(), HasSubstr("send at least 600 wei to 0x"));
    EXPECT_THAT(*watch.warning(), HasSubstr("on chain evm:1"));
    EXPECT_EQ(log_.count("warn  chain_evm: the account of transactions is nearly empty"), 1U);
    EXPECT_THAT(metrics_.render(), HasSubstr("wavs_account_balance_wei"));
    watch.note_balance(1000);
    watch.note_balance(1001);
    EXPECT_FALSE(watch.warning());
    EXPECT_EQ(log_.count("info  chain_evm: the account of transactions has enough again"), 1U);
    // What was dear long ago does not count.
    for (int i = 0; i < 100; ++i) {
        watch.note_cost(1);
    }
    watch.note_balance(20);
    EXPECT_FALSE(watch.warning());
}

TEST_F(BalanceWatchTest, the_operators_threshold_counts_instead) {
    auto watch = this->watch(Wei{100});
    watch.note_cost(50);
    watch.note_balance(100);
    EXPECT_FALSE(watch.warning());
    watch.note_balance(99);
    EXPECT_TRUE(watch.warning());
}

TEST_F(BalanceWatchTest, an_empty_account_and_a_refusal_are_low_whatever_the_threshold) {
    auto watch = this->watch(std::nullopt);
    watch.note_balance(0);
    EXPECT_TRUE(watch.warning());
    watch.note_balance(5);
    EXPECT_FALSE(watch.warning());
    watch.note_refused();
    EXPECT_TRUE(watch.warning());
}

}  // namespace
}  // namespace wavs::chain_evm
