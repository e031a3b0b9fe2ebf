// SPDX-License-Identifier: Apache-2.0
#include "wavs/submission/ledger.hpp"

#include "wavs/async/task_group.hpp"
#include "wavs/async/testing/fake_timers.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/storage/memory_store.hpp"
#include "wavs/types/records.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace wavs::submission {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using storage::Keyspace;

constexpr seconds kAge = types::kLedgerLeastRetention;

class LedgerTest : public ::testing::Test {
protected:
    static LedgerKey key(std::uint8_t number) {
        LedgerKey out;
        out.event.array()[0] = number;
        return out;
    }
    static types::Bytes32 digest(std::uint8_t number) {
        types::Bytes32 out;
        out.array()[0] = number;
        return out;
    }
    base::Result<void> reserve(std::uint8_t event, std::uint8_t result, storage::Batch& batch) {
        return ledger_.reserve(key(event), digest(result), clock_.wall_now(), batch);
    }
    // As a run that was signed and stored.
    bool sign(std::uint8_t event, std::uint8_t result) {
        storage::Batch batch;
        if (!reserve(event, result, batch).has_value()) {
            return false;
        }
        EXPECT_TRUE(store_.write_unsynced(batch).has_value());
        ledger_.release(key(event));
        return true;
    }
    std::size_t entries() const { return store_.scan(Keyspace::Ledger, {}).value().size(); }
    Ledger::Pruned prune(seconds age = kAge, std::size_t limit = 100) {
        return ledger_.prune(clock_.wall_now(), age, limit).value();
    }

    boost::asio::io_context context_;
    base::testing::FakeClock clock_;
    async::testing::FakeTimers timers_{clock_};
    storage::MemoryStore store_;
    Ledger ledger_{store_};
};

TEST_F(LedgerTest, an_entry_is_forgotten_when_it_is_old_enough) {
    ASSERT_TRUE(sign(1, 1));
    clock_.advance(hours(24 * 120) - seconds(1));
    EXPECT_EQ(prune(hours(24 * 120)).erased, 0U);
    EXPECT_FALSE(sign(1, 2));
    clock_.advance(seconds(1));
    EXPECT_EQ(prune(hours(24 * 120)).erased, 1U);
    EXPECT_EQ(entries(), 0U);
    EXPECT_TRUE(sign(1, 2));
}

TEST_F(LedgerTest, no_age_below_90_days_is_taken) {
    ASSERT_TRUE(sign(1, 1));
    clock_.advance(hours(24 * 90) - seconds(1));
    EXPECT_EQ(prune(seconds(1)).erased, 0U);
    clock_.advance(seconds(1));
    EXPECT_EQ(prune(seconds(1)).erased, 1U);
}

TEST_F(LedgerTest, an_age_beyond_all_time_erases_nothing) {
    ASSERT_TRUE(sign(1, 1));
    clock_.advance(hours(24 * 365 * 50));
    EXPECT_EQ(prune(seconds(INT64_MAX)).erased, 0U);
    // Nor does a clock that was set back.
    clock_.jump_wall({1});
    EXPECT_EQ(prune().erased, 0U);
}

TEST_F(LedgerTest, a_step_is_bounded_and_the_next_goes_on_behind_it) {
    for (std::uint8_t event = 1; event <= 5; ++event) {
        ASSERT_TRUE(sign(event, 1));
    }
    clock_.advance(kAge);
    ASSERT_TRUE(sign(3, 1));
    EXPECT_EQ(prune(kAge, 2).erased, 2U);
    const auto second = prune(kAge, 2);
    EXPECT_EQ(second.erased, 1U) << "the third is young";
    EXPECT_FALSE(second.end);
    const auto third = prune(kAge, 2);
    EXPECT_EQ(third.erased, 1U);
    EXPECT_TRUE(third.end);
    ASSERT_TRUE(sign(1, 2));
    clock_.advance(kAge);
    EXPECT_EQ(prune(kAge, 2).erased, 2U) << "from the first on again";
}

TEST_F(LedgerTest, the_age_counts_from_the_last_signature) {
    ASSERT_TRUE(sign(1, 1));
    clock_.advance(kAge);
    ASSERT_TRUE(sign(1, 1));
    EXPECT_EQ(prune().erased, 0U);
    EXPECT_FALSE(sign(1, 2));
}

TEST_F(LedgerTest, what_is_being_signed_again_is_not_forgotten) {
    ASSERT_TRUE(sign(1, 1));
    clock_.advance(kAge);
    storage::Batch given_up;
    ASSERT_TRUE(reserve(1, 1, given_up).has_value());
    EXPECT_EQ(prune().erased, 0U);
    EXPECT_EQ(entries(), 1U);
    ledger_.release(key(1));
    EXPECT_EQ(prune().erased, 1U);
}

TEST_F(LedgerTest, a_signature_made_during_a_step_has_its_entry_after_it) {
    storage::Batch old;
    ASSERT_TRUE(reserve(1, 1, old).has_value());
    ledger_.release(key(1));
    clock_.advance(kAge);
    for (std::uint8_t event = 2; event < 200; ++event) {
        ASSERT_TRUE(sign(event, 1));
    }
    std::atomic<bool> stop = false;
    std::thread pruner([&] {
        while (!stop) {
            prune(kAge, 1'000);
            // So that the signer gets the mutex now and then.
            std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
    });
    int lost = 0;
    for (int i = 0; i < 1'000; ++i) {
        EXPECT_TRUE(store_.write_unsynced(old).has_value());
        EXPECT_TRUE(sign(1, 1));
        lost += sign(1, 2) ? 1 : 0;
    }
    stop = true;
    pruner.join();
    EXPECT_EQ(lost, 0);
}

TEST_F(LedgerTest, an_entry_of_another_form_stays) {
    storage::Batch batch;
    batch.put(Keyspace::Ledger, base::Bytes{1}, base::Bytes{9});
    ASSERT_TRUE(store_.write_unsynced(batch).has_value());
    clock_.advance(kAge);
    EXPECT_EQ(prune().erased, 0U);
    EXPECT_EQ(entries(), 1U);
}

async::Task<void> until_stopped(Ledger& ledger, LedgerRetention retention) {
    (void)co_await ledger.run_retention(std::move(retention));
}

TEST_F(LedgerTest, pruning_goes_on_with_pauses_until_the_end_and_begins_again_later) {
    storage::Batch batch;
    for (std::uint8_t high = 0; high < 6; ++high) {
        for (std::uint8_t low = 0; low < 200; ++low) {
            auto one = key(low);
            one.event.array()[1] = high;
            ASSERT_TRUE(ledger_.reserve(one, digest(1), clock_.wall_now(), batch).has_value());
            ledger_.release(one);
        }
    }
    ASSERT_TRUE(store_.write_unsynced(batch).has_value());
    clock_.advance(kAge);
    async::TaskGroup tasks(context_.get_executor(), "test");
    tasks.spawn("retention",
                until_stopped(ledger_, {seconds(0), clock_, timers_, context_.get_executor()}));
    const auto pass = [&](std::chrono::milliseconds time) {
        timers_.advance(time);
        context_.restart();
        context_.poll();
    };
    pass(seconds(0));
    EXPECT_EQ(entries(), 700U);
    pass(std::chrono::milliseconds(100));
    pass(std::chrono::milliseconds(100));
    EXPECT_EQ(entries(), 0U);
    ASSERT_TRUE(sign(1, 1));
    // The date alone: what sleeps goes by the other clock.
    auto later = clock_.wall_now();
    later.nanos += static_cast<std::uint64_t>(std::chrono::nanoseconds(kAge).count());
    clock_.jump_wall(later);
    pass(std::chrono::minutes(59));
    EXPECT_EQ(entries(), 1U) << "not before an hour is over";
    pass(std::chrono::minutes(1));
    EXPECT_EQ(entries(), 0U);
}

TEST_F(LedgerTest, a_key_that_may_have_signed_elsewhere_does_not_sign) {
    types::EvmAddress signer;
    signer.array().fill(7);
    LedgerKey missing = key(1);
    missing.signer = signer;
    const auto reserve_missing = [&](Ledger& ledger) {
        storage::Batch batch;
        auto done = ledger.reserve(missing, digest(1), clock_.wall_now(), batch);
        ledger.release(missing);
        return done;
    };
    EXPECT_FALSE(ledger_.knows(signer).value());
    ASSERT_TRUE(
        store_.write_unsynced(ledger_.set_state(signer, types::SignerState::Missing)).has_value());
    const auto refused = reserve_missing(ledger_);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), base::ErrorCode("ledger_missing"));
    EXPECT_TRUE(refused.error().message().starts_with(signing_off_text(signer)));
    EXPECT_TRUE(signing_off_text(signer).starts_with(kSigningOff));
    EXPECT_TRUE(sign(1, 1)) << "another key is not concerned";
    Ledger restarted(store_);
    ASSERT_TRUE(restarted.open().has_value());
    EXPECT_EQ(reserve_missing(restarted).error().code(), base::ErrorCode("ledger_missing"));
    EXPECT_FALSE(restarted.knows(signer).value());
    ASSERT_TRUE(store_.write_unsynced(restarted.set_state(signer, types::SignerState::Unchecked))
                    .has_value());
    EXPECT_EQ(reserve_missing(restarted).error().code(), base::ErrorCode("ledger_unchecked"));
    ASSERT_TRUE(
        store_.write_unsynced(restarted.set_state(signer, types::SignerState::On)).has_value());
    EXPECT_TRUE(reserve_missing(restarted).has_value());
    EXPECT_TRUE(restarted.knows(signer).value());
}

TEST_F(LedgerTest, a_key_with_entries_is_known) {
    EXPECT_FALSE(ledger_.knows(key(1).signer).value());
    ASSERT_TRUE(sign(1, 1));
    EXPECT_TRUE(ledger_.knows(key(1).signer).value());
}

TEST_F(LedgerTest, a_state_that_cannot_be_read_is_told) {
    storage::Batch damage;
    damage.put(Keyspace::SignerStates, types::EvmAddress().view(), base::Bytes{9, 9});
    ASSERT_TRUE(store_.write_unsynced(damage).has_value());
    EXPECT_EQ(ledger_.open().error().code(), base::ErrorCode("signer_state_record"));
}

}  // namespace
}  // namespace wavs::submission
