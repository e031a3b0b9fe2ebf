// SPDX-License-Identifier: Apache-2.0
#include "flat_events.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/p2p/start.hpp"
#include "wavs/rt/testing/fake_peers.hpp"

#include <gmock/gmock.h>

#include <thread>

namespace wavs::p2p {
namespace {

using rt::testing::FakePeers;
using rt::testing::FakePeerStatus;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::service;

template <typename T>
class Spawned {
public:
    Spawned(boost::asio::io_context& context, async::Task<base::Result<T>> task)
        : context_(context) {
        boost::asio::co_spawn(context, async::testing::detail::hold(std::move(task)),
                              [this](const std::exception_ptr& error, auto value) {
                                  EXPECT_EQ(error, nullptr);
                                  value_ = std::move(value);
                              });
        context_.restart();
        context_.poll();
    }
    bool ended() const { return value_.has_value(); }
    base::Result<T> wait() {
        const auto work = boost::asio::make_work_guard(context_);
        while (!ended()) {
            context_.restart();
            context_.run_one();
        }
        return std::move(*value_);
    }

private:
    boost::asio::io_context& context_;
    std::optional<base::Result<T>> value_;
};

class NetworkTest : public ::testing::Test {
protected:
    base::Result<std::unique_ptr<Network>> try_start(const Options& options = {}) {
        Identity identity;
        identity.writable()[0] = 42;
        return start_network(options, identity,
                             {fake_.library(), context_.get_executor(), runtime_.blocking()});
    }
    std::unique_ptr<Network> start() { return std::move(try_start().value()); }
    base::Result<Event> next(Network& network) {
        return async::testing::run(context_, network.next());
    }
    void push_messages(Token first, Token last) {
        for (auto token = first; token <= last; ++token) {
            fake_.push(testing::flat_message(token, "data"));
        }
    }
    Token next_token(Network& network) {
        const auto event = next(network);
        EXPECT_TRUE(event.has_value()) << event.error().full_text();
        return std::get<Message>(event.value()).token;
    }
    void expect_stopped(const base::Error& error) {
        EXPECT_EQ(error.kind(), base::ErrorKind::Cancelled);
        EXPECT_EQ(error.code().view(), "p2p_stopped");
    }

    FakePeers fake_;
    boost::asio::io_context context_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 1}};
};

TEST_F(NetworkTest, starts_with_what_it_is_told) {
    Options options;
    options.discovery = Discovery::Remote;
    options.listen_port = 9000;
    options.listen_addresses = {"/ip4/127.0.0.1/tcp/0"};
    options.bootstrap_nodes = {"/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.5/tcp/2"};
    options.external_addresses = {"/ip4/9.9.9.9/tcp/9"};
    options.max_retry = std::chrono::milliseconds(0);
    options.catchup_timeout = std::chrono::hours(24 * 365);
    options.max_pending_publishes = 1ULL << 40;
    options.max_catchups_per_service = 0;
    options.agent = "wavs/test";
    const auto network = std::move(try_start(options).value());
    const auto seen = fake_.options();
    ASSERT_TRUE(seen.has_value());
    EXPECT_EQ(seen->discovery, rt::PeerDiscovery::Remote);
    EXPECT_EQ(seen->listen_port, 9000);
    EXPECT_EQ(seen->listen, options.listen_addresses);
    EXPECT_EQ(seen->bootstrap, options.bootstrap_nodes);
    EXPECT_EQ(seen->external, options.external_addresses);
    EXPECT_EQ(seen->retry_interval, options.retry_interval);
    EXPECT_EQ(seen->discovery_interval, options.discovery_interval);
    // 0 would be the library's default, and its numbers have 32 bits.
    EXPECT_EQ(seen->max_retry, std::chrono::milliseconds(1));
    EXPECT_EQ(seen->catchup_timeout, std::chrono::milliseconds(0xffffffffU));
    EXPECT_EQ(seen->max_pending_publishes, 0xffffffffU);
    EXPECT_EQ(seen->max_catchups_per_service, 1U);
    EXPECT_EQ(seen->peer_messages_per_second, 1'000U);
    EXPECT_EQ(seen->peer_message_burst, 5'000U);
    EXPECT_EQ(seen->agent, "wavs/test");
    EXPECT_EQ(fake_.identity()[0], 42);
}

TEST_F(NetworkTest, a_start_that_fails_says_what_to_do) {
    Options options;
    options.listen_port = 9000;
    fake_.refuse_start(FakePeerStatus::Listen, "cannot listen on /ip4/0.0.0.0/tcp/9000: in use");
    const auto taken = try_start(options);
    ASSERT_FALSE(taken.has_value());
    EXPECT_EQ(taken.error().code().view(), "p2p_listen");
    EXPECT_THAT(taken.error().full_text(),
                AllOf(HasSubstr("port 9000"), HasSubstr("in use"), HasSubstr("listen_port")));
    fake_.refuse_start(FakePeerStatus::Invalid, "bootstrap node \"x\" cannot be read");
    const auto invalid = try_start(options);
    ASSERT_FALSE(invalid.has_value());
    EXPECT_EQ(invalid.error().kind(), base::ErrorKind::Invalid);
    EXPECT_THAT(invalid.error().full_text(),
                AllOf(HasSubstr("node \"x\""), HasSubstr("bootstrap_nodes")));
    fake_.set_abi_version(99);
    const auto other = try_start(options);
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().code().view(), "rt_abi");
    EXPECT_THAT(other.error().message(), HasSubstr("99"));
}

TEST_F(NetworkTest, hands_over_no_more_than_the_window_until_somebody_reads) {
    constexpr Token kEvents = 1000;
    push_messages(1, kEvents);
    const auto network = start();
    fake_.wait_delivered(kWindow);
    EXPECT_EQ(fake_.granted(), kWindow);
    EXPECT_EQ(fake_.waiting(), kEvents - kWindow);
    for (Token token = 1; token <= kEvents; ++token) {
        ASSERT_EQ(next_token(*network), token);
        EXPECT_EQ(fake_.granted(), kWindow + token);
    }
}

TEST_F(NetworkTest, a_reader_that_waits_is_woken) {
    const auto network = start();
    Spawned<Event> reader(context_, network->next());
    EXPECT_FALSE(reader.ended());
    fake_.push(testing::flat_text_event(3, "peer"));
    const auto event = reader.wait();
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(std::get<PeerConnected>(event.value()).peer, "peer");
}

TEST_F(NetworkTest, stop_ends_a_reader_and_all_calls) {
    const auto network = start();
    Spawned<Event> reader(context_, network->next());
    EXPECT_FALSE(reader.ended());
    network->stop();
    network->stop();
    expect_stopped(reader.wait().error());
    expect_stopped(next(*network).error());
    expect_stopped(network->subscribe(service(1)).error());
    expect_stopped(network->unsubscribe(service(1)).error());
    expect_stopped(network->publish(service(1), base::as_bytes("x")).error());
    expect_stopped(network->judge(1, Verdict::Accept).error());
    expect_stopped(network->answer_catchup(1, base::as_bytes("x")).error());
    expect_stopped(network->request_catchup(service(1)).error());
    expect_stopped(async::testing::run(context_, network->status()).error());
}

TEST_F(NetworkTest, stop_does_not_wait_for_a_reader) {
    push_messages(1, 20);
    const auto network = start();
    fake_.wait_delivered(kWindow);
    EXPECT_EQ(next_token(*network), 1U);
    network->stop();
    expect_stopped(next(*network).error());
}

TEST_F(NetworkTest, stops_while_events_arrive_and_are_read) {
    push_messages(1, 500);
    const auto network = start();
    EXPECT_EQ(next_token(*network), 1U);
    std::vector<std::thread> stopping;
    for (int i = 0; i < 3; ++i) {
        stopping.emplace_back([&] { network->stop(); });
    }
    for (Token token = 2;; ++token) {
        const auto event = next(*network);
        if (!event.has_value()) {
            expect_stopped(event.error());
            break;
        }
        EXPECT_EQ(std::get<Message>(event.value()).token, token);
    }
    for (auto& thread : stopping) {
        thread.join();
    }
}

TEST_F(NetworkTest, a_network_that_ends_by_itself_tells_why_behind_its_last_event) {
    push_messages(1, 2);
    const auto network = start();
    fake_.wait_delivered(2);
    fake_.end(FakePeerStatus::Listen, "cannot listen any more: gone");
    EXPECT_EQ(next_token(*network), 1U);
    EXPECT_EQ(next_token(*network), 2U);
    for (int i = 0; i < 2; ++i) {
        const auto ended = next(*network);
        ASSERT_FALSE(ended.has_value());
        EXPECT_EQ(ended.error().code().view(), "p2p_listen");
        EXPECT_EQ(ended.error().message(), "cannot listen any more: gone");
    }
    expect_stopped(network->subscribe(service(1)).error());
    network->stop();
}

TEST_F(NetworkTest, a_damaged_event_ends_the_reading) {
    fake_.push(base::Bytes{0, 1, 2});
    push_messages(1, 1);
    const auto network = start();
    for (int i = 0; i < 2; ++i) {
        const auto event = next(*network);
        if (i == 0) {
            ASSERT_FALSE(event.has_value());
            EXPECT_EQ(event.error().code().view(), "p2p_library");
            EXPECT_EQ(event.error().kind(), base::ErrorKind::Bug);
        }
    }
    EXPECT_EQ(next(*network).error().code().view(), "p2p_library");
}

TEST_F(NetworkTest, calls_reach_the_library) {
    const auto network = start();
    EXPECT_TRUE(network->subscribe(service(1)).has_value());
    EXPECT_TRUE(network->publish(service(1), base::as_bytes("abc")).has_value());
    EXPECT_TRUE(network->judge(5, Verdict::Accept).has_value());
    EXPECT_TRUE(network->judge(6, Verdict::Reject).has_value());
    EXPECT_TRUE(network->judge(7, Verdict::Ignore).has_value());
    EXPECT_TRUE(network->answer_catchup(8, base::as_bytes("{}")).has_value());
    EXPECT_TRUE(network->request_catchup(service(2)).has_value());
    EXPECT_TRUE(network->unsubscribe(service(1)).has_value());
    EXPECT_THAT(fake_.calls(),
                ElementsAre("subscribe 01", "publish 01 3 bytes", "judge 5 0", "judge 6 1",
                            "judge 7 2", "answer 8 2 bytes", "request 02", "unsubscribe 01"));
}

TEST_F(NetworkTest, errors_have_the_codes_of_the_door) {
    const auto network = start();
    const auto expect = [&](FakePeerStatus status, base::ErrorKind kind, std::string_view code) {
        fake_.refuse_calls(status, "why");
        const auto error = network->publish(service(1), {}).error();
        EXPECT_EQ(error.kind(), kind);
        EXPECT_EQ(error.code().view(), code);
        EXPECT_EQ(error.message(), "why");
    };
    expect(FakePeerStatus::NotSubscribed, base::ErrorKind::Invalid, "p2p_not_subscribed");
    expect(FakePeerStatus::Overloaded, base::ErrorKind::Overloaded, "p2p_overloaded");
    expect(FakePeerStatus::Stopped, base::ErrorKind::Cancelled, "p2p_stopped");
    expect(FakePeerStatus::Invalid, base::ErrorKind::Invalid, "p2p_invalid");
    expect(FakePeerStatus::Internal, base::ErrorKind::Unavailable, "p2p_failed");
    expect(FakePeerStatus::Panic, base::ErrorKind::Bug, "p2p_panic");
    fake_.refuse_calls(FakePeerStatus::Ok, "");
    EXPECT_TRUE(network->publish(service(1), {}).has_value());
}

TEST_F(NetworkTest, status_does_not_hold_the_reader) {
    fake_.set_status(testing::flat_status());
    fake_.hold_status(true);
    const auto network = start();
    Spawned<Status> asked(context_, network->status());
    fake_.wait_statuses_asked(1);
    push_messages(1, 3);
    EXPECT_EQ(next_token(*network), 1U);
    EXPECT_FALSE(asked.ended());
    fake_.wait_delivered(3);
    fake_.hold_status(false);
    const auto status = asked.wait();
    ASSERT_TRUE(status.has_value()) << status.error().full_text();
    EXPECT_EQ(status.value().local_peer, "me");
    // 22 in the library and two that nobody has read.
    EXPECT_EQ(status.value().waiting_events, 24U);
}

TEST_F(NetworkTest, may_be_destroyed_under_a_reader_and_a_question) {
    fake_.hold_status(true);
    auto network = start();
    Spawned<Status> asked(context_, network->status());
    Spawned<Event> reader(context_, network->next());
    fake_.wait_statuses_asked(1);
    network.reset();
    expect_stopped(asked.wait().error());
    expect_stopped(reader.wait().error());
}

}  // namespace
}  // namespace wavs::p2p
