// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/channel.hpp"
#include "wavs/async/task_group.hpp"
#include "wavs/async/timers.hpp"
#include "wavs/base/random.hpp"
#include "wavs/p2p/network.hpp"

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wavs::aggregator::testing {

/// Peers without sockets, on virtual time: each message takes its time to each peer, and links can
/// be cut. Gossip is published to all peers of a topic, as the real one does; nothing is forwarded.
class SimHub {
public:
    struct Node;

    SimHub(async::Timers& timers, base::RandomSource& random, async::Executor executor)
        : timers_(timers), random_(random), executor_(executor), tasks_(executor, "hub") {}

    std::unique_ptr<p2p::Network> join(const std::string& name);
    /// Whether two nodes reach each other; symmetric.
    std::function<bool(const std::string&, const std::string&)> connected =
        [](const auto&, const auto&) { return true; };
    base::Duration slowest = std::chrono::milliseconds(40);
    /// Every message that was published, with its publisher.
    std::vector<std::pair<std::string, base::Bytes>> published;
    /// How many messages were judged so, by who delivered them.
    std::map<std::pair<std::string, p2p::Verdict>, int> verdicts;

    /// As a peer without a node: to everybody who takes part.
    void inject(const std::string& from, const types::ServiceId& service, base::ByteView data);
    /// Everybody asks everybody what was missed, as after a reconnect.
    void ask_all();

private:
    friend struct Node;
    async::Task<void> deliver(std::string to, p2p::Event event);
    void send(const std::string& to, p2p::Event event) {
        tasks_.spawn("deliver", deliver(to, std::move(event)));
    }

    async::Timers& timers_;
    base::RandomSource& random_;
    async::Executor executor_;
    std::map<std::string, Node*> nodes_;
    p2p::Token next_token_ = 1;
    /// Who asked whom.
    std::map<p2p::Token, std::pair<std::string, std::string>> questions_;
    async::TaskGroup tasks_;
};

struct SimHub::Node final : public p2p::Network {
    Node(SimHub& hub, std::string name)
        : hub_(hub), name_(std::move(name)), events_(hub.executor_, "sim/" + name_, 100'000) {
        hub_.nodes_[name_] = this;
    }
    ~Node() override {
        if (hub_.nodes_[name_] == this) {
            hub_.nodes_.erase(name_);
        }
    }
    async::Task<base::Result<p2p::Event>> next() override { co_return co_await events_.receive(); }
    base::Result<void> subscribe(const types::ServiceId& service) override {
        if (topics_.insert(service).second) {
            for (const auto& [other, node] : hub_.nodes_) {
                ask(other, service);
            }
        }
        return base::ok();
    }
    base::Result<void> unsubscribe(const types::ServiceId& service) override {
        topics_.erase(service);
        return base::ok();
    }
    base::Result<void> publish(const types::ServiceId& service, base::ByteView data) override {
        hub_.published.emplace_back(name_, base::to_bytes(data));
        hub_.inject(name_, service, data);
        return base::ok();
    }
    base::Result<void> judge(p2p::Token token, p2p::Verdict verdict) override {
        ++hub_.verdicts[{delivered_[token], verdict}];
        delivered_.erase(token);
        return base::ok();
    }
    base::Result<void> answer_catchup(p2p::Token token, base::ByteView answer) override {
        const auto [asker, service] = asked_[token];
        asked_.erase(token);
        if (hub_.connected(name_, asker)) {
            hub_.send(asker, p2p::CatchupAnswer{name_, service, base::to_bytes(answer)});
        }
        return base::ok();
    }
    base::Result<void> request_catchup(const types::ServiceId& service) override {
        std::vector<std::string> others;
        for (const auto& [other, node] : hub_.nodes_) {
            if (other != name_ && node->topics_.contains(service) && hub_.connected(name_, other)) {
                others.push_back(other);
            }
        }
        if (!others.empty()) {
            ask(others[hub_.random_.below(others.size())], service);
        }
        return base::ok();
    }
    async::Task<base::Result<p2p::Status>> status() override { co_return p2p::Status(); }
    void stop() override { events_.close(); }

    void ask(const std::string& other, const types::ServiceId& service) {
        if (other == name_ || !hub_.connected(name_, other) || !hub_.nodes_.contains(other)) {
            return;
        }
        const auto token = hub_.next_token_++;
        hub_.nodes_[other]->asked_[token] = {name_, service};
        hub_.send(other, p2p::CatchupRequest{token, name_, service});
    }

    SimHub& hub_;
    const std::string name_;
    async::Channel<p2p::Event> events_;
    std::set<types::ServiceId> topics_;
    std::map<p2p::Token, std::string> delivered_;
    std::map<p2p::Token, std::pair<std::string, types::ServiceId>> asked_;
};

inline std::unique_ptr<p2p::Network> SimHub::join(const std::string& name) {
    return std::make_unique<Node>(*this, name);
}

inline void SimHub::inject(const std::string& from, const types::ServiceId& service,
                           base::ByteView data) {
    for (const auto& [other, node] : nodes_) {
        if (other == from || !node->topics_.contains(service) || !connected(from, other)) {
            continue;
        }
        const auto token = next_token_++;
        node->delivered_[token] = from;
        send(other, p2p::Message{token, from, from, service, base::to_bytes(data)});
    }
}

inline void SimHub::ask_all() {
    for (const auto& [name, node] : nodes_) {
        for (const auto& service : node->topics_) {
            for (const auto& [other, peer] : nodes_) {
                node->ask(other, service);
            }
        }
    }
}

inline async::Task<void> SimHub::deliver(std::string to, p2p::Event event) {
    const auto most = std::chrono::duration_cast<std::chrono::microseconds>(slowest).count();
    const std::chrono::microseconds delay(random_.below(static_cast<std::uint64_t>(most)) + 1);
    if (!(co_await timers_.sleep_for(delay)).has_value()) {
        co_return;
    }
    if (const auto found = nodes_.find(to); found != nodes_.end()) {
        (void)found->second->events_.try_send(std::move(event));
    }
}

}  // namespace wavs::aggregator::testing
