// SPDX-License-Identifier: Apache-2.0
#include "posting.hpp"

namespace wavs::e2e {
namespace {

using Mode = ChainProxy::Mode;

TEST_F(Posting, five_hundred_results_are_on_chain_within_three_blocks) {
    constexpr std::uint64_t kCount = 500;
    start_posting();
    must(devnet_->anvil().mine_manually());
    const auto start = clock_.steady_now();
    submit(1, kCount);
    // A block is as long as it takes for the transactions of the others to arrive, whatever the
    // machine does meanwhile; who waits for a receipt before the next one is sent needs more
    // blocks.
    wait_until("all transactions wait for a block", [&] { return pending() == kCount; });
    wait_until("all are burned", [&] {
        must(devnet_->anvil().mine());
        return burned(1, kCount) == kCount;
    });
    const std::chrono::duration<double> took = clock_.steady_now() - start;
    const auto sent = sent_to_handler();
    EXPECT_EQ(sent.transactions, kCount);
    EXPECT_EQ(sent.reverted, 0U);
    ASSERT_FALSE(sent.blocks.empty());
    const auto blocks = *sent.blocks.rbegin() - *sent.blocks.begin() + 1;
    EXPECT_LE(blocks, 3U);
    EXPECT_LT(store_->sync_count(), 2 * kCount) << "commits of many results share their syncs";
    RecordProperty("blocks", std::to_string(blocks));
    std::printf("%llu results in %llu blocks, %.1f s, %zu requests, %llu syncs\n",
                static_cast<unsigned long long>(kCount), static_cast<unsigned long long>(blocks),
                took.count(), proxy_->requests(),
                static_cast<unsigned long long>(store_->sync_count()));
}

// The process is killed at one point of a transaction's way; whatever it was, each result has one
// transaction in the end.
class PostingKilled : public Posting {
protected:
    static constexpr std::uint64_t kCount = 5;

    void kill_while(Mode mode, std::string method) {
        start_posting();
        must(devnet_->anvil().mine_manually());
        proxy_->set(mode, std::move(method));
        submit(1, kCount);
    }
    void wait_kept() {
        wait_until("the proxy holds something back", [&] { return proxy_->kept() > 0; });
    }
    void come_back() {
        crash();
        proxy_->set(Mode::Pass, "");
        restart();
        resubmit(1, kCount);
    }
    void expect_each_once() {
        wait_until("all are burned", [&] {
            must(devnet_->anvil().mine());
            return burned(1, kCount) == kCount;
        });
        const auto sent = sent_to_handler();
        EXPECT_EQ(sent.transactions, kCount);
        EXPECT_EQ(sent.reverted, 0U);
        EXPECT_TRUE(store_->scan(storage::Keyspace::Transactions, {}).value().empty());
    }
};

TEST_F(PostingKilled, killed_before_the_send_nothing_is_posted_twice) {
    kill_while(Mode::KeepRequest, "eth_sendRawTransaction");
    wait_kept();
    EXPECT_FALSE(store_->scan(storage::Keyspace::Transactions, {}).value().empty());
    come_back();
    expect_each_once();
}

TEST_F(PostingKilled, killed_after_the_send_nothing_is_posted_twice) {
    kill_while(Mode::KeepAnswer, "eth_sendRawTransaction");
    wait_kept();
    come_back();
    expect_each_once();
}

TEST_F(PostingKilled, killed_after_the_block_nothing_is_posted_twice) {
    kill_while(Mode::KeepAnswer, "eth_getTransactionReceipt");
    wait_until("all are in the pool", [&] {
        return store_->scan(storage::Keyspace::Transactions, {}).value().size() == kCount;
    });
    wait_until("a receipt is held back", [&] {
        must(devnet_->anvil().mine());
        return proxy_->kept() > 0;
    });
    come_back();
    expect_each_once();
}

TEST_F(PostingKilled, a_nonce_that_another_used_meanwhile_makes_one_new_transaction) {
    kill_while(Mode::KeepRequest, "eth_sendRawTransaction");
    wait_kept();
    crash();
    use_nonce_elsewhere();
    proxy_->set(Mode::Pass, "");
    restart();
    resubmit(1, kCount);
    expect_each_once();
}

}  // namespace
}  // namespace wavs::e2e
