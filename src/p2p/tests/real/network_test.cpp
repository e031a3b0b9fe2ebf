// SPDX-License-Identifier: Apache-2.0
#include "real/real_network.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/storage/data_dir.hpp"

#include <gmock/gmock.h>
#include <boost/asio/ip/tcp.hpp>

#include <filesystem>
#include <random>

namespace wavs::p2p {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::identity;
using testing::loopback;
using testing::RealNode;

// Another one in each run, so that tests on the same machine do not meet.
types::ServiceId some_service() {
    types::ServiceId id;
    std::random_device random;
    for (auto& byte : id.array()) {
        byte = static_cast<std::uint8_t>(random());
    }
    return id;
}

class RealNetworkTest : public ::testing::Test {
protected:
    RealNode node(std::uint8_t key, const Options& options = loopback()) {
        return {runtime_, identity(key), options};
    }
    void subscribe(std::initializer_list<RealNode*> nodes) {
        for (auto* node : nodes) {
            ASSERT_TRUE((*node)->subscribe(service_).has_value());
        }
    }
    void publish(RealNode& node, std::string_view text) {
        const auto published = node->publish(service_, base::as_bytes(text));
        ASSERT_TRUE(published.has_value()) << published.error().full_text();
    }

    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 2}};
    types::ServiceId service_ = some_service();
};

TEST_F(RealNetworkTest, two_nodes_exchange_a_message_and_show_it) {
    auto first = node(1);
    auto second = node(2, loopback({first.address()}));
    EXPECT_THAT(first.address(), EndsWith("/p2p/" + first.peer()));
    subscribe({&first, &second});
    publish(first, "signed");
    const auto message = second.expect<Message>();
    EXPECT_EQ(message.source, first.peer());
    EXPECT_EQ(message.delivered_by, first.peer());
    EXPECT_EQ(message.service, service_);
    EXPECT_EQ(base::as_text(message.data), "signed");
    ASSERT_TRUE(second->judge(message.token, Verdict::Accept).has_value());

    const auto status = second.wait_status(
        [](const Status& found) { return found.counters.accepted == 1 && found.unjudged == 0; });
    EXPECT_EQ(status.local_peer, second.peer());
    EXPECT_THAT(status.listen_addresses, Contains(second.address()));
    ASSERT_EQ(status.peers.size(), 1U);
    EXPECT_EQ(status.peers[0].peer, first.peer());
    EXPECT_FALSE(status.peers[0].foreign);
    ASSERT_EQ(status.topics.size(), 1U);
    EXPECT_EQ(status.topics[0].service, service_);
    EXPECT_EQ(status.topics[0].subscribed_peers, 1U);
    EXPECT_EQ(status.counters.received, 1U);
    EXPECT_EQ(first.status().counters.published, 1U);
}

TEST_F(RealNetworkTest, what_is_accepted_reaches_the_third_and_what_is_rejected_does_not) {
    // Without Kademlia the one in the middle does not introduce the others to each other.
    auto options = loopback();
    options.discovery = Discovery::Local;
    auto middle = node(1, options);
    auto left = node(2, loopback({middle.address()}));
    auto right = node(3, loopback({middle.address()}));
    subscribe({&middle, &left, &right});
    middle.wait_mesh(service_, 2);

    const auto pass_on = [&](std::string_view text, Verdict verdict) {
        publish(left, text);
        const auto message = middle.expect<Message>();
        EXPECT_EQ(base::as_text(message.data), text);
        EXPECT_TRUE(middle->judge(message.token, verdict).has_value());
    };
    pass_on("good", Verdict::Accept);
    const auto good = right.expect<Message>();
    EXPECT_EQ(base::as_text(good.data), "good");
    EXPECT_EQ(good.source, left.peer());
    EXPECT_EQ(good.delivered_by, middle.peer());
    ASSERT_TRUE(right->judge(good.token, Verdict::Accept).has_value());

    pass_on("bad", Verdict::Reject);
    pass_on("dull", Verdict::Ignore);
    pass_on("good again", Verdict::Accept);
    EXPECT_EQ(base::as_text(right.expect<Message>().data), "good again");
    const auto status = middle.wait_status([&](const Status& found) {
        return std::ranges::any_of(found.peers, [&](const PeerStatus& peer) {
            return peer.peer == left.peer() && peer.score < 0;
        });
    });
    EXPECT_EQ(status.counters.accepted, 2U);
    EXPECT_EQ(status.counters.rejected, 1U);
    EXPECT_EQ(status.counters.ignored, 1U);
}

TEST_F(RealNetworkTest, a_peer_that_asks_gets_an_answer_of_a_megabyte) {
    auto first = node(1);
    auto second = node(2, loopback({first.address()}));
    subscribe({&first, &second});
    const auto asked = second.expect<CatchupRequest>();
    EXPECT_EQ(asked.peer, first.peer());
    EXPECT_EQ(asked.service, service_);
    base::Bytes much(1 << 20, 'x');
    much.back() = 'y';
    ASSERT_TRUE(second->answer_catchup(asked.token, much).has_value());
    const auto answer = first.expect<CatchupAnswer>();
    EXPECT_EQ(answer.peer, second.peer());
    EXPECT_EQ(answer.service, service_);
    EXPECT_TRUE(answer.data == much);

    // Asked for again by name, and refused when it is beyond what a peer reads.
    ASSERT_TRUE(first->request_catchup(service_).has_value());
    const auto again = second.expect<CatchupRequest>();
    EXPECT_NE(again.token, asked.token);
    const auto refused = second->answer_catchup(again.token, base::Bytes((10 << 20) + 1));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code().view(), "p2p_invalid");
}

TEST_F(RealNetworkTest, who_unsubscribes_takes_no_part_any_more) {
    auto first = node(1);
    auto second = node(2, loopback({first.address()}));
    subscribe({&first, &second});
    const auto subscribers = [&](std::uint32_t wanted) {
        return [this, wanted](const Status& status) {
            return std::ranges::any_of(status.topics, [&](const TopicStatus& topic) {
                return topic.service == service_ && topic.subscribed_peers == wanted;
            });
        };
    };
    first.wait_status(subscribers(1));
    ASSERT_TRUE(second->unsubscribe(service_).has_value());
    first.wait_status(subscribers(0));
    EXPECT_TRUE(second.status().topics.empty());
    const auto refused = second->publish(service_, base::as_bytes("x"));
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code().view(), "p2p_not_subscribed");
}

TEST_F(RealNetworkTest, what_no_frame_holds_comes_back) {
    auto first = node(1);
    subscribe({&first});
    publish(first, std::string(70'000, 'x'));
    const auto failed = first.expect<PublishFailed>();
    EXPECT_EQ(failed.service, service_);
    EXPECT_EQ(failed.reason, PublishReason::TooLarge);
    EXPECT_EQ(failed.size, 70'000U);
}

TEST_F(RealNetworkTest, a_restart_keeps_the_peer_id) {
    const auto data = storage::make_temporary_folder("wavs-p2p").value();
    std::string peer;
    std::string address;
    {
        RealNode first(runtime_, load_identity(data / "p2p").value(), loopback());
        peer = first.peer();
        address = first.address();
    }
    auto options = loopback();
    options.listen_addresses = {address.substr(0, address.find("/p2p/"))};
    RealNode again(runtime_, load_identity(data / "p2p").value(), options);
    EXPECT_EQ(again.peer(), peer);
    // What others were told of it still leads to it.
    auto other = node(2, loopback({address}));
    EXPECT_EQ(other.expect<PeerConnected>().peer, peer);
    std::filesystem::remove_all(data);
}

TEST_F(RealNetworkTest, a_taken_port_is_named) {
    boost::asio::io_context context;
    const boost::asio::ip::tcp::acceptor holder(context,
                                                {boost::asio::ip::address_v4::loopback(), 0});
    const auto port = holder.local_endpoint().port();
    Options options;
    options.discovery = Discovery::Remote;
    options.listen_port = port;
    const auto started =
        start_network(options, identity(1),
                      {rt::native_peer_library(), context.get_executor(), runtime_.blocking()});
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code().view(), "p2p_listen");
    EXPECT_THAT(started.error().full_text(),
                AllOf(HasSubstr(fmt::format("port {}", port)), HasSubstr("listen_port")));
}

TEST_F(RealNetworkTest, an_address_that_cannot_be_read_is_named) {
    boost::asio::io_context context;
    const auto started =
        start_network(loopback({"nowhere"}), identity(1),
                      {rt::native_peer_library(), context.get_executor(), runtime_.blocking()});
    ASSERT_FALSE(started.has_value());
    EXPECT_EQ(started.error().code().view(), "p2p_invalid");
    EXPECT_THAT(started.error().full_text(),
                AllOf(HasSubstr("\"nowhere\""), HasSubstr("bootstrap_nodes")));
}

TEST_F(RealNetworkTest, stop_ends_a_reader_at_once) {
    auto first = node(1);
    first->stop();
    const auto event = first.next();
    ASSERT_FALSE(event.has_value());
    EXPECT_EQ(event.error().code().view(), "p2p_stopped");
}

}  // namespace
}  // namespace wavs::p2p
