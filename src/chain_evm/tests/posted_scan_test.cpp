// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/posted_scan.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

#include <map>
#include <set>

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using Found = base::Result<std::optional<PostedResult>>;

types::EvmAddress handler(std::uint8_t last) {
    types::EvmAddress out;
    out.array()[19] = last;
    return out;
}
types::EventId event(std::uint8_t first) {
    types::EventId out;
    out.array()[0] = first;
    return out;
}
types::Envelope envelope_of(const types::EventId& id) {
    types::Envelope envelope;
    envelope.event_id = id;
    envelope.payload = {1, 2, 3};
    return envelope;
}
base::Bytes call_of(const types::EventId& id) {
    return encode_handle_signed_envelope(
        envelope_of(id), make_signature_data({{handler(9), base::Bytes(65, 7)}}, 41));
}

// Its blocks come a second later than the rest.
class SlowBlocks final : public RpcTransport {
public:
    SlowBlocks(std::shared_ptr<RpcTransport> inner, async::Timers& timers)
        : inner_(std::move(inner)), timers_(timers) {}
    async::Task<base::Result<RpcReply>> call(std::string method, std::string params) override {
        co_return co_await inner_->call(std::move(method), std::move(params));
    }
    async::Task<std::vector<base::Result<RpcReply>>> call_in_order(
        std::string method, std::vector<std::string> params) override {
        waiting = true;
        const auto slept = co_await timers_.sleep_for(std::chrono::seconds(1));
        waiting = false;
        if (!slept.has_value()) {
            co_return std::vector<base::Result<RpcReply>>(params.size(), slept.error());
        }
        co_return co_await inner_->call_in_order(std::move(method), std::move(params));
    }
    std::string endpoint() const override { return inner_->endpoint(); }

    bool waiting = false;

private:
    const std::shared_ptr<RpcTransport> inner_;
    async::Timers& timers_;
};

// A chain whose blocks the test writes, one letter of hash per fork.
class PostedScanTest : public testing::ScriptedTest {
protected:
    struct Tx {
        types::Bytes32 hash;
        types::EvmAddress to;
        base::Bytes input;
        bool success = true;
        bool has_receipt = true;
    };
    struct FakeBlock {
        types::Bytes32 hash;
        types::Bytes32 parent;
        std::vector<Tx> transactions;
    };

    void SetUp() override {
        ScriptedTest::SetUp();
        node_.answers["eth_blockNumber"] = [this](const std::string&) {
            return fmt::format("\"result\":\"{}\"", quantity(head()));
        };
        node_.answers["eth_getBlockByNumber"] = [this](const std::string& params) {
            return answer_block(params);
        };
        node_.answers["eth_getTransactionReceipt"] = [this](const std::string& params) {
            return answer_receipt(params.substr(2, 66));
        };
        mine(1);
        make({});
    }
    void make(PostedScan::Limits limits) {
        scan_ =
            std::make_unique<PostedScan>("evm:1", client(), ServiceManagerClient(client(), clock_),
                                         context_.get_executor(), limits);
    }
    std::shared_ptr<SlowBlocks> slow_down() {
        auto made =
            std::make_shared<SlowBlocks>(make_http_transport(http_, server_->url()), timers_);
        scan_ = std::make_unique<PostedScan>("evm:1", RpcClient(made),
                                             ServiceManagerClient(client(), clock_),
                                             context_.get_executor());
        return made;
    }
    std::uint64_t head() const { return blocks_.rbegin()->first; }
    void mine(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            const auto number = blocks_.empty() ? 0 : head() + 1;
            FakeBlock block;
            block.hash = next_hash();
            block.parent = number == 0 ? types::Bytes32() : blocks_[number - 1].hash;
            blocks_[number] = block;
        }
    }
    types::Bytes32 next_hash() {
        types::Bytes32 out;
        ++hashes_;
        out.array()[0] = 0xaa;
        out.array()[30] = static_cast<std::uint8_t>(hashes_ >> 8);
        out.array()[31] = static_cast<std::uint8_t>(hashes_);
        return out;
    }
    types::Bytes32 put(std::uint64_t block, std::uint8_t to, base::Bytes input,
                       bool success = true) {
        const auto hash = next_hash();
        blocks_[block].transactions.push_back({hash, handler(to), std::move(input), success, true});
        return hash;
    }
    types::Bytes32 post(std::uint64_t block, std::uint8_t id, bool success = true) {
        return put(block, 1, call_of(event(id)), success);
    }
    /// Replaces the blocks from `number` on by as many empty ones.
    void replace_from(std::uint64_t number) {
        const auto count = head() - number + 1;
        blocks_.erase(blocks_.find(number), blocks_.end());
        mine(count);
    }

    std::string answer_block(const std::string& params) {
        const auto number = parse_quantity(params.substr(2, params.find('"', 2) - 2)).value();
        ++reads_[number];
        if (const auto fault = faults_.find(number); fault != faults_.end()) {
            return fault->second;
        }
        const auto found = blocks_.find(number);
        if (found == blocks_.end()) {
            return "\"result\":null";
        }
        EXPECT_NE(params.find(",true]"), std::string::npos);
        std::string list;
        for (const auto& tx : found->second.transactions) {
            list += fmt::format(
                R"({}{{"hash":"{}","from":"{}","to":"{}","nonce":"0x0","input":"{}"}})",
                list.empty() ? "" : ",", types::to_string(tx.hash), types::to_string(handler(99)),
                types::to_string(tx.to), base::hex0x(tx.input));
        }
        return fmt::format(
            R"("result":{{"number":"{}","hash":"{}","parentHash":"{}","transactions":[{}]}})",
            quantity(number), types::to_string(found->second.hash),
            types::to_string(found->second.parent), list);
    }
    std::string answer_receipt(const std::string& hash) {
        for (const auto& [number, block] : blocks_) {
            for (const auto& tx : block.transactions) {
                if (types::to_string(tx.hash) == hash && tx.has_receipt) {
                    return fmt::format(
                        R"("result":{{"transactionHash":"{}","blockHash":"{}","blockNumber":"{}","status":"{}"}})",
                        hash, types::to_string(block.hash), quantity(number),
                        quantity(std::uint64_t{tx.success}));
                }
            }
        }
        return "\"result\":null";
    }

    // After the head that was read before is old.
    Found find(std::uint8_t to, std::uint8_t id, std::uint64_t from = 0) {
        clock_.advance(milliseconds(200));
        return run(scan_->find(handler(to), event(id), from));
    }
    Found find(std::uint8_t id) { return find(1, id); }
    std::optional<types::Bytes32> hash_of(const Found& found) {
        if (!found.has_value()) {
            ADD_FAILURE() << found.error().full_text();
            return std::nullopt;
        }
        return found.value() ? std::optional(found.value()->tx_hash) : std::nullopt;
    }
    std::size_t blocks_read() const { return node_.count("eth_getBlockByNumber"); }
    std::size_t receipts_read() const { return node_.count("eth_getTransactionReceipt"); }
    static async::Task<void> find_into(PostedScanTest& test, std::uint64_t from,
                                       std::vector<Found>& out) {
        out.push_back(co_await test.scan_->find(handler(1), event(1), from));
    }

    static async::Task<void> find_event_into(PostedScanTest& test, std::uint8_t id,
                                             std::vector<Found>& out) {
        out.push_back(co_await test.scan_->find(handler(1), event(id), 0));
    }

    std::map<std::uint64_t, FakeBlock> blocks_;
    std::map<std::uint64_t, std::string> faults_;
    std::map<std::uint64_t, int> reads_;
    std::size_t hashes_ = 0;
    std::unique_ptr<PostedScan> scan_;
    telemetry::testing::CapturedLog log_;
};

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
