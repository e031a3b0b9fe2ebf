// SPDX-License-Identifier: Apache-2.0
#include "flat.hpp"

#include "wavs/rt/flat.hpp"

namespace wavs::p2p {
namespace {

using rt::FlatReader;

base::Error damaged(std::string_view what) {
    return {base::ErrorKind::Bug, "p2p_library",
            fmt::format("the peer-to-peer library returned a damaged {}", what),
            "build the node and its library from the same sources"};
}

std::string text(FlatReader& in) { return std::string(in.text()); }
base::Bytes bytes(FlatReader& in) { return base::to_bytes(in.bytes()); }
types::ServiceId service(FlatReader& in) {
    return types::ServiceId(in.fixed<types::ServiceId::kSize>());
}

// Braced initialisers are evaluated from left to right: fields stand in the order of the bytes.
Message read_message(FlatReader& in) {
    return {.token = in.u64(),
            .source = text(in),
            .delivered_by = text(in),
            .service = service(in),
            .data = bytes(in)};
}

PublishFailed read_failure(FlatReader& in) {
    PublishFailed out;
    out.service = service(in);
    const auto reason = in.u8();
    if (reason > static_cast<std::uint8_t>(PublishReason::Dropped)) {
        in.fail();
    }
    out.reason = static_cast<PublishReason>(reason);
    out.size = in.u64();
    return out;
}

Event read_case(FlatReader& in) {
    switch (in.u8()) {
        case 0:
            return read_message(in);
        case 1:
            return CatchupRequest{.token = in.u64(), .peer = text(in), .service = service(in)};
        case 2:
            return CatchupAnswer{.peer = text(in), .service = service(in), .data = bytes(in)};
        case 3:
            return PeerConnected{text(in)};
        case 4:
            return PeerDisconnected{text(in)};
        case 5:
            return read_failure(in);
        case 6:
            return Listening{text(in)};
        default:
            in.fail();
            return Listening{};
    }
}

PeerStatus read_peer(FlatReader& in) {
    return {.peer = text(in), .score = in.f32(), .agent = text(in), .foreign = in.boolean()};
}

TopicStatus read_topic(FlatReader& in) {
    return {.service = service(in), .subscribed_peers = in.u32(), .mesh_peers = in.u32()};
}

Counters read_counters(FlatReader& in) {
    return {.received = in.u64(),
            .accepted = in.u64(),
            .rejected = in.u64(),
            .ignored = in.u64(),
            .judged_too_late = in.u64(),
            .no_room = in.u64(),
            .rate_limited = in.u64(),
            .published = in.u64(),
            .published_before = in.u64(),
            .publish_too_large = in.u64(),
            .publish_expired = in.u64(),
            .publish_dropped = in.u64(),
            .catchup_asked = in.u64(),
            .catchup_answered = in.u64(),
            .catchup_failed = in.u64(),
            .catchup_served = in.u64(),
            .catchup_refused = in.u64(),
            .notices_lost = in.u64()};
}

}  // namespace

base::Result<Event> read_event(base::ByteView flat) {
    FlatReader in(flat);
    auto event = read_case(in);
    if (!in.complete()) {
        return damaged("event");
    }
    return event;
}

base::Result<Status> read_status(base::ByteView flat) {
    FlatReader in(flat);
    Status out;
    out.local_peer = text(in);
    out.listen_addresses = in.texts();
    out.external_addresses = in.texts();
    out.peers = in.list([&in] { return read_peer(in); });
    out.topics = in.list([&in] { return read_topic(in); });
    out.counters = read_counters(in);
    out.pending_publishes = in.u64();
    out.waiting_events = in.u64();
    // The credits, which say nothing to whoever asks for the status.
    (void)in.u64();
    out.unjudged = in.u64();
    if (!in.complete()) {
        return damaged("status");
    }
    return out;
}

}  // namespace wavs::p2p
