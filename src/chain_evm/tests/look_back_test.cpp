// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/look_back.hpp"

namespace wavs::chain_evm {
namespace {

// Block n has the time 1000 + 12 n.
class LookBackTest : public testing::ScriptedTest {
protected:
    void SetUp() override {
        ScriptedTest::SetUp();
        node_.answers["eth_getBlockByNumber"] = [this](const std::string& params) {
            EXPECT_NE(params.find(",false]"), std::string::npos);
            const auto number = parse_quantity(params.substr(2, params.find('"', 2) - 2)).value();
            if (number == missing_) {
                return std::string("\"result\":null");
            }
            return fmt::format(R"("result":{{"number":"{}","timestamp":"{}"}})", quantity(number),
                               quantity(1000 + 12 * number));
        };
    }
    base::Result<std::uint64_t> block_at(std::uint64_t head, std::uint64_t seconds) {
        node_.calls.clear();
        return run(
            find_block_at(client(), head, types::Timestamp{seconds * 1'000'000'000 + 999'999'999}));
    }
    std::optional<std::uint64_t> missing_;
};

TEST_F(LookBackTest, the_last_block_that_is_not_later) {
    for (std::uint64_t n = 4'990; n <= 5'000; ++n) {
        EXPECT_EQ(block_at(5'000, 1000 + 12 * n).value(), n);
        EXPECT_EQ(block_at(5'000, 1000 + 12 * n + 11).value(), n);
        EXPECT_EQ(block_at(5'000, 1000 + 12 * n - 1).value(), n - 1);
    }
    EXPECT_EQ(block_at(5'000, 1'000'000).value(), 5'000U);
    EXPECT_EQ(node_.calls.size(), 1U);
}

TEST_F(LookBackTest, the_window_has_1024_blocks_and_few_calls_are_made) {
    EXPECT_EQ(block_at(5'000, 1000 + 12 * 3'977).value(), 3'977U);
    EXPECT_LE(node_.calls.size(), 22U);
    EXPECT_EQ(block_at(5'000, 1000 + 12 * 3'976).value(), 3'976U);
    EXPECT_EQ(block_at(5'000, 1000 + 12 * 3'975).value(), 3'976U);
    EXPECT_EQ(block_at(5'000, 0).value(), 3'976U);
    EXPECT_LE(node_.calls.size(), 22U);
}

TEST_F(LookBackTest, a_young_chain_ends_at_its_first_block) {
    EXPECT_EQ(block_at(0, 0).value(), 0U);
    EXPECT_EQ(block_at(0, 2'000).value(), 0U);
    EXPECT_EQ(block_at(7, 0).value(), 0U);
    EXPECT_EQ(block_at(7, 1000 + 12 * 3).value(), 3U);
}

TEST_F(LookBackTest, a_block_that_the_endpoint_lacks_is_named) {
    missing_ = 9;
    const auto failed = block_at(10, 1000);
    EXPECT_EQ(failed.error().kind(), base::ErrorKind::Unavailable);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("block_time_unknown"));
    EXPECT_NE(failed.error().message().find("no block 9"), std::string::npos);
}

}  // namespace
}  // namespace wavs::chain_evm
