// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/testing/fault_proxy.hpp"

#include "evm_fixture.hpp"
#include "wavs/chain_evm/subscription.hpp"
#include "wavs/chain_evm/testing/anvil.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/net/ws_client.hpp"
#include "wavs/types/json.hpp"

#include <gmock/gmock.h>

#include <csignal>

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Anvil;
using ::testing::ElementsAre;
using testing::FaultProxy;
using testing::Faults;
using testing::Notifications;

// Each fault is what it says, for our clients and a real node.
class FaultProxyTest : public testing::LoopTest {
protected:
    void SetUp() override {
        program_ = testing::anvil_program(WAVS_SOURCE_DIR);
        if (program_.empty()) {
            GTEST_SKIP() << "anvil is not installed: set WAVS_ANVIL, or run npm ci in contracts/";
        }
        start_anvil();
        proxy_ = std::make_unique<FaultProxy>(FaultProxy::Options{.target_port = port_});
    }
    void TearDown() override { EXPECT_TRUE(run(group_.stop(timers_, seconds(3))).empty()); }
    void start_anvil() {
        auto started = Anvil::start(context_.get_executor(), program_, {}, port_);
        ASSERT_TRUE(started.has_value()) << started.error().full_text();
        anvil_ = std::move(started.value());
        port_ = anvil_->port;
        run_until([this] { return anvil_->ready; });
    }
    net::DialContext dial() { return {timers_, clock_, resolver_, {}, {}}; }
    RpcClient direct() { return RpcClient(make_http_transport(http_, anvil_->http())); }
    RpcClient over_http(milliseconds limit = seconds(10)) {
        return RpcClient(make_http_transport(http_, proxy_->http_url(), {.call_timeout = limit}));
    }
    RpcClient over_ws(milliseconds limit = seconds(10)) {
        return RpcClient(make_ws_transport(dial(), proxy_->ws_url(), {.call_timeout = limit}));
    }
    void mine(std::uint64_t blocks) {
        ASSERT_TRUE(run(direct().raw("anvil_mine", fmt::format(R"(["{}"])", quantity(blocks))))
                        .has_value());
    }
    // One log, in a block of its own.
    void make_log() {
        const auto from = crypto::address_of(crypto::public_key_of(*testing::key(0)));
        const auto sent = run(direct().raw(
            "eth_sendTransaction", fmt::format(R"([{{"from":"{}","data":"0x60ab60006000a100"}}])",
                                               types::to_string(from))));
        ASSERT_TRUE(sent.has_value()) << sent.error().full_text();
        const auto document = types::json::Document::parse(sent.value()).value();
        const auto hash = testing::word(document.root().text());
        run_until([&] { return run(direct().receipt(hash)).value().has_value(); });
    }

    // The subscriber of the node, with short times.
    void subscribe() {
        SubscriberOptions options;
        options.name = "evm:31337";
        options.ws_endpoints = {proxy_->ws_url()};
        options.chain_id = 31337;
        options.first_backoff = milliseconds(20);
        options.max_backoff = milliseconds(50);
        options.ping_interval = milliseconds(100);
        options.dead_after = milliseconds(400);
        options.wrong_chain_pause = milliseconds(50);
        subscriber_ =
            std::make_unique<WsSubscriber>(std::move(options), context_.get_executor(), dial(),
                                           random_, std::make_shared<LogWindow>(), events_);
        subscriber_->set_heads(true);
        subscriber_->set_logs(LogFilter());
        group_.spawn("subscriber", keep_running(*subscriber_));
        group_.spawn("collect", collect(*this));
        run_until([this] { return live_ == 1; });
    }
    static async::Task<void> keep_running(WsSubscriber& subscriber) {
        (void)co_await subscriber.run();
    }
    static async::Task<void> collect(FaultProxyTest& test) {
        while (true) {
            const auto event = co_await test.events_.receive();
            if (!event.has_value()) {
                co_return;
            }
            const auto& what = event.value();
            test.heads_ += std::holds_alternative<HeadSeen>(what) ? 1 : 0;
            test.logs_ += std::holds_alternative<LogSeen>(what) ? 1 : 0;
            test.live_ += std::holds_alternative<FilterLive>(what) ? 1 : 0;
            test.lost_ += std::holds_alternative<Disconnected>(what) ? 1 : 0;
        }
    }

    // Heads as they come over a WebSocket, without a subscriber that puts them in order.
    void watch_heads() {
        net::WsRequest request;
        request.url = proxy_->ws_url();
        auto connected = run(net::WsClient::connect(dial(), std::move(request)));
        ASSERT_TRUE(connected.has_value()) << connected.error().full_text();
        watcher_ = std::move(connected.value());
        ASSERT_TRUE(
            run(watcher_->send(
                    R"({"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]})"))
                .has_value());
        ASSERT_TRUE(run(watcher_->receive()).has_value());
        group_.spawn("watch", watch(*this));
    }
    static async::Task<void> watch(FaultProxyTest& test) {
        while (true) {
            const auto text = co_await test.watcher_->receive();
            if (!text.has_value()) {
                test.watch_error_ = text.error().full_text();
                co_return;
            }
            const auto document = types::json::Document::parse(text.value()).value();
            const auto result = document.root().find("params")->find("result");
            test.seen_.push_back(parse_quantity(result->find("number")->text()).value());
        }
    }
    static async::Task<void> store_call(RpcClient client, bool& done) {
        done = (co_await client.block_number()).has_value();
    }

    base::SystemClock clock_;
    async::SystemTimers timers_;
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    ChainEvents events_{context_.get_executor(), "events", 1'000};
    std::string program_;
    std::uint16_t port_ = 0;
    std::unique_ptr<Anvil> anvil_;
    std::unique_ptr<FaultProxy> proxy_;
    std::unique_ptr<WsSubscriber> subscriber_;
    std::unique_ptr<net::WsClient> watcher_;
    std::vector<std::uint64_t> seen_;
    std::string watch_error_;
    std::size_t heads_ = 0;
    std::size_t logs_ = 0;
    std::size_t live_ = 0;
    std::size_t lost_ = 0;
    async::TaskGroup group_{context_.get_executor(), "test"};
};

TEST_F(FaultProxyTest, without_a_fault_everything_passes) {
    EXPECT_EQ(run(over_http().chain_id()).value(), 31337U);
    EXPECT_EQ(run(over_ws().chain_id()).value(), 31337U);
    subscribe();
    make_log();
    run_until([this] { return heads_ == 1 && logs_ == 1; });
    // A batch, and an error, are the node's own.
    const auto sent = run(over_http().send_raw_in_order({{1}, {2}}));
    ASSERT_EQ(sent.size(), 2U);
    EXPECT_EQ(sent[1].error().code(), base::ErrorCode("rpc_error"));
    EXPECT_EQ(lost_, 0U);
}

TEST_F(FaultProxyTest, what_the_node_has_not_answered_is_in_flight) {
    EXPECT_EQ(proxy_->in_flight(), 0U);
    anvil_->child->signal(SIGSTOP);
    bool done = false;
    group_.spawn("call", store_call(over_http(), done));
    run_until([this] { return proxy_->in_flight() == 1; });
    anvil_->child->signal(SIGCONT);
    run_until([&done] { return done; });
    EXPECT_EQ(proxy_->in_flight(), 0U);
}

TEST_F(FaultProxyTest, refused_connections_end_at_once_and_open_ones_stay) {
    subscribe();
    proxy_->set({.refuse = true});
    EXPECT_FALSE(run(over_http().chain_id()).has_value());
    EXPECT_FALSE(run(over_ws().chain_id()).has_value());
    EXPECT_GE(proxy_->counts().refused, 2U);
    mine(1);
    run_until([this] { return heads_ == 1; });
    proxy_->clear();
    EXPECT_TRUE(run(over_http().chain_id()).has_value());
}

TEST_F(FaultProxyTest, dropped_connections_are_made_anew) {
    subscribe();
    proxy_->drop_connections();
    run_until([this] { return lost_ == 1 && live_ == 2; });
    EXPECT_GE(proxy_->counts().dropped, 1U);
    make_log();
    run_until([this] { return logs_ == 1; });
}

TEST_F(FaultProxyTest, a_silent_endpoint_keeps_the_connection_and_answers_no_ping) {
    subscribe();
    proxy_->set({.silent = true});
    const auto connections = proxy_->counts().connections;
    run_until([this] { return lost_ == 1; });
    EXPECT_EQ(proxy_->counts().dropped, 0U);
    // The next one is accepted, and nothing comes back either.
    run_until([&] { return proxy_->counts().connections > connections; });
    EXPECT_EQ(run(over_http(milliseconds(200)).chain_id()).error().kind(),
              base::ErrorKind::Timeout);
    EXPECT_GE(proxy_->counts().silenced, 2U);
    EXPECT_EQ(live_, 1U);
    proxy_->clear();
    run_until([this] { return live_ == 2; });
}

TEST_F(FaultProxyTest, what_was_sent_in_silence_arrives_afterwards) {
    auto client = over_ws();
    ASSERT_TRUE(run(client.chain_id()).has_value());
    proxy_->set({.silent = true});
    bool done = false;
    group_.spawn("call", store_call(client, done));
    run_until([this] { return proxy_->counts().silenced == 1; });
    EXPECT_FALSE(done);
    proxy_->clear();
    run_until([&done] { return done; });
    EXPECT_EQ(proxy_->counts().connections, 1U);
}

TEST_F(FaultProxyTest, a_delay_is_that_of_each_message) {
    auto client = over_ws();
    ASSERT_TRUE(run(client.chain_id()).has_value());
    proxy_->set({.delay = milliseconds(150)});
    for (auto each : {client, over_http()}) {
        const auto before = clock_.steady_now();
        ASSERT_TRUE(run(each.chain_id()).has_value());
        EXPECT_GE(clock_.steady_now() - before, milliseconds(300));
    }
    EXPECT_EQ(proxy_->counts().delayed, 4U);
}

TEST_F(FaultProxyTest, one_subscription_falls_silent_and_a_new_one_works) {
    subscribe();
    proxy_->swallow(Notifications::Logs);
    make_log();
    run_until([this] { return heads_ == 1 && proxy_->counts().swallowed == 1; });
    EXPECT_EQ(logs_, 0U);
    LogFilter other;
    other.topics = {types::Bytes32(), testing::word("0x00000000000000000000000000000000"
                                                    "000000000000000000000000000000ab")};
    subscriber_->set_logs(other);
    run_until([this] { return live_ == 2; });
    make_log();
    run_until([this] { return logs_ == 1 && heads_ == 2; });
    proxy_->swallow(Notifications::NewHeads);
    make_log();
    run_until([this] { return logs_ == 2; });
    EXPECT_EQ(heads_, 2U);
    EXPECT_EQ(lost_, 0U);
}

TEST_F(FaultProxyTest, notifications_come_twice) {
    watch_heads();
    proxy_->set({.duplicate = true});
    mine(2);
    run_until([this] { return seen_.size() == 4; });
    EXPECT_THAT(seen_, ElementsAre(1, 1, 2, 2));
    EXPECT_EQ(proxy_->counts().duplicated, 2U);
}

TEST_F(FaultProxyTest, notifications_come_in_another_order) {
    watch_heads();
    proxy_->set({.hold_back = 2});
    mine(7);
    run_until([this] { return seen_.size() == 6; });
    proxy_->clear();
    run_until([this] { return seen_.size() == 7; });
    EXPECT_THAT(seen_, ElementsAre(2, 3, 1, 5, 6, 4, 7));
    EXPECT_EQ(proxy_->counts().reordered, 2U);
}

TEST_F(FaultProxyTest, a_frame_ends_in_the_middle) {
    watch_heads();
    proxy_->truncate_next();
    mine(2);
    run_until([this] { return !watch_error_.empty(); });
    EXPECT_TRUE(seen_.empty());
    EXPECT_EQ(proxy_->counts().truncated, 1U);
    EXPECT_TRUE(run(over_ws().chain_id()).has_value());
}

TEST_F(FaultProxyTest, so_many_messages_are_too_many) {
    auto http = over_http();
    auto ws = over_ws();
    ASSERT_TRUE(run(ws.chain_id()).has_value());
    proxy_->rate_limit(3);
    const auto first = run(http.chain_id());
    EXPECT_EQ(first.error().kind(), base::ErrorKind::Overloaded);
    EXPECT_EQ(first.error().code(), base::ErrorCode("rpc_http_status"));
    const auto second = run(ws.chain_id());
    EXPECT_EQ(second.error().kind(), base::ErrorKind::Overloaded);
    EXPECT_EQ(second.error().code(), base::ErrorCode("rpc_error"));
    EXPECT_FALSE(run(http.send_raw_in_order({{1}}))[0].has_value());
    EXPECT_EQ(proxy_->counts().rate_limited, 3U);
    EXPECT_TRUE(run(http.chain_id()).has_value());
    EXPECT_TRUE(run(ws.chain_id()).has_value());
    proxy_->rate_limit(1);
    proxy_->clear();
    EXPECT_TRUE(run(http.chain_id()).has_value());
}

TEST_F(FaultProxyTest, another_chain_id_is_noticed) {
    proxy_->set({.chain_id = 1});
    EXPECT_EQ(run(over_http().chain_id()).value(), 1U);
    EXPECT_EQ(run(over_ws().chain_id()).value(), 1U);
    EXPECT_EQ(proxy_->counts().wrong_chain, 2U);
    proxy_->clear();
    EXPECT_EQ(run(over_http().chain_id()).value(), 31337U);
}

TEST_F(FaultProxyTest, long_ranges_are_refused_in_words_that_are_known) {
    for (int i = 0; i < 4; ++i) {
        make_log();
    }
    mine(40);
    proxy_->set({.max_log_blocks = 3});
    EXPECT_TRUE(run(over_http().logs({}, 1, 3)).has_value());
    EXPECT_EQ(proxy_->counts().range_refused, 0U);
    std::vector<std::string> words;
    std::vector<std::string> again;
    FaultProxy same({.target_port = port_});
    same.set({.max_log_blocks = 3});
    RpcClient second(make_http_transport(http_, same.http_url()));
    std::set<std::string> different;
    for (int i = 0; i < 60; ++i) {
        const auto refused = run(over_http().logs({}, 1, 4));
        EXPECT_TRUE(is_range_error(refused.error())) << refused.error().full_text();
        words.push_back(refused.error().message());
        again.push_back(run(second.logs({}, 1, 4)).error().message());
        different.insert(words.back());
    }
    EXPECT_EQ(words, again) << "the seed decides";
    EXPECT_EQ(different.size(), 8U);
    EXPECT_EQ(run(get_logs_range(over_http(), {}, 0, 44)).value().size(), 4U);
    EXPECT_EQ(run(get_logs_range(over_ws(), {}, 0, 44)).value().size(), 4U);
}

TEST_F(FaultProxyTest, an_endpoint_that_is_behind_knows_less_of_the_chain) {
    make_log();
    mine(10);
    make_log();
    ASSERT_EQ(run(direct().block_number()).value(), 12U);
    proxy_->set({.lag = 5});
    for (auto client : {over_http(), over_ws()}) {
        EXPECT_EQ(run(client.block_number()).value(), 7U);
        EXPECT_EQ(run(client.block(BlockRef::latest())).value()->number, 7U);
        EXPECT_EQ(run(client.block(BlockRef::at(7))).value()->number, 7U);
        EXPECT_FALSE(run(client.block(BlockRef::at(8))).value());
        EXPECT_EQ(run(client.logs({}, 0, 12)).value().size(), 1U);
        EXPECT_TRUE(run(client.logs({}, 8, 12)).value().empty());
    }
    EXPECT_EQ(proxy_->counts().lagged, 10U);
    proxy_->clear();
    EXPECT_EQ(run(over_http().logs({}, 0, 12)).value().size(), 2U);
}

TEST_F(FaultProxyTest, the_node_behind_it_may_come_back) {
    subscribe();
    ASSERT_TRUE(run(anvil_->child->terminate(timers_, seconds(5))).has_value());
    run_until([this] { return lost_ == 1; });
    EXPECT_FALSE(run(over_http().chain_id()).has_value());
    start_anvil();
    run_until([this] { return live_ == 2; });
    make_log();
    run_until([this] { return logs_ == 1; });
}

}  // namespace
}  // namespace wavs::chain_evm
