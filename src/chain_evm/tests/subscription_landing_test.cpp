// SPDX-License-Identifier: Apache-2.0
// When a subscribe is answered is not ours to choose: what counts is what is wanted by then.
#include "subscription_fixture.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::FakeWsNode;
using testing::head_json;
using testing::kTopicA;
using testing::kTopicB;
using testing::log_json;
using testing::SubscriptionTest;
using testing::word;

class SubscriptionLandingTest : public SubscriptionTest {
protected:
    /// Subscribes are kept until `land()`; everything else is answered.
    void hold_subscribes() {
        ws_.script = [this](const FakeWsNode::Request& request) {
            if (request.method == "eth_subscribe") {
                held_.push_back(request);
                return std::vector<std::string>();
            }
            return ws_.usual(request);
        };
    }
    void land(std::size_t subscribe, std::string_view id) {
        ws_.say(FakeWsNode::reply(held_.at(subscribe), fmt::format("\"{}\"", id)));
    }
    std::vector<std::string> unsubscribed() const {
        std::vector<std::string> out;
        for (const auto& request : ws_.requests) {
            if (request.method == "eth_unsubscribe") {
                out.push_back(request.params);
            }
        }
        std::sort(out.begin(), out.end());
        return out;
    }
    std::vector<FakeWsNode::Request> held_;
};

using Ids = std::vector<std::string>;
using Places = std::vector<std::uint64_t>;

TEST_F(SubscriptionLandingTest, a_late_answer_does_not_count_for_another_subscribe) {
    hold_subscribes();
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    // Subscribes go out one after the other: only one that is given up is answered out of turn.
    run_with_time([this] { return held_.size() == 2; }, seconds(1));
    ASSERT_EQ(held_[0].params, held_[1].params) << "heads, and heads again";
    ASSERT_NE(held_[0].id, held_[1].id);
    land(1, "0xb");
    run_with_time([this] { return held_.size() == 3; });
    land(0, "0xa");
    land(2, "0xc");
    run_with_time([this] { return count<FilterLive>() == 1; });
    const auto active = subscriber_->state().active_subscriptions;
    ASSERT_TRUE(active.contains("0xb") && active.contains("0xc"));
    EXPECT_EQ(active.size(), 2U);
    EXPECT_EQ(active.at("0xb").kind, ActiveSubscription::Kind::NewHeads);
    EXPECT_EQ(active.at("0xc").kind, ActiveSubscription::Kind::Logs);
    ws_.say(FakeWsNode::event("0xa", head_json(7)));
    ws_.say(FakeWsNode::event("0xb", head_json(7)));
    ws_.say(FakeWsNode::event("0xc", log_json(0)));
    run_until([this] { return count<LogSeen>() == 1; });
    EXPECT_EQ(heads(), Places{7});
}

TEST_F(SubscriptionLandingTest, a_subscribe_that_lands_after_it_was_given_up_is_ended) {
    hold_subscribes();
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return held_.size() == 2; }, seconds(1));
    land(1, "0xb");
    run_with_time([this] { return count<FilterLive>() == 1; });
    land(0, "0xa");
    run_with_time([this] { return unsubscribed() == Ids{R"(["0xa"])"}; });
    const auto active = subscriber_->state().active_subscriptions;
    EXPECT_TRUE(active.size() == 1 && active.contains("0xb"));
}

TEST_F(SubscriptionLandingTest, a_late_answer_with_the_id_in_use_ends_nothing) {
    hold_subscribes();
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return held_.size() == 3; }, seconds(1));
    // Two late ones; the end of the second tells that the first was looked at.
    land(2, "0xc");
    run_with_time([this] { return count<FilterLive>() == 1; });
    land(0, "0xc");
    land(1, "0xb");
    run_with_time([this] { return !unsubscribed().empty(); });
    EXPECT_EQ(unsubscribed(), Ids{R"(["0xb"])"});
    ws_.say(FakeWsNode::event("0xc", log_json(0)));
    run_until([this] { return count<LogSeen>() == 1; });
}

TEST_F(SubscriptionLandingTest, a_topic_taken_out_before_its_subscribe_lands_never_arrives) {
    hold_subscribes();
    start();
    auto both = filter();
    both.topics.push_back(word(kTopicB));
    subscriber_->set_logs(both);
    run_with_time([this] { return held_.size() == 1; });
    subscriber_->set_logs(filter());
    // The node may send before it answers.
    ws_.say(FakeWsNode::event("0xa", log_json(0, kTopicB)));
    ws_.say(FakeWsNode::event("0xa", log_json(1)));
    land(0, "0xa");
    run_with_time([this] { return held_.size() == 2; });
    EXPECT_NE(held_[0].params, held_[1].params);
    land(1, "0xb");
    run_with_time([this] { return unsubscribed() == Ids{R"(["0xa"])"}; });
    ws_.say(FakeWsNode::event("0xa", log_json(2, kTopicB)));
    ws_.say(FakeWsNode::event("0xb", log_json(3, kTopicB)));
    ws_.say(FakeWsNode::event("0xb", log_json(4)));
    run_until([this] { return count<LogSeen>() >= 2; });
    EXPECT_EQ(logs(), (Places{1, 4}));
}

TEST_F(SubscriptionLandingTest, logs_that_nobody_wants_any_more_end_when_they_land) {
    hold_subscribes();
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return held_.size() == 1; });
    subscriber_->set_logs(std::nullopt);
    land(0, "0xa");
    run_with_time([this] { return unsubscribed() == Ids{R"(["0xa"])"}; });
    run_until([this] { return subscriber_->state().active_subscriptions.empty(); });
    EXPECT_EQ(held_.size(), 1U);
}

TEST_F(SubscriptionLandingTest, heads_that_nobody_wants_any_more_end_when_they_land) {
    hold_subscribes();
    start();
    subscriber_->set_heads(true);
    run_with_time([this] { return held_.size() == 1; });
    subscriber_->set_heads(false);
    land(0, "0xa");
    run_with_time([this] { return unsubscribed() == Ids{R"(["0xa"])"}; });
    run_until([this] { return subscriber_->state().active_subscriptions.empty(); });
    EXPECT_EQ(held_.size(), 1U);
}

TEST_F(SubscriptionLandingTest, wanting_nothing_ends_every_subscription) {
    options_.max_filter_addresses = 1;
    start();
    auto two = filter();
    two.addresses.push_back(testing::address("0x2222222222222222222222222222222222222222"));
    subscriber_->set_heads(true);
    subscriber_->set_logs(two);
    run_with_time([this] { return count<FilterLive>() == 1; });
    ASSERT_EQ(subscriber_->state().active_subscriptions.size(), 3U);
    subscriber_->set_heads(false);
    subscriber_->set_logs(std::nullopt);
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    run_with_time(
        [this] { return unsubscribed() == Ids{R"(["0x1"])", R"(["0x2"])", R"(["0x3"])"}; });
    run_until([this] { return subscriber_->state().active_subscriptions.empty(); });
    ws_.say(FakeWsNode::event("0x1", head_json(7)));
    ws_.say(FakeWsNode::event("0x2", log_json(1)));
    ws_.say(FakeWsNode::event("0x3", log_json(2)));
    // A new subscription tells when the events before it have been read.
    subscriber_->set_heads(true);
    run_with_time([this] { return ws_.count("eth_subscribe") == 4; });
    ws_.say(FakeWsNode::event("0x4", head_json(8)));
    run_until([this] { return count<HeadSeen>() >= 1; });
    EXPECT_EQ(heads(), Places{8});
    EXPECT_EQ(logs(), Places{});
}

}  // namespace
}  // namespace wavs::chain_evm
