// SPDX-License-Identifier: Apache-2.0
#include "tx_fixture.hpp"

#include "wavs/telemetry/testing/captured_log.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::TxTest;

class TxStuck : public TxTest {
protected:
    static TxRequest named(std::uint8_t name) {
        TxRequest request;
        request.reference = {name};
        return request;
    }
    static async::Task<void> resume_into(TxManager& manager, base::Bytes reference,
                                         std::optional<base::Result<std::optional<Mined>>>& out) {
        out.emplace(co_await manager.resume(std::move(reference), {}));
    }
    void resume(std::uint8_t name) {
        resumed_.reset();
        group_->spawn("resume", resume_into(*manager_, {name}, resumed_));
    }
    void chain_asks(std::string_view base_fee) {
        node_.result(
            "eth_feeHistory",
            fmt::format(R"({{"baseFeePerGas":["{0}","{0}"],"reward":[["0x0"]]}})", base_fee));
    }
    Wei offered() const { return std::get<Eip1559Fee>(pool_.begin()->second.second.fee).max_fee; }

    telemetry::testing::CapturedLog log_;
    std::optional<base::Result<std::optional<Mined>>> resumed_;
};

TEST_F(TxStuck, a_legacy_transaction_is_replaced_with_an_eighth_more) {
    TxRequest request;
    request.gas_price = Wei{800};
    start(std::move(request));
    run_with_time([this] { return replaced_.size() == 1; }, seconds(30));
    EXPECT_EQ(pool_.begin()->second.second.fee, Fee(LegacyFee{901}));
    EXPECT_EQ(pool_.begin()->first, 25U);
}

TEST_F(TxStuck, given_up_it_is_picked_up_again_and_not_made_dearer_for_ever) {
    start(named(1));
    run_with_time([this] { return result().has_value(); }, seconds(30));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_stuck"));
    ASSERT_EQ(replaced_.size(), 3U);
    resume(1);
    run_with_time([this] { return resumed_.has_value(); }, seconds(30));
    EXPECT_EQ(resumed_->error().code(), base::ErrorCode("tx_stuck"));
    EXPECT_EQ(replaced_.size(), 3U) << "it is dear enough for this chain";
    EXPECT_EQ(pool_.size(), 1U);
    // The same after a restart: what counts is on disk.
    restart();
    resume(1);
    run_with_time([this] { return resumed_.has_value(); }, seconds(30));
    EXPECT_EQ(replaced_.size(), 3U);
    resume(1);
    mine();
    run_with_time([this] { return resumed_.has_value(); }, seconds(1));
    ASSERT_TRUE(resumed_->has_value()) << resumed_->error().full_text();
    EXPECT_TRUE(resumed_->value());
    EXPECT_EQ(pool_.size(), 0U);
}

TEST_F(TxStuck, what_a_reorganisation_took_from_the_pool_is_sent_again) {
    start(named(1));
    run_with_time([this] { return pool_.size() == 1; });
    const auto sent = node_.count("eth_sendRawTransaction");
    const auto raw = pool_.begin()->second;
    pool_.clear();
    manager_->on_reorganisation();
    const auto since = clock_.steady_now();
    run_with_time([this] { return pool_.size() == 1; });
    EXPECT_LT(clock_.steady_now() - since, seconds(5));
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), sent + 1);
    EXPECT_EQ(pool_.begin()->second.first, raw.first);
    EXPECT_TRUE(replaced_.empty());
}

TEST_F(TxStuck, a_replacement_offers_what_the_chain_asks_now) {
    start(named(1));
    run_until([this] { return pool_.size() == 1; });
    EXPECT_EQ(offered(), 201U);
    chain_asks("0x3e8");
    run_with_time([this] { return replaced_.size() == 1; }, seconds(30));
    EXPECT_EQ(offered(), 2001U);
    // Replaced as often as that, it follows a chain on which it could not get into a block at all.
    run_with_time([this] { return result().has_value(); }, seconds(30));
    ASSERT_EQ(replaced_.size(), 3U);
    chain_asks("0x186a0");
    resume(1);
    run_with_time([this] { return replaced_.size() == 4; }, seconds(30));
    EXPECT_EQ(offered(), 200'001U);
}

TEST_F(TxStuck, above_the_operators_limit_it_stays_and_says_so_once) {
    TxManager::Options options;
    options.chain_id = 31337;
    options.max_fee_per_gas = Wei{230};
    make(options);
    chain_asks("0x64");
    start(named(1));
    run_with_time([this] { return result().has_value(); }, seconds(30));
    EXPECT_EQ(result()->error().code(), base::ErrorCode("tx_stuck"));
    EXPECT_EQ(replaced_.size(), 1U) << "201, 227, and then 256 would be too much";
    EXPECT_EQ(offered(), 227U);
    EXPECT_EQ(log_.count("a stuck transaction stays as it is"), 1U);
    EXPECT_EQ(log_.count("max_fee_per_gas 230"), 1U);
    resume(1);
    run_with_time([this] { return resumed_.has_value(); }, seconds(30));
    EXPECT_EQ(log_.count("a stuck transaction stays as it is"), 1U);
    EXPECT_EQ(pool_.size(), 1U) << "still on its way, and the only one";
}

TEST_F(TxStuck, one_that_nobody_asks_for_does_not_hold_up_the_others) {
    start(named(1));
    run_until([this] { return pool_.size() == 1; });
    const auto first = pool_.begin()->second.first;
    restart();
    start(named(2));
    run_with_time([this] { return !replaced_.empty(); }, seconds(30));
    EXPECT_EQ(replaced_.front(), first);
    mine();
    run_with_time([this] { return result(1).has_value(); }, seconds(1));
    EXPECT_TRUE(result(1)->has_value()) << result(1)->error().full_text();
}

}  // namespace
}  // namespace wavs::chain_evm
