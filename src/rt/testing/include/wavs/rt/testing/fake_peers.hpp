// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/rt/peers.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace wavs::rt::testing {

/// The numbers of the C header.
enum class FakePeerStatus : std::uint32_t {
    Ok = 0,
    Invalid = 1,
    Listen = 2,
    NotSubscribed = 3,
    Overloaded = 4,
    Stopped = 5,
    Internal = 6,
    Panic = 7,
};

/// The peer-to-peer part of the library without peers: its events are what a test pushes, handed
/// over against credits by a thread of its own. One at a time per process, and one node at a time.
class FakePeers {
public:
    FakePeers();
    ~FakePeers();
    FakePeers(const FakePeers&) = delete;
    FakePeers& operator=(const FakePeers&) = delete;

    const PeerLibrary& library() const;

    void set_abi_version(std::uint32_t version);
    void refuse_start(FakePeerStatus status, std::string message);
    /// Ok: they succeed again.
    void refuse_calls(FakePeerStatus status, std::string message);
    void set_status(base::Bytes flat);
    /// The thread takes no calls of `status` until it is let go.
    void hold_status(bool hold);
    void push(base::Bytes event);
    /// The node ends by itself.
    void end(FakePeerStatus status, std::string message);

    /// What the node was made with; none before that.
    std::optional<PeerOptions> options() const;
    Hash identity() const;
    /// In the order they came: "subscribe 07", "judge 5 1", "publish 07 2 bytes"; a service is its
    /// first byte. Grants are only counted.
    std::vector<std::string> calls() const;
    std::uint64_t granted() const;
    std::size_t delivered() const;
    std::size_t waiting() const;
    std::size_t statuses_asked() const;
    /// Returns once so many events were handed over.
    void wait_delivered(std::size_t events) const;
    void wait_statuses_asked(std::size_t calls) const;

    struct Impl;

private:
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::rt::testing
