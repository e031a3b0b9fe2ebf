// SPDX-License-Identifier: Apache-2.0
#include "posting.hpp"

namespace wavs::e2e {
namespace {

TEST_F(Posting, five_hundred_results_are_on_chain_within_three_blocks) {
    constexpr std::uint64_t kCount = 500;
    start_posting({"--gas-limit", "1000000000"});
    must(devnet_->anvil().mine_every(std::chrono::seconds(1)));
    const auto before = must(devnet_->anvil().rpc().block_number());
    const auto start = clock_.steady_now();
    submit(1, kCount);
    wait_until("all are burned", [&] { return burned(1, kCount) == kCount; });
    const std::chrono::duration<double> took = clock_.steady_now() - start;
    const auto sent = sent_to_handler();
    EXPECT_EQ(sent.transactions, kCount);
    EXPECT_EQ(sent.reverted, 0U);
    ASSERT_FALSE(sent.blocks.empty());
    EXPECT_LE(*sent.blocks.rbegin() - *sent.blocks.begin(), 2U);
    RecordProperty("blocks", std::to_string(*sent.blocks.rbegin() - *sent.blocks.begin() + 1));
    std::printf(
        "blocks %zu, first %llu and last %llu after the start, %.1f s, %zu requests, %llu syncs\n",
        sent.blocks.size(), (unsigned long long)(*sent.blocks.begin() - before),
        (unsigned long long)(*sent.blocks.rbegin() - before), took.count(), proxy_->requests(),
        (unsigned long long)store_->sync_count());
}

}  // namespace
}  // namespace wavs::e2e
