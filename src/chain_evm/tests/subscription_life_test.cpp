// SPDX-License-Identifier: Apache-2.0
// From the first endpoint that serves to the last event.
#include "subscription_fixture.hpp"

#include "wavs/telemetry/testing/captured_log.hpp"

#include <boost/asio/ip/tcp.hpp>

namespace wavs::chain_evm {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::FakeWsNode;
using testing::head_json;
using testing::log_json;
using testing::SubscriptionTest;

/// Its port belongs to it, and nobody listens there.
class DeadEndpoint {
public:
    explicit DeadEndpoint(boost::asio::io_context& context)
        : socket_(context, {boost::asio::ip::address_v4::loopback(), 0}) {}
    std::string url() const {
        return fmt::format("ws://127.0.0.1:{}", socket_.local_endpoint().port());
    }

private:
    boost::asio::ip::tcp::socket socket_;
};

class SubscriptionLifeTest : public SubscriptionTest {
protected:
    void start_alone() {
        subscriber_ = std::make_unique<WsSubscriber>(options_, context_.get_executor(), dial(),
                                                     random_, window_, events_);
        life_.spawn("subscriber", keep_running(*subscriber_, error_));
    }
    void collect_events() { group_.spawn("collect", collect(events_, seen_)); }
    void end() { EXPECT_TRUE(run(life_.stop(timers_, seconds(1))).empty()); }
    void pass(base::Duration time) {
        const auto until = clock_.steady_now() + time;
        run_with_time([&] { return clock_.steady_now() >= until; }, seconds(1));
    }
    std::uint64_t told() const { return events_.stats().sent.load(); }

    DeadEndpoint dead_{context_};
    DeadEndpoint dead_too_{context_};
    // The collector goes on when the subscriber ends.
    async::TaskGroup life_{context_.get_executor(), "life"};
};

TEST_F(SubscriptionLifeTest, two_dead_endpoints_in_a_row_are_passed_to_the_third) {
    options_.ws_endpoints = {dead_.url(), dead_too_.url(), ws_.url()};
    const telemetry::testing::CapturedLog log;
    const auto since = clock_.steady_now();
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    EXPECT_EQ(log.count("cannot connect to the chain"), 2U);
    EXPECT_EQ(log.count(dead_too_.url()), 1U);
    EXPECT_EQ(subscriber_->state().current_endpoint, ws_.url());
    EXPECT_EQ(count<Connected>(), 1U);
    // One back-off each; it grows only when a whole round has failed.
    EXPECT_LE(clock_.steady_now() - since, seconds(3));
}

TEST_F(SubscriptionLifeTest, dead_endpoints_between_two_good_ones_are_passed_both_ways) {
    const DeadEndpoint third(context_);
    const DeadEndpoint fourth(context_);
    options_.ws_endpoints = {ws_.url(),    dead_.url(), dead_too_.url(),
                             other_.url(), third.url(), fourth.url()};
    const telemetry::testing::CapturedLog log;
    start();
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    ws_.drop();
    run_with_time([this] { return count<FilterLive>() == 2; });
    EXPECT_EQ(subscriber_->state().current_endpoint, other_.url());
    EXPECT_EQ(log.count("cannot connect to the chain"), 2U);
    other_.drop();
    run_with_time([this] { return count<FilterLive>() == 3; });
    EXPECT_EQ(subscriber_->state().current_endpoint, ws_.url());
    EXPECT_EQ(log.count("cannot connect to the chain"), 4U);
    EXPECT_EQ(ws_.requests.back().params, other_.requests.back().params) << "the same filter";
}

TEST_F(SubscriptionLifeTest, five_heads_arrive_in_order) {
    start();
    subscriber_->set_heads(true);
    subscriber_->set_logs(filter());
    run_with_time([this] { return count<FilterLive>() == 1; });
    for (unsigned number = 1; number <= 5; ++number) {
        ws_.say(FakeWsNode::event("0x1", head_json(number)));
    }
    ws_.say(FakeWsNode::event("0x2", log_json(0)));
    run_until([this] { return count<LogSeen>() == 1; });
    EXPECT_EQ(heads(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
}

TEST_F(SubscriptionLifeTest, nothing_is_told_after_the_end) {
    start_alone();
    collect_events();
    subscriber_->set_heads(true);
    run_with_time([this] { return ws_.count("eth_subscribe") == 1; });
    ws_.say(FakeWsNode::event("0x1", head_json(1)));
    run_until([this] { return count<HeadSeen>() == 1; });
    for (unsigned number = 2; number <= 5; ++number) {
        ws_.say(FakeWsNode::event("0x1", head_json(number)));
    }
    end();
    const auto before = told();
    const auto requests = ws_.requests.size();
    ws_.say(FakeWsNode::event("0x1", head_json(6)));
    subscriber_->set_logs(filter());
    subscriber_->renew_logs();
    pass(minutes(2));
    EXPECT_EQ(told(), before);
    EXPECT_EQ(ws_.requests.size(), requests);
    EXPECT_EQ(ws_.connections, 1U);
}

TEST_F(SubscriptionLifeTest, what_waited_for_room_at_the_end_is_not_told) {
    start_alone();
    subscriber_->set_logs(filter());
    run_with_time([this] { return events_.size() == 2; });
    for (unsigned i = 0; i < 50; ++i) {
        ws_.say(FakeWsNode::event("0x1", log_json(i)));
    }
    run_until([this] { return events_.size() == 16 && events_.stats().full_count > 0; });
    end();
    const auto before = told();
    collect_events();
    run_until([this] { return seen_.size() >= 16; });
    pass(minutes(2));
    EXPECT_EQ(told(), before);
    EXPECT_EQ(count<LogSeen>(), 14U);
}

}  // namespace
}  // namespace wavs::chain_evm
