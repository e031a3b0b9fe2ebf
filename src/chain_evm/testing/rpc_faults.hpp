// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/random.hpp"
#include "wavs/chain_evm/testing/fault_proxy.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace wavs::chain_evm::testing {

/// What becomes of a client's message.
struct Verdict {
    enum class Kind : std::uint8_t { Forward, Answer, RateLimited };
    Kind kind = Kind::Forward;
    /// To the node, or back to the client.
    std::string text;
    /// Of an answer over HTTP.
    unsigned status = 200;
};

/// Decides what a bad endpoint does with requests; connections and time are its owner's.
class RpcFaults {
public:
    explicit RpcFaults(std::uint64_t seed) : random_(seed) {}

    /// `head` is the node's newest block; it counts under `lag` alone.
    Verdict on_request(const std::string& message, std::uint64_t head);
    /// Whether the message that is about to be sent is to be cut.
    bool take_truncation();

    Faults faults;
    FaultCounts counts;
    std::size_t rate_limited_left = 0;
    std::size_t truncations_left = 0;

private:
    Verdict range_refusal(const std::string& id);

    base::SeededRandom random_;
};

/// The subscriptions of one WebSocket, and what becomes of their notifications.
class SubscriptionFaults {
public:
    explicit SubscriptionFaults(RpcFaults& endpoint) : endpoint_(endpoint) {}

    void on_request(const std::string& message);
    /// What the client gets for a message of the node, in this order.
    std::vector<std::string> on_message(const std::string& message);
    void swallow(Notifications kind);
    /// What is held back, when nothing is to be held back any more.
    std::vector<std::string> release();

private:
    std::vector<std::string> on_notification(const std::string& message);

    RpcFaults& endpoint_;
    std::map<std::string, Notifications> asked_;
    std::map<std::string, Notifications> active_;
    std::set<std::string> swallowed_;
    std::string held_;
    std::size_t sent_since_ = 0;
};

}  // namespace wavs::chain_evm::testing
