// SPDX-License-Identifier: Apache-2.0
#include "subscription_fixture.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::FakeWsNode;
using testing::kTopicA;
using testing::kTopicB;
using testing::log_json;
using testing::SubscriptionTest;
using testing::word;

TEST_F(SubscriptionTest, exact_messages_and_typed_events) {
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    ASSERT_EQ(ws_.requests.size(), 3U);
    EXPECT_EQ(ws_.requests[0].method, "eth_chainId");
    EXPECT_EQ(ws_.requests[1].params, R"(["newHeads"])");
    EXPECT_EQ(ws_.requests[2].params,
              R"(["logs",{"address":"0x1111111111111111111111111111111111111111","topics":[["0x)" +
                  kTopicA + R"("]]}])");
    ws_.say(FakeWsNode::event("0x1", R"({"number":"0x7","strange":[]})"));
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    ws_.say(FakeWsNode::event("0x2", log_json(1)));
    run_until([this] { return count<LogSeen>() == 2; });
    EXPECT_EQ(count<HeadSeen>(), 1U);
    EXPECT_TRUE(std::holds_alternative<Connected>(seen_[0]));
    run_with_time([this] { return !subscriber_->state().any_active_rpcs_in_flight; });
    const auto state = subscriber_->state();
    EXPECT_EQ(state.current_endpoint, ws_.url());
    EXPECT_EQ(state.active_subscriptions.size(), 2U);
    // Asking for what is there changes nothing.
    subscriber_->set_heads(true);
    run_with_time([this] { return !subscriber_->state().any_active_rpcs_in_flight; });
    EXPECT_EQ(ws_.requests.size(), 3U);
}

TEST_F(SubscriptionTest, a_new_filter_is_in_force_before_the_old_one_ends) {
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    auto both = filter();
    both.topics.push_back(word(kTopicB));
    subscriber_->set_logs(both);
    run_with_time([this] { return ws_.count("eth_unsubscribe") == 1; });
    EXPECT_EQ(ws_.requests[2].method, "eth_subscribe");
    EXPECT_EQ(ws_.requests[3].params, R"(["0x1"])");
    // Both deliver around the change; each log counts once.
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    ws_.say(FakeWsNode::event("0x1", log_json(0)));
    ws_.say(FakeWsNode::event("0x2", log_json(1, kTopicB)));
    run_until([this] { return count<LogSeen>() == 2; });
    // A topic that is no longer wanted does not arrive any more, whatever the node still sends.
    subscriber_->set_logs(filter());
    ws_.say(FakeWsNode::event("0x2", log_json(2, kTopicB)));
    ws_.say(FakeWsNode::event("0x2", log_json(3)));
    run_until([this] { return count<LogSeen>() >= 3; });
    settle();
    EXPECT_EQ(count<LogSeen>(), 3U);
}

TEST_F(SubscriptionTest, many_changes_cost_one_subscribe) {
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    auto grown = filter();
    for (std::uint8_t i = 1; i <= 100; ++i) {
        types::EvmAddress more;
        more.array()[0] = i;
        grown.addresses.push_back(more);
        subscriber_->set_logs(grown);
    }
    run_with_time([this] { return count<FilterLive>() == 2; });
    EXPECT_EQ(ws_.count("eth_subscribe"), 2U);
}

TEST_F(SubscriptionTest, a_large_filter_is_split) {
    options_.max_filter_addresses = 40;
    start();
    auto grown = filter();
    for (std::uint8_t i = 1; i < 100; ++i) {
        types::EvmAddress more;
        more.array()[0] = i;
        grown.addresses.push_back(more);
    }
    subscriber_->set_logs(grown);
    run_with_time([this] { return count<FilterLive>() == 1; });
    EXPECT_EQ(ws_.count("eth_subscribe"), 3U);
    subscriber_->set_logs(std::nullopt);
    run_with_time([this] { return ws_.count("eth_unsubscribe") == 3; });
}

TEST_F(SubscriptionTest, events_before_the_response_are_kept) {
    ws_.script = [this](const FakeWsNode::Request& request) {
        auto answers = ws_.usual(request);
        if (request.method == "eth_subscribe") {
            answers.insert(answers.begin(), FakeWsNode::event("0x1", log_json(1)));
            answers.insert(answers.begin(), FakeWsNode::event("0x1", log_json(0)));
        }
        return answers;
    };
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    ASSERT_EQ(count<LogSeen>(), 2U);
    EXPECT_EQ(std::get<LogSeen>(seen_[1]).log.log_index, 0U);
    EXPECT_EQ(std::get<LogSeen>(seen_[2]).log.log_index, 1U);
}

TEST_F(SubscriptionTest, a_removed_log_is_told_and_may_come_again) {
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    ws_.say(FakeWsNode::event("0x1", log_json(0)));
    ws_.say(FakeWsNode::event("0x1", log_json(0, kTopicA, true)));
    ws_.say(FakeWsNode::event("0x1", log_json(0)));
    run_until([this] { return count<LogSeen>() == 2 && count<LogRemoved>() == 1; });
}

TEST_F(SubscriptionTest, a_refused_subscribe_is_tried_again) {
    int refusals = 2;
    ws_.script = [this, &refusals](const FakeWsNode::Request& request) {
        if (request.method == "eth_subscribe" && refusals-- > 0) {
            return std::vector<std::string>{fmt::format(
                R"({{"jsonrpc":"2.0","id":{},"error":{{"code":-32000,"message":"busy"}}}})",
                request.id)};
        }
        return ws_.usual(request);
    };
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; }, milliseconds(500));
    EXPECT_EQ(ws_.connections, 1U);
    EXPECT_EQ(ws_.count("eth_subscribe"), 3U);
}

TEST_F(SubscriptionTest, an_unanswered_subscribe_times_out_and_rotates) {
    options_.ws_endpoints.push_back(other_.url());
    ws_.script = [this](const FakeWsNode::Request& request) {
        return request.method == "eth_subscribe" ? std::vector<std::string>() : ws_.usual(request);
    };
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; }, seconds(1));
    EXPECT_EQ(other_.connections, 1U);
    EXPECT_EQ(count<Disconnected>(), 1U);
    EXPECT_EQ(ws_.count("eth_subscribe"), 3U);
}

TEST_F(SubscriptionTest, a_lost_link_is_made_anew_with_the_same_filter) {
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    ws_.drop();
    run_with_time([this] { return count<FilterLive>() == 2; });
    EXPECT_EQ(count<Disconnected>(), 1U);
    EXPECT_EQ(count<Connected>(), 2U);
    EXPECT_EQ(ws_.requests.back().params, ws_.requests[2].params);
}

TEST_F(SubscriptionTest, another_chain_is_left_alone) {
    options_.ws_endpoints.push_back(other_.url());
    ws_.script = [this](const FakeWsNode::Request& request) {
        return request.method == "eth_chainId"
                   ? std::vector<std::string>{FakeWsNode::reply(request, "\"0x1\"")}
                   : ws_.usual(request);
    };
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; }, milliseconds(300));
    EXPECT_EQ(std::get<Connected>(seen_[0]).endpoint, other_.url());
    other_.drop();
    run_with_time([this] { return count<FilterLive>() == 2; }, milliseconds(300));
    EXPECT_EQ(ws_.connections, 1U);
}

TEST_F(SubscriptionTest, the_preferred_endpoint_is_first_and_comes_back) {
    options_.ws_endpoints = {other_.url(), ws_.url()};
    options_.priority_index = 1;
    start();
    subscriber_->set_heads(true);
    run_with_time([this] { return ws_.count("eth_subscribe") == 1; });
    ws_.drop();
    run_with_time([this] { return other_.count("eth_subscribe") == 1; });
    run_with_time([this] { return ws_.count("eth_subscribe") == 2; }, seconds(1));
    EXPECT_EQ(subscriber_->state().current_endpoint, ws_.url());
}

TEST_F(SubscriptionTest, a_priority_index_out_of_range_is_ignored) {
    options_.priority_index = 9;
    start();
    subscriber_->set_heads(true);
    run_with_time([this] { return ws_.count("eth_subscribe") == 1; });
}

TEST_F(SubscriptionTest, a_full_consumer_stops_the_reading_and_loses_nothing) {
    subscriber_ = std::make_unique<WsSubscriber>(options_, context_.get_executor(), dial(), random_,
                                                 window_, events_);
    group_.spawn("subscriber", keep_running(*subscriber_, error_));
    subscriber_->set_logs(filter());
    run_with_time([this] { return events_.size() == 2; });
    for (unsigned i = 0; i < 50; ++i) {
        ws_.say(FakeWsNode::event("0x1", log_json(i)));
    }
    run_until([this] { return events_.size() == 16; });
    settle();
    // Time passes: the node is not taken for dead while we do not read.
    for (int i = 0; i < 5; ++i) {
        timers_.advance(seconds(15));
        settle();
    }
    group_.spawn("collect", collect(events_, seen_));
    run_until([this] { return count<LogSeen>() == 50; });
    EXPECT_EQ(count<Disconnected>(), 0U);
}

TEST_F(SubscriptionTest, without_websocket_blocks_are_polled) {
    options_.ws_endpoints.clear();
    options_.calls = make_http_transport(http_, server_->url());
    options_.may_poll = true;
    std::uint64_t head = 5;
    node_.result("eth_chainId", "\"0x7a69\"");
    node_.answers["eth_blockNumber"] = [&head](const std::string&) {
        return fmt::format("\"result\":\"{}\"", quantity(head));
    };
    node_.answers["eth_getBlockByNumber"] = [](const std::string& params) {
        return fmt::format(R"("result":{{"number":{}}})", params.substr(1, params.find(',') - 1));
    };
    node_.result("eth_getLogs", "[" + log_json(0) + "," + log_json(1) + "]");
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    EXPECT_TRUE(subscriber_->state().polling);
    EXPECT_EQ(count<LogSeen>(), 0U);
    head = 8;
    run_with_time([this] { return count<HeadSeen>() == 3; });
    EXPECT_EQ(count<LogSeen>(), 2U);
    head = 9;
    run_with_time([this] { return count<HeadSeen>() == 4; });
    EXPECT_EQ(count<LogSeen>(), 2U);
    node_.error("eth_blockNumber", R"({"code":-32000,"message":"down"})");
    run_with_time([this] { return count<Disconnected>() == 1; });
}

TEST_F(SubscriptionTest, a_dead_websocket_is_bridged_by_polling) {
    options_.ws_endpoints = {"ws://127.0.0.1:1"};
    options_.calls = make_http_transport(http_, server_->url());
    options_.may_poll = true;
    node_.result("eth_chainId", "\"0x7a69\"");
    node_.result("eth_blockNumber", "\"0x5\"");
    node_.result("eth_getLogs", "[]");
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() >= 1; }, seconds(2));
}

// Heads whose subscription is lost by the provider while the link stays up.
TEST_F(SubscriptionTest, a_silent_subscription_to_heads_is_made_anew_within_two_block_times) {
    std::uint64_t newest = 1;
    ws_.script = [&](const FakeWsNode::Request& request) -> std::vector<std::string> {
        if (request.method == "eth_blockNumber") {
            return {FakeWsNode::reply(request, fmt::format("\"{:#x}\"", newest))};
        }
        return ws_.usual(request);
    };
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    for (; newest <= 4; ++newest) {
        ws_.say(FakeWsNode::event("0x1", fmt::format(R"({{"number":"{:#x}"}})", newest)));
        run_until([&] { return count<HeadSeen>() == newest; });
        timers_.advance(seconds(2));
        settle();
    }
    const auto subscribes = ws_.count("eth_subscribe");
    const auto since = clock_.steady_now();
    newest = 9;
    run_with_time([&] { return ws_.count("eth_subscribe") > subscribes; });
    EXPECT_LE(clock_.steady_now() - since, seconds(4));
    run_with_time([this] { return ws_.count("eth_unsubscribe") == 1; });
    // The blocks that were not told of are read.
    run_with_time([this] { return count<FilterLive>() == 2; });
    EXPECT_EQ(ws_.connections, 1U);
    EXPECT_EQ(subscriber_->state().active_subscriptions.size(), 2U);
}

TEST_F(SubscriptionTest, an_endpoint_whose_heads_stay_silent_is_left) {
    std::uint64_t newest = 1;
    ws_.script = [&](const FakeWsNode::Request& request) -> std::vector<std::string> {
        if (request.method == "eth_blockNumber") {
            return {FakeWsNode::reply(request, fmt::format("\"{:#x}\"", newest++))};
        }
        return ws_.usual(request);
    };
    options_.ws_endpoints = {ws_.url(), other_.url()};
    start();
    subscriber_->set_heads(true);
    run_with_time([this] { return other_.count("eth_subscribe") > 0; });
    EXPECT_EQ(ws_.connections, 1U);
}

TEST_F(SubscriptionTest, an_endpoint_that_falls_behind_the_others_is_left) {
    node_.result("eth_chainId", "\"0x7a69\"");
    node_.result("eth_blockNumber", "\"0x20\"");
    options_.calls = make_http_transport(http_, server_->url());
    options_.ws_endpoints = {ws_.url(), other_.url()};
    start();
    subscriber_->set_heads(true);
    run_with_time([this] { return other_.count("eth_subscribe") > 0; });
    EXPECT_GE(node_.count("eth_blockNumber"), 2U);
}

TEST_F(SubscriptionTest, subscriptions_to_logs_can_be_made_anew) {
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    subscriber_->renew_logs();
    run_with_time([this] { return ws_.count("eth_unsubscribe") == 1; });
    EXPECT_EQ(ws_.count("eth_subscribe"), 2U);
    EXPECT_EQ(count<FilterLive>(), 2U);
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    run_until([this] { return count<LogSeen>() == 1; });
}

TEST_F(SubscriptionTest, an_endpoint_whose_logs_stay_silent_is_left) {
    options_.ws_endpoints = {ws_.url(), other_.url()};
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    for (std::size_t i = 2; i < 6 && other_.connections == 0; ++i) {
        subscriber_->renew_logs();
        run_with_time([&] { return count<FilterLive>() >= i || other_.connections > 0; });
    }
    run_with_time([this] { return other_.count("eth_subscribe") > 0; });
}

TEST_F(SubscriptionTest, of_several_endpoints_the_one_that_did_best_is_next) {
    third_.script = [](const FakeWsNode::Request&) { return std::vector<std::string>(); };
    options_.ws_endpoints = {ws_.url(), third_.url(), other_.url()};
    const auto works_for_long = [this](FakeWsNode& node, std::size_t connections) {
        run_with_time([&] { return node.connections == connections; });
        const auto until = clock_.steady_now() + seconds(6);
        run_with_time([&] { return clock_.steady_now() >= until; });
        node.drop();
    };
    start();
    subscriber_->set_heads(true);
    works_for_long(ws_, 1);
    works_for_long(other_, 1);
    EXPECT_EQ(third_.connections, 1U);
    works_for_long(ws_, 2);
    run_with_time([this] { return other_.connections == 2; });
    EXPECT_EQ(third_.connections, 1U) << "it failed a moment ago";
}

TEST_F(SubscriptionTest, no_endpoint_is_an_error) {
    options_.ws_endpoints.clear();
    start();
    run_until([this] { return error_.has_value(); });
    EXPECT_EQ(error_->code(), base::ErrorCode("missing_endpoint"));
}

}  // namespace
}  // namespace wavs::chain_evm
