// SPDX-License-Identifier: Apache-2.0
#include "peers_view.hpp"

#include <algorithm>
#include <charconv>

namespace wavs::app {
namespace {

struct Row {
    std::string_view name;
    std::string_view help;
    std::uint64_t p2p::Counters::* value;
};

constexpr Row kRows[] = {
    {"received", "Messages of peers", &p2p::Counters::received},
    {"accepted", "Messages found valid and forwarded", &p2p::Counters::accepted},
    {"rejected", "Messages found invalid, held against who delivered them",
     &p2p::Counters::rejected},
    {"ignored", "Messages not forwarded, without blame", &p2p::Counters::ignored},
    {"judged_too_late", "Messages not forwarded because nobody judged them in time",
     &p2p::Counters::judged_too_late},
    {"no_room", "Messages and answers turned away because too much waited to be read",
     &p2p::Counters::no_room},
    {"rate_limited", "Messages and requests of peers above their rate",
     &p2p::Counters::rate_limited},
    {"published", "Own messages handed to a peer", &p2p::Counters::published},
    {"published_before", "Own messages that peers have already", &p2p::Counters::published_before},
    {"publish_too_large", "Own messages that no frame holds", &p2p::Counters::publish_too_large},
    {"publish_expired", "Own messages nobody took in time", &p2p::Counters::publish_expired},
    {"publish_dropped", "Own messages displaced by newer ones", &p2p::Counters::publish_dropped},
    {"catchup_asked", "Catch-up requests to peers", &p2p::Counters::catchup_asked},
    {"catchup_answered", "Catch-up answers of peers", &p2p::Counters::catchup_answered},
    {"catchup_failed", "Catch-up requests without an answer", &p2p::Counters::catchup_failed},
    {"catchup_served", "Catch-up requests of peers that were answered",
     &p2p::Counters::catchup_served},
    {"catchup_refused", "Catch-up requests of peers that were turned away",
     &p2p::Counters::catchup_refused},
    {"notices_lost", "Notices about peers that found no room", &p2p::Counters::notices_lost},
};

}  // namespace

http::P2pStatus to_p2p_status(const p2p::Status& status) {
    http::P2pStatus out;
    out.enabled = true;
    out.local_peer_id = status.local_peer;
    out.listen_addresses = status.listen_addresses;
    out.external_addresses = status.external_addresses;
    std::ranges::sort(out.listen_addresses);
    std::ranges::sort(out.external_addresses);
    auto peers = status.peers;
    std::ranges::sort(peers, {}, &p2p::PeerStatus::peer);
    for (const auto& peer : peers) {
        out.peer_ids.push_back(peer.peer);
        out.peers.push_back({peer.peer, peer.score, peer.agent, peer.foreign});
    }
    auto topics = status.topics;
    std::ranges::sort(topics, {}, &p2p::TopicStatus::service);
    for (const auto& topic : topics) {
        const auto name = p2p::topic_name(topic.service);
        out.subscribed_topics.push_back(name);
        out.topic_peer_counts[name] = topic.subscribed_peers;
        out.topic_mesh_peer_counts[name] = topic.mesh_peers;
    }
    for (const auto& row : kRows) {
        out.counters.emplace_back(row.name, status.counters.*row.value);
    }
    out.pending_publishes = status.pending_publishes;
    out.waiting_events = status.waiting_events;
    out.unjudged = status.unjudged;
    return out;
}

std::set<std::uint16_t> listen_ports(const p2p::Status& status) {
    constexpr std::string_view kTcp = "/tcp/";
    std::set<std::uint16_t> out;
    for (const auto& address : status.listen_addresses) {
        const auto at = address.find(kTcp);
        std::uint16_t port = 0;
        if (at != std::string::npos) {
            const auto* const digits = address.data() + at + kTcp.size();
            std::from_chars(digits, address.data() + address.size(), port);
        }
        if (port != 0) {
            out.insert(port);
        }
    }
    return out;
}

void PeerMetrics::show(const p2p::Status& status) {
    const std::lock_guard lock(mutex_);
    for (const auto& row : kRows) {
        const auto counter =
            metrics_.counter(fmt::format("wavs_p2p_{}_total", row.name), std::string(row.help));
        // An older answer may come second.
        const auto more = static_cast<double>(status.counters.*row.value) - counter.value();
        if (more > 0) {
            counter.add(more);
        }
    }
    metrics_.gauge("wavs_p2p_peers", "Connected peers")
        .set(static_cast<double>(status.peers.size()));
    metrics_.gauge("wavs_p2p_topics", "Services this node gossips about")
        .set(static_cast<double>(status.topics.size()));
    metrics_.gauge("wavs_p2p_pending_publishes", "Own messages no peer could take yet")
        .set(static_cast<double>(status.pending_publishes));
    metrics_.gauge("wavs_p2p_waiting_events", "Events of the network that nobody has read yet")
        .set(static_cast<double>(status.waiting_events));
    metrics_.gauge("wavs_p2p_unjudged", "Messages that wait for a verdict")
        .set(static_cast<double>(status.unjudged));
}

}  // namespace wavs::app
