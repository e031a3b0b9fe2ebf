// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/rpc_pool.hpp"
#include "wavs/telemetry/testing/captured_log.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ScriptedRpc;
using testing::ScriptedTest;

class RpcPoolTest : public ScriptedTest {
protected:
    /// The chain node of `ScriptedTest` first, then another one.
    void SetUp() override {
        ScriptedTest::SetUp();
        auto made = net::HttpServer::listen(context_.get_executor(), timers_, second_, {});
        ASSERT_TRUE(made.has_value());
        second_server_ = std::move(made.value());
        for (auto* node : {&node_, &second_}) {
            node->result("eth_chainId", "\"0x7a69\"");
            node->result("eth_gasPrice", "\"0x1\"");
        }
        node_.result("eth_blockNumber", "\"0x1\"");
        second_.result("eth_blockNumber", "\"0x2\"");
        RpcPool::Options options;
        options.name = "evm:31337";
        options.chain_id = 31337;
        pool_ = std::make_shared<RpcPool>(options,
                                          std::vector<std::shared_ptr<RpcTransport>>{
                                              make_http_transport(http_, server_->url()),
                                              make_http_transport(http_, second_server_->url())},
                                          context_.get_executor(), timers_, clock_, &metrics_);
    }
    base::Result<std::uint64_t> ask() { return run(RpcClient(pool_).block_number()); }
    /// The first node answers nothing any more.
    void break_first() {
        node_.error("eth_blockNumber", R"({"code":-32005,"message":"rate limit exceeded"})");
        node_.error("eth_chainId", R"({"code":-32005,"message":"rate limit exceeded"})");
    }
    void heal_first() {
        node_.result("eth_blockNumber", "\"0x1\"");
        node_.result("eth_chainId", "\"0x7a69\"");
    }
    void settle() {
        for (int i = 0; i < 50; ++i) {
            context_.restart();
            context_.run_one_for(milliseconds(1));
        }
    }

    ScriptedRpc second_;
    std::unique_ptr<net::HttpServer> second_server_;
    telemetry::Metrics metrics_;
    std::shared_ptr<RpcPool> pool_;
};

TEST_F(RpcPoolTest, the_first_one_that_serves_the_right_chain_answers) {
    EXPECT_EQ(ask().value(), 1U);
    EXPECT_EQ(ask().value(), 1U);
    EXPECT_EQ(node_.count("eth_chainId"), 1U);
    EXPECT_TRUE(second_.calls.empty());
}

TEST_F(RpcPoolTest, a_refused_call_goes_to_the_next_one_and_so_do_those_after_it) {
    break_first();
    EXPECT_EQ(ask().value(), 2U);
    const auto asked = node_.calls.size();
    EXPECT_EQ(ask().value(), 2U);
    EXPECT_EQ(node_.calls.size(), asked);
    const auto state = pool_->state();
    EXPECT_FALSE(state[0].usable);
    EXPECT_NE(state[0].last_error.find("rate limit"), std::string::npos);
    EXPECT_TRUE(state[1].in_use);
}

TEST_F(RpcPoolTest, blocks_that_are_too_large_are_told_to_who_asked_for_too_many) {
    node_.result("eth_getBlockByNumber", "\"" + std::string(std::size_t{17} << 20, 'x') + "\"");
    const auto block = run(RpcClient(pool_).block(BlockRef::at(1)));
    EXPECT_EQ(block.error().code(), base::ErrorCode("response_too_large"));
    EXPECT_TRUE(pool_->state()[0].usable);
    EXPECT_TRUE(second_.calls.empty());
}

TEST_F(RpcPoolTest, a_dead_one_is_skipped) {
    ASSERT_EQ(ask().value(), 1U);
    server_.reset();
    EXPECT_EQ(ask().value(), 2U);
}

TEST_F(RpcPoolTest, a_probe_brings_the_first_one_back_when_its_failures_are_forgotten) {
    break_first();
    ASSERT_EQ(ask().value(), 2U);
    heal_first();
    timers_.advance(seconds(2));
    ASSERT_EQ(ask().value(), 2U);  // starts the probe
    settle();
    EXPECT_TRUE(pool_->state()[0].usable);
    EXPECT_EQ(ask().value(), 2U);  // it failed a moment ago
    timers_.advance(minutes(2));
    EXPECT_EQ(ask().value(), 1U);
}

TEST_F(RpcPoolTest, one_that_stays_broken_is_probed_less_and_less) {
    break_first();
    for (int second = 0; second < 120; ++second) {
        ASSERT_EQ(ask().value(), 2U);
        settle();
        timers_.advance(seconds(1));
    }
    // Its first call, then probes after 1, 2, 4, 8, 16 and 30 seconds.
    EXPECT_LE(node_.calls.size(), 9U);
    EXPECT_GE(node_.calls.size(), 5U);
}

TEST_F(RpcPoolTest, another_chain_is_not_asked_anything) {
    node_.result("eth_chainId", "\"0x1\"");
    EXPECT_EQ(ask().value(), 2U);
    timers_.advance(minutes(4));
    EXPECT_EQ(ask().value(), 2U);
    settle();
    EXPECT_EQ(node_.count("eth_blockNumber"), 0U);
    EXPECT_EQ(node_.count("eth_chainId"), 1U);
    timers_.advance(minutes(2));
    EXPECT_EQ(ask().value(), 2U);
    settle();
    EXPECT_EQ(node_.count("eth_chainId"), 2U);
}

TEST_F(RpcPoolTest, another_chain_is_told_of_once_until_it_was_the_right_one) {
    const telemetry::testing::CapturedLog log;
    const auto told = [&] { return log.count("the endpoint serves another chain"); };
    const auto all_serve = [&](const std::string& id) {
        node_.result("eth_chainId", id);
        second_.result("eth_chainId", id);
    };
    all_serve("\"0x1\"");
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(ask().has_value());
    }
    EXPECT_EQ(told(), 2U) << "one each";
    all_serve("\"0x7a69\"");
    EXPECT_EQ(ask().value(), 1U);
    break_first();
    EXPECT_EQ(ask().value(), 2U);
    node_.result("eth_chainId", "\"0x1\"");
    clock_.advance(minutes(10));
    (void)ask();
    settle();
    EXPECT_EQ(told(), 3U);
}

TEST_F(RpcPoolTest, when_all_fail_all_are_named) {
    break_first();
    second_.error("eth_blockNumber", R"({"code":-32005,"message":"out of credits"})");
    const auto failed = ask();
    ASSERT_FALSE(failed.has_value());
    EXPECT_EQ(failed.error().code(), base::ErrorCode("no_endpoint_answers"));
    EXPECT_NE(failed.error().message().find("rate limit"), std::string::npos);
    EXPECT_NE(failed.error().message().find("out of credits"), std::string::npos);
    heal_first();
    EXPECT_EQ(ask().value(), 1U);
}

TEST_F(RpcPoolTest, what_the_chain_says_is_an_answer) {
    node_.error("eth_call", R"({"code":3,"message":"execution reverted","data":"0x"})");
    const auto called = run(RpcClient(pool_).call({}));
    EXPECT_TRUE(called.has_value());
    EXPECT_EQ(second_.calls.size(), 0U);
}

TEST_F(RpcPoolTest, a_range_that_is_too_large_is_for_the_reader_to_halve) {
    node_.answers["eth_getLogs"] = [](const std::string& params) {
        return params.find("\"0x1\"") == std::string::npos ||
                       params.find("\"0x4\"") != std::string::npos
                   ? std::string(
                         R"("error":{"code":-32005,"message":"query returned more than 10000 results"})")
                   : std::string("\"result\":[]");
    };
    const auto read = run(get_logs_range(RpcClient(pool_), {}, 1, 4));
    EXPECT_FALSE(read.has_value());  // the later half stays too large
    EXPECT_EQ(second_.count("eth_getLogs"), 0U);
    EXPECT_TRUE(pool_->state()[0].usable);
}

TEST_F(RpcPoolTest, a_steady_client_stays_where_it_is) {
    const RpcClient steady(pool_->steady());
    ASSERT_EQ(run(RpcClient(steady).block_number()).value(), 1U);
    break_first();
    EXPECT_FALSE(run(RpcClient(steady).block_number()).has_value());
    EXPECT_EQ(run(RpcClient(pool_->steady()).block_number()).value(), 2U);
}

TEST_F(RpcPoolTest, several_in_one_message_go_over_together) {
    node_.error("eth_sendRawTransaction", R"({"code":429,"message":"too many requests"})");
    second_.result("eth_sendRawTransaction", fmt::format("\"0x{:064x}\"", 5));
    const auto sent = run(RpcClient(pool_).send_raw_in_order({{1}, {2}}));
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_TRUE(sent[0].has_value());
    EXPECT_TRUE(sent[1].has_value());
}

TEST(EndpointScores, failures_are_forgotten_by_half_in_a_minute) {
    base::testing::FakeClock clock;
    EndpointScores scores(2, clock);
    for (int i = 0; i < 4; ++i) {
        scores.failed(0);
    }
    EXPECT_EQ(scores.of(0), 4U);
    EXPECT_EQ(scores.of(1), 0U);
    clock.advance(minutes(1));
    EXPECT_EQ(scores.of(0), 2U);
    clock.advance(minutes(3));
    EXPECT_EQ(scores.of(0), 0U);
}

}  // namespace
}  // namespace wavs::chain_evm
