// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/p2p/network.hpp"
#include "wavs/rt/flat.hpp"

namespace wavs::p2p::testing {

inline types::ServiceId service(std::uint8_t first) {
    types::ServiceId id;
    id.array()[0] = first;
    return id;
}

/// Events as the library writes them: rust/FLAT.md, Peers.
inline base::Bytes flat_message(Token token, std::string_view data) {
    rt::FlatWriter out;
    out.u8(0);
    out.u64(token);
    out.text("source");
    out.text("neighbour");
    out.bytes(service(7).view());
    out.text(data);
    return std::move(out).take();
}
inline base::Bytes flat_catchup_request(Token token) {
    rt::FlatWriter out;
    out.u8(1);
    out.u64(token);
    out.text("peer");
    out.bytes(service(7).view());
    return std::move(out).take();
}
inline base::Bytes flat_catchup_answer(std::string_view data) {
    rt::FlatWriter out;
    out.u8(2);
    out.text("peer");
    out.bytes(service(7).view());
    out.text(data);
    return std::move(out).take();
}
/// Cases 3, 4 and 6.
inline base::Bytes flat_text_event(std::uint8_t which, std::string_view text) {
    rt::FlatWriter out;
    out.u8(which);
    out.text(text);
    return std::move(out).take();
}
inline base::Bytes flat_publish_failure(std::uint8_t reason, std::uint64_t size) {
    rt::FlatWriter out;
    out.u8(5);
    out.bytes(service(7).view());
    out.u8(reason);
    out.u64(size);
    return std::move(out).take();
}

/// One peer, one topic, and counters 1 to 18.
inline base::Bytes flat_status() {
    rt::FlatWriter out;
    out.text("me");
    out.count(2);
    out.text("/ip4/10.0.0.1/tcp/1/p2p/me");
    out.text("/ip4/127.0.0.1/tcp/1/p2p/me");
    out.count(1);
    out.text("/ip4/1.2.3.4/tcp/1/p2p/me");
    out.count(1);
    out.text("peer");
    out.f32(-1.5F);
    out.text("wavs/0.1.0");
    out.boolean(true);
    out.count(1);
    out.bytes(service(7).view());
    out.u32(5);
    out.u32(4);
    for (std::uint64_t counter = 1; counter <= 18; ++counter) {
        out.u64(counter);
    }
    out.u64(21);
    out.u64(22);
    out.u64(23);
    out.u64(24);
    return std::move(out).take();
}

}  // namespace wavs::p2p::testing
