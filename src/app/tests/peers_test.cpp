// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "peers_view.hpp"

#include <gmock/gmock.h>

namespace wavs::app {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

TEST(PeerOptions, none_without_a_network) {
    EXPECT_FALSE(p2p_options(config::Config{}).has_value());
}

TEST(PeerOptions, of_each_kind) {
    config::P2pLocal local;
    local.listen_port = 9;
    local.external_addresses = {"/ip4/1.2.3.4/tcp/9"};
    local.max_retry_duration_secs = 1;
    local.retry_interval_ms = 2;
    local.catchup_request_timeout_secs = 3;
    local.max_pending_publishes = 4;
    local.max_concurrent_catchup_requests_per_service = 5;
    config::Config config;
    config.p2p = local;
    const auto options = p2p_options(config);
    ASSERT_TRUE(options.has_value());
    EXPECT_EQ(options->discovery, p2p::Discovery::Local);
    EXPECT_EQ(options->listen_port, 9);
    EXPECT_THAT(options->external_addresses, ElementsAre("/ip4/1.2.3.4/tcp/9"));
    EXPECT_THAT(options->listen_addresses, IsEmpty());
    EXPECT_EQ(options->max_retry, std::chrono::seconds(1));
    EXPECT_EQ(options->retry_interval, std::chrono::milliseconds(2));
    EXPECT_EQ(options->catchup_timeout, std::chrono::seconds(3));
    EXPECT_EQ(options->max_pending_publishes, 4U);
    EXPECT_EQ(options->max_catchups_per_service, 5U);
    EXPECT_THAT(options->agent, ::testing::StartsWith("wavs/"));

    config::P2pRemote remote;
    remote.bootstrap_nodes = {"/ip4/1.2.3.4/tcp/5"};
    remote.kademlia_discovery_interval_secs = 6;
    // Not a time that any clock has.
    remote.max_retry_duration_secs = ~std::uint64_t{0};
    remote.retry_interval_ms = ~std::uint64_t{0};
    config.p2p = remote;
    const auto other = p2p_options(config);
    ASSERT_TRUE(other.has_value());
    EXPECT_EQ(other->discovery, p2p::Discovery::Remote);
    EXPECT_THAT(other->bootstrap_nodes, ElementsAre("/ip4/1.2.3.4/tcp/5"));
    EXPECT_EQ(other->discovery_interval, std::chrono::seconds(6));
    EXPECT_GT(other->max_retry, std::chrono::hours(1));
    EXPECT_GT(other->retry_interval, std::chrono::hours(1));
}

p2p::Status some_status() {
    p2p::Status status;
    status.local_peer = "me";
    status.listen_addresses = {"/ip4/10.0.0.1/tcp/9000/p2p/me", "/ip6/::1/tcp/9001/p2p/me",
                               "/ip4/127.0.0.1/tcp/9000/p2p/me", "/memory/1", "/ip4/1.2.3.4/tcp/x"};
    status.peers = {{"b", -2, "wavs/1", false}, {"a", 1, "other", true}};
    status.topics = {{types::ServiceId(), 3, 2}};
    status.counters.received = 5;
    status.counters.notices_lost = 1;
    status.pending_publishes = 7;
    status.unjudged = 8;
    return status;
}

TEST(PeersView, shows_the_status) {
    const auto shown = to_p2p_status(some_status());
    const auto topic = "wavs/" + std::string(64, '0') + "/topic/v1";
    EXPECT_TRUE(shown.enabled);
    EXPECT_EQ(shown.local_peer_id, "me");
    EXPECT_THAT(shown.peer_ids, ElementsAre("a", "b"));
    ASSERT_EQ(shown.peers.size(), 2U);
    EXPECT_EQ(shown.peers[0].agent, "other");
    EXPECT_TRUE(shown.peers[0].foreign);
    EXPECT_EQ(shown.peers[1].score, -2);
    EXPECT_THAT(shown.subscribed_topics, ElementsAre(topic));
    EXPECT_THAT(shown.topic_peer_counts, ElementsAre(Pair(topic, 3U)));
    EXPECT_THAT(shown.topic_mesh_peer_counts, ElementsAre(Pair(topic, 2U)));
    ASSERT_EQ(shown.counters.size(), 18U);
    EXPECT_THAT(shown.counters.front(), Pair("received", 5U));
    EXPECT_THAT(shown.counters.back(), Pair("notices_lost", 1U));
    EXPECT_EQ(shown.pending_publishes, 7U);
    EXPECT_EQ(shown.unjudged, 8U);
}

TEST(PeersView, finds_the_ports) {
    EXPECT_THAT(listen_ports(some_status()), ElementsAre(9000, 9001));
}

TEST(PeersView, counters_go_on_from_where_they_were) {
    telemetry::Metrics metrics;
    PeerMetrics view(metrics);
    auto status = some_status();
    view.show(status);
    view.show(status);
    EXPECT_THAT(metrics.render(), HasSubstr("\nwavs_p2p_received_total 5\n"));
    status.counters.received = 9;
    status.pending_publishes = 0;
    view.show(status);
    const auto page = metrics.render();
    EXPECT_THAT(page, HasSubstr("\nwavs_p2p_received_total 9\n"));
    EXPECT_THAT(page, HasSubstr("\nwavs_p2p_pending_publishes 0\n"));
    EXPECT_THAT(page, HasSubstr("\nwavs_p2p_peers 2\n"));
    EXPECT_THAT(page, Not(HasSubstr("wavs_p2p_received_total 5")));
}

}  // namespace
}  // namespace wavs::app
