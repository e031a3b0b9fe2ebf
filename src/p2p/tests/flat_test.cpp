// SPDX-License-Identifier: Apache-2.0
#include "flat.hpp"

#include "flat_events.hpp"

#include <gmock/gmock.h>

namespace wavs::p2p {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::service;

template <typename T>
T read(const base::Bytes& flat) {
    auto event = read_event(flat);
    EXPECT_TRUE(event.has_value()) << event.error().message();
    return std::get<T>(std::move(event.value()));
}

std::vector<base::Bytes> every_event() {
    return {testing::flat_message(3, "data"),      testing::flat_catchup_request(4),
            testing::flat_catchup_answer("all"),   testing::flat_text_event(3, "peer"),
            testing::flat_text_event(4, "peer"),   testing::flat_publish_failure(2, 9),
            testing::flat_text_event(6, "address")};
}

TEST(FlatEvents, each_is_read) {
    const auto message = read<Message>(testing::flat_message(3, "data"));
    EXPECT_EQ(message.token, 3U);
    EXPECT_EQ(message.source, "source");
    EXPECT_EQ(message.delivered_by, "neighbour");
    EXPECT_EQ(message.service, service(7));
    EXPECT_EQ(base::as_text(message.data), "data");
    const auto request = read<CatchupRequest>(testing::flat_catchup_request(4));
    EXPECT_EQ(request.token, 4U);
    EXPECT_EQ(request.peer, "peer");
    EXPECT_EQ(request.service, service(7));
    const auto answer = read<CatchupAnswer>(testing::flat_catchup_answer("all"));
    EXPECT_EQ(answer.peer, "peer");
    EXPECT_EQ(answer.service, service(7));
    EXPECT_EQ(base::as_text(answer.data), "all");
    EXPECT_EQ(read<PeerConnected>(testing::flat_text_event(3, "a")).peer, "a");
    EXPECT_EQ(read<PeerDisconnected>(testing::flat_text_event(4, "b")).peer, "b");
    EXPECT_EQ(read<Listening>(testing::flat_text_event(6, "c")).address, "c");
    const auto failure = read<PublishFailed>(testing::flat_publish_failure(1, 70'000));
    EXPECT_EQ(failure.service, service(7));
    EXPECT_EQ(failure.reason, PublishReason::Expired);
    EXPECT_EQ(failure.size, 70'000U);
}

TEST(FlatEvents, damaged_bytes_are_an_error) {
    for (const auto& whole : every_event()) {
        for (std::size_t size = 0; size < whole.size(); ++size) {
            EXPECT_FALSE(read_event(base::ByteView(whole).first(size)).has_value()) << size;
        }
        auto longer = whole;
        longer.push_back(0);
        EXPECT_FALSE(read_event(longer).has_value());
    }
    EXPECT_FALSE(read_event(testing::flat_text_event(7, "none")).has_value());
    EXPECT_FALSE(read_event(testing::flat_publish_failure(3, 1)).has_value());
    auto short_id = testing::flat_publish_failure(0, 1);
    short_id[1] = 31;
    const auto error = read_event(short_id);
    ASSERT_FALSE(error.has_value());
    EXPECT_EQ(error.error().code().view(), "p2p_library");
    EXPECT_EQ(error.error().kind(), base::ErrorKind::Bug);
    EXPECT_THAT(error.error().message(), HasSubstr("damaged event"));
}

TEST(FlatStatus, is_read) {
    const auto read = read_status(testing::flat_status());
    ASSERT_TRUE(read.has_value());
    const auto& status = read.value();
    EXPECT_EQ(status.local_peer, "me");
    EXPECT_THAT(status.listen_addresses,
                ElementsAre("/ip4/10.0.0.1/tcp/1/p2p/me", "/ip4/127.0.0.1/tcp/1/p2p/me"));
    EXPECT_THAT(status.external_addresses, ElementsAre("/ip4/1.2.3.4/tcp/1/p2p/me"));
    ASSERT_EQ(status.peers.size(), 1U);
    EXPECT_EQ(status.peers[0].peer, "peer");
    EXPECT_EQ(status.peers[0].score, -1.5);
    EXPECT_EQ(status.peers[0].agent, "wavs/0.1.0");
    EXPECT_TRUE(status.peers[0].foreign);
    ASSERT_EQ(status.topics.size(), 1U);
    EXPECT_EQ(status.topics[0].service, service(7));
    EXPECT_EQ(status.topics[0].subscribed_peers, 5U);
    EXPECT_EQ(status.topics[0].mesh_peers, 4U);
    EXPECT_EQ(status.counters.received, 1U);
    EXPECT_EQ(status.counters.rate_limited, 7U);
    EXPECT_EQ(status.counters.catchup_asked, 13U);
    EXPECT_EQ(status.counters.notices_lost, 18U);
    EXPECT_EQ(status.pending_publishes, 21U);
    EXPECT_EQ(status.waiting_events, 22U);
    EXPECT_EQ(status.unjudged, 24U);
}

TEST(FlatStatus, damaged_bytes_are_an_error) {
    auto flat = testing::flat_status();
    for (std::size_t size = 0; size < flat.size(); ++size) {
        EXPECT_FALSE(read_status(base::ByteView(flat).first(size)).has_value()) << size;
    }
    flat.push_back(0);
    EXPECT_FALSE(read_status(flat).has_value());
}

}  // namespace
}  // namespace wavs::p2p
