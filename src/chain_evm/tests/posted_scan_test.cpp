// SPDX-License-Identifier: Apache-2.0
#include "posted_scan_fixture.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using testing::call_of;
using testing::envelope_of;
using testing::event;
using testing::Found;
using testing::handler;
using testing::PostedScanTest;

TEST_F(PostedScanTest, finds_what_somebody_posted_for_this_event_at_this_handler) {
    mine(5);
    const auto hash = post(3, 1);
    auto other = call_of(event(2));
    other[0] ^= 1;
    put(4, 1, other);
    const auto found = find(1);
    EXPECT_EQ(hash_of(found), hash);
    EXPECT_EQ(found.value()->block, 3U);
    EXPECT_EQ(found.value()->envelope_digest, types::envelope_digest(envelope_of(event(1))));
    EXPECT_EQ(hash_of(find(2)), std::nullopt) << "another function";
    EXPECT_EQ(hash_of(find(2, 1)), std::nullopt) << "another handler";
    EXPECT_EQ(hash_of(find(1, 1, 3)), hash);
    EXPECT_EQ(hash_of(find(1, 1, 4)), std::nullopt) << "before what was asked for";
}

TEST_F(PostedScanTest, reads_nothing_unasked_and_each_block_once_in_messages_of_eight) {
    mine(19);
    EXPECT_TRUE(node_.calls.empty());
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    EXPECT_EQ(blocks_read(), 20U);
    EXPECT_EQ(node_.batches, 3U);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    EXPECT_EQ(blocks_read(), 20U);
    mine(1);
    const auto hash = post(20, 1);
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(blocks_read(), 21U);
    // What is known costs the receipt alone.
    const auto calls = node_.calls.size();
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(node_.calls.size(), calls + 1);
}

TEST_F(PostedScanTest, a_failed_transaction_is_no_result_and_is_not_asked_for_again) {
    mine(3);
    post(1, 1, false);
    post(2, 1, false);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    EXPECT_EQ(receipts_read(), 2U);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    EXPECT_EQ(receipts_read(), 2U);
    mine(1);
    const auto hash = post(4, 1);
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(receipts_read(), 3U);
}

TEST_F(PostedScanTest, callers_of_the_same_moment_share_one_scan_from_the_lowest_wanted_block) {
    mine(19);
    const auto hash = post(5, 1);
    std::vector<Found> found;
    async::TaskGroup group(context_.get_executor(), "finders");
    for (const std::uint64_t from : {10U, 3U, 15U, 3U}) {
        group.spawn("find", find_into(*this, from, found));
    }
    run_until([&found] { return found.size() == 4; });
    EXPECT_EQ(blocks_read(), 17U);
    EXPECT_EQ(node_.count("eth_blockNumber"), 1U);
    EXPECT_EQ(std::count_if(found.begin(), found.end(),
                            [&](const Found& one) { return hash_of(one) == hash; }),
              2);
}

TEST_F(PostedScanTest, callers_of_the_same_moment_share_a_failure) {
    mine(3);
    faults_[2] = R"("error":{"code":-32005,"message":"rate limit"})";
    std::vector<Found> found;
    async::TaskGroup group(context_.get_executor(), "finders");
    for (int i = 0; i < 3; ++i) {
        group.spawn("find", find_into(*this, 0, found));
    }
    run_until([&found] { return found.size() == 3; });
    for (const auto& one : found) {
        EXPECT_EQ(one.error().kind(), base::ErrorKind::Overloaded);
    }
    EXPECT_EQ(reads_[2], 1);
}

TEST_F(PostedScanTest, another_goes_on_when_the_one_who_scans_is_stopped) {
    const auto slow = slow_down();
    mine(3);
    const auto hash = post(2, 1);
    std::vector<Found> stopped;
    std::vector<Found> found;
    async::TaskGroup group(context_.get_executor(), "finders");
    {
        async::TaskGroup first(context_.get_executor(), "first");
        first.spawn("find", find_into(*this, 0, stopped));
        group.spawn("find", find_into(*this, 0, found));
        run_until([&] { return slow->waiting; });
    }
    run_with_time([&] { return found.size() == 1; });
    EXPECT_EQ(hash_of(found[0]), hash);
}

TEST_F(PostedScanTest, who_wants_older_blocks_has_only_those_read) {
    mine(29);
    const auto hash = post(4, 1);
    EXPECT_EQ(hash_of(find(1, 1, 20)), std::nullopt);
    EXPECT_EQ(blocks_read(), 10U);
    mine(1);
    EXPECT_EQ(hash_of(find(1, 1, 4)), hash);
    EXPECT_EQ(blocks_read(), 27U);
    for (std::uint64_t n = 4; n <= 30; ++n) {
        EXPECT_EQ(reads_[n], 1) << n;
    }
}

TEST_F(PostedScanTest, blocks_that_passed_while_nobody_asked_are_not_read_for_younger_events) {
    mine(5);
    EXPECT_EQ(hash_of(find(1, 1, 3)), std::nullopt);
    mine(50);
    EXPECT_EQ(hash_of(find(1, 1, 50)), std::nullopt);
    EXPECT_EQ(blocks_read(), 3U + 6U);
}

TEST_F(PostedScanTest, looks_back_1024_blocks_and_says_so_once) {
    mine(1'100);
    post(75, 1);
    const auto hash = post(76, 2);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    EXPECT_EQ(hash_of(find(2)), hash);
    EXPECT_EQ(blocks_read(), 1'025U);
    EXPECT_EQ(reads_[75], 0);
    EXPECT_EQ(log_.count("in the newest blocks only"), 1U);
}

TEST_F(PostedScanTest, a_block_that_could_not_be_read_is_read_the_next_time) {
    mine(19);
    const auto hash = post(12, 1);
    faults_[12] = "\"result\":null";
    const auto missing = find(1);
    EXPECT_EQ(missing.error().kind(), base::ErrorKind::Unavailable);
    EXPECT_EQ(missing.error().code(), base::ErrorCode("posted_scan_incomplete"));
    EXPECT_NE(missing.error().message().find("block 12"), std::string::npos);
    EXPECT_EQ(find(1).error().kind(), base::ErrorKind::Unavailable) << "not skipped";
    faults_.clear();
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(reads_[11], 1) << "what was read before it stays";
}

TEST_F(PostedScanTest, a_rate_limit_stops_the_scan_and_the_next_one_goes_on_there) {
    mine(9);
    const auto hash = post(6, 1);
    faults_[6] = R"("error":{"code":-32005,"message":"rate limit exceeded"})";
    EXPECT_EQ(find(1).error().kind(), base::ErrorKind::Overloaded);
    faults_.clear();
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(reads_[5], 1);
}

TEST_F(PostedScanTest, an_answer_that_is_too_large_is_asked_for_block_by_block) {
    mine(9);
    const auto hash = post(3, 1);
    node_.answers["eth_getBlockByNumber"] = [this](const std::string& params) {
        if (blocks_read() <= 8) {
            return std::string(R"("error":{"code":-32000,"message":"response size exceeded"})");
        }
        return answer_block(params);
    };
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(reads_[0], 1);
}

TEST_F(PostedScanTest, transactions_given_as_hashes_are_no_empty_block) {
    mine(2);
    faults_[1] = R"("result":{"number":"0x1","transactions":["0x01"]})";
    EXPECT_EQ(find(1).error().code(), base::ErrorCode("rpc_invalid_response"));
}

TEST_F(PostedScanTest, a_block_under_another_number_is_not_taken) {
    mine(2);
    faults_[1] = R"("result":{"number":"0x2","transactions":[]})";
    EXPECT_EQ(find(1).error().code(), base::ErrorCode("posted_scan_incomplete"));
}

TEST_F(PostedScanTest, a_head_that_goes_back_is_a_failure_once_and_what_was_above_is_read_again) {
    mine(9);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    blocks_.erase(blocks_.find(8), blocks_.end());
    const auto back = find(1);
    EXPECT_EQ(back.error().kind(), base::ErrorKind::Unavailable);
    EXPECT_NE(back.error().message().find("is 7, and was 9"), std::string::npos)
        << back.error().message();
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    mine(2);
    const auto hash = post(8, 1);
    EXPECT_EQ(hash_of(find(1)), hash);
    EXPECT_EQ(reads_[7], 1);
    EXPECT_EQ(reads_[8], 2);
}

TEST_F(PostedScanTest, after_a_reorganisation_everything_is_read_again) {
    mine(9);
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
    replace_from(5);
    const auto hash = post(6, 1);
    scan_->forget();
    EXPECT_EQ(hash_of(find(1)), hash);
}

TEST_F(PostedScanTest, a_reorganisation_that_nobody_tells_of_shows_in_the_next_block) {
    mine(9);
    const auto gone = post(7, 1);
    EXPECT_EQ(hash_of(find(1)), gone);
    replace_from(6);
    mine(1);
    const auto hash = post(8, 1);
    // The receipt of what is gone is missing, then its block is read again.
    EXPECT_FALSE(find(1).has_value());
    EXPECT_EQ(hash_of(find(1)), hash);

    replace_from(4);
    mine(1);
    const auto second = post(5, 2);
    EXPECT_EQ(hash_of(find(2)), second);
}

TEST_F(PostedScanTest, a_chain_that_never_fits_together_is_a_failure_that_may_pass) {
    mine(3);
    const auto right = blocks_[3].parent;
    blocks_[3].parent = next_hash();
    const auto failed = find(1);
    EXPECT_EQ(failed.error().code(), base::ErrorCode("posted_scan_incomplete"));
    EXPECT_LE(blocks_read(), 20U);
    blocks_[3].parent = right;
    EXPECT_EQ(hash_of(find(1)), std::nullopt);
}

TEST_F(PostedScanTest, a_result_without_a_receipt_is_neither_told_nor_forgotten) {
    mine(3);
    const auto hash = post(2, 1);
    blocks_[2].transactions[0].has_receipt = false;
    EXPECT_EQ(find(1).error().kind(), base::ErrorKind::Unavailable);
    blocks_[2].transactions[0].has_receipt = true;
    EXPECT_EQ(hash_of(find(1)), hash);
}

TEST_F(PostedScanTest, blocks_that_another_caller_gave_up_during_a_scan_leave_no_gap) {
    const auto slow = slow_down();
    mine(6);
    post(4, 1);
    std::vector<Found> found;
    async::TaskGroup group(context_.get_executor(), "finders");
    const auto start = [&](std::uint8_t id) {
        group.spawn("find", find_event_into(*this, id, found));
    };
    start(3);
    run_with_time([&] { return found.size() == 1; });
    mine(2);
    const auto hash = post(5, 2);
    blocks_[4].transactions[0].has_receipt = false;
    clock_.advance(milliseconds(200));
    start(3);
    run_until([&] { return slow->waiting; });
    start(1);  // no receipt: it gives up the blocks from 4 on
    run_until([&] { return found.size() == 2; });
    EXPECT_FALSE(found.back().has_value());
    run_with_time([&] { return found.size() == 3; });
    EXPECT_TRUE(found.back().has_value());
    start(2);
    run_with_time([&] { return found.size() == 4; });
    EXPECT_EQ(hash_of(found.back()), hash);
}

TEST_F(PostedScanTest, call_data_of_any_form_is_safe) {
    mine(2);
    const auto good = call_of(event(1));
    for (std::size_t size = 0; size < good.size(); size += 7) {
        put(1, 1, base::Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)));
    }
    for (std::size_t at = 4; at < good.size(); at += 32) {
        auto bad = good;
        for (std::size_t i = at; i < at + 32 && i < bad.size(); ++i) {
            bad[i] = 0xff;
        }
        put(1, 1, bad);
    }
    const auto hash = post(2, 1);
    // Those whose damage lies in what nobody reads, such as padding, are calls of the event too.
    const auto found = find(1);
    ASSERT_TRUE(found.has_value()) << found.error().full_text();
    EXPECT_TRUE(found.value());
    EXPECT_EQ(hash_of(find(1, 1, 2)), hash);
}

TEST_F(PostedScanTest, counts_the_blocks_after_one_by_whether_they_had_room) {
    mine(6);
    blocks_[2].more = R"(,"gasLimit":"0x64","gasUsed":"0x64")";
    blocks_[3].more = R"(,"gasLimit":"0x64","gasUsed":"0x5b")";
    blocks_[4].more = R"(,"gasLimit":"0x64","gasUsed":"0x5a")";
    blocks_[5].more = R"(,"gasUsed":"0x64")";
    const auto count = blocks_after(1);
    ASSERT_TRUE(count.has_value());
    EXPECT_EQ(count.value().full, 2U);
    EXPECT_EQ(count.value().with_room, 3U);
    EXPECT_EQ(blocks_read(), 5U);
    EXPECT_EQ(blocks_after(3).value().with_room, 3U);
    EXPECT_EQ(blocks_after(6).value().with_room, 0U);
    mine(1);
    EXPECT_EQ(blocks_after(6).value().with_room, 1U);
    EXPECT_EQ(blocks_read(), 6U);
}

TEST_F(PostedScanTest, blocks_that_cannot_be_read_are_not_counted_out) {
    mine(4);
    faults_[3] = "\"result\":null";
    const auto count = blocks_after(1);
    ASSERT_FALSE(count.has_value());
    EXPECT_EQ(count.error().code(), base::ErrorCode("posted_scan_incomplete"));
    faults_.clear();
    EXPECT_EQ(blocks_after(1).value().with_room, 3U);
}

TEST_F(PostedScanTest, forgets_old_blocks) {
    PostedScan::Limits limits;
    limits.kept_blocks = 20;
    make(limits);
    mine(9);
    const auto hash = post(3, 1);
    EXPECT_EQ(hash_of(find(1)), hash);
    for (int i = 0; i < 14; ++i) {
        mine(1);
        EXPECT_EQ(hash_of(find(1, 2, 5)), std::nullopt);
    }
    EXPECT_EQ(hash_of(find(1, 1, 3)), hash);
    EXPECT_EQ(reads_[3], 1);
    mine(1);
    EXPECT_EQ(hash_of(find(1, 2, 5)), std::nullopt);
    EXPECT_EQ(hash_of(find(1, 1, 3)), hash);
    EXPECT_EQ(reads_[3], 2) << "it was forgotten and is read again for who wants it";
}

TEST_F(PostedScanTest, more_transactions_than_are_kept_shorten_the_look_back) {
    PostedScan::Limits limits;
    limits.most_transactions = 4;
    limits.blocks_at_once = 2;
    make(limits);
    mine(9);
    for (std::uint64_t block = 1; block <= 9; ++block) {
        post(block, static_cast<std::uint8_t>(block));
    }
    EXPECT_EQ(hash_of(find(2)), std::nullopt);
    const auto reads = blocks_read();
    EXPECT_EQ(reads, 10U);
    EXPECT_TRUE(hash_of(find(6)));
    EXPECT_TRUE(hash_of(find(9)));
    EXPECT_EQ(hash_of(find(5)), std::nullopt);
    EXPECT_EQ(blocks_read(), reads) << "what does not fit is not read again and again";
    EXPECT_EQ(log_.count("in fewer blocks"), 1U);
}

}  // namespace
}  // namespace wavs::chain_evm
