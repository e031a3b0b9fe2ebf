// SPDX-License-Identifier: Apache-2.0
#include "wavs/p2p/start.hpp"

#include "flat.hpp"
#include "wavs/async/channel.hpp"
#include "wavs/async/runtime.hpp"

#include <algorithm>
#include <atomic>
#include <limits>
#include <mutex>

namespace wavs::p2p {
namespace {

base::Error stopped() {
    return {base::ErrorKind::Cancelled, "p2p_stopped", "the peer-to-peer network is stopped"};
}

// Between the library's thread and the reader. The window bounds the channel: there are never more
// credits than room in it, so that the library's thread always finds a place.
class Inbox final : public rt::PeerEvents {
public:
    explicit Inbox(const async::Executor& io) : events_(io, "p2p.events", kWindow) {}

    void event(base::Bytes flat) noexcept override {
        // Refused only after the end, when nobody reads any more.
        (void)events_.try_send(std::move(flat));
    }
    void ended(std::optional<base::Error> error) noexcept override {
        end(std::move(error).value_or(stopped()));
    }

    // The first reason holds.
    void end(base::Error reason) {
        {
            const std::lock_guard lock(mutex_);
            if (!reason_) {
                reason_ = std::move(reason);
            }
        }
        events_.close();
    }

    async::Task<base::Result<base::Bytes>> next() {
        auto flat = co_await events_.receive();
        // A stop is not to wait for a reader who catches up; a failure is told behind what came
        // before it.
        if (const auto reason = this->reason();
            reason && (!flat.has_value() || reason->kind() == base::ErrorKind::Cancelled)) {
            co_return *reason;
        }
        co_return flat;
    }
    std::size_t waiting() const { return events_.size(); }

private:
    std::optional<base::Error> reason() const {
        const std::lock_guard lock(mutex_);
        return reason_;
    }

    async::Channel<base::Bytes> events_;
    mutable std::mutex mutex_;
    std::optional<base::Error> reason_;
};

// Shared with calls that run on other threads. The node comes last: it goes first, and with it the
// thread that fills the inbox.
struct Shared {
    explicit Shared(const async::Executor& io) : inbox(io) {}

    Inbox inbox;
    std::mutex stopping;
    std::unique_ptr<rt::PeerNode> node;
};

base::Result<Status> status_of(const Shared& shared) {
    WAVS_TRY(const auto flat, shared.node->status());
    WAVS_TRY(auto status, read_status(flat));
    status.waiting_events += shared.inbox.waiting();
    return status;
}

class LibraryNetwork final : public Network {
public:
    LibraryNetwork(std::shared_ptr<Shared> shared, const Environment& environment)
        : shared_(std::move(shared)), io_(environment.io), blocking_(environment.blocking) {}
    ~LibraryNetwork() override { LibraryNetwork::stop(); }

    async::Task<base::Result<Event>> next() override {
        // Also when the network is destroyed meanwhile.
        const auto shared = shared_;
        WAVS_CO_TRY(const auto flat, co_await shared->inbox.next());
        auto event = read_event(flat);
        if (!event.has_value()) {
            shared->inbox.end(event.error());
            co_return event.error();
        }
        // Refused when the node has ended meanwhile: this event was its last but those that wait.
        (void)shared->node->grant(1);
        co_return event;
    }

    base::Result<void> subscribe(const types::ServiceId& service) override {
        return node().subscribe(service.array());
    }
    base::Result<void> unsubscribe(const types::ServiceId& service) override {
        return node().unsubscribe(service.array());
    }
    base::Result<void> publish(const types::ServiceId& service, base::ByteView data) override {
        return node().publish(service.array(), data);
    }
    base::Result<void> judge(Token token, Verdict verdict) override {
        return node().judge(token, static_cast<rt::PeerVerdict>(verdict));
    }
    base::Result<void> answer_catchup(Token token, base::ByteView answer) override {
        return node().answer_catchup(token, answer);
    }
    base::Result<void> request_catchup(const types::ServiceId& service) override {
        return node().request_catchup(service.array());
    }

    async::Task<base::Result<Status>> status() override {
        // The function may outlive this object: it runs to its end when the caller is cancelled.
        auto ask = [shared = shared_] { return status_of(*shared); };
        co_return co_await async::run_blocking(blocking_, io_, std::move(ask));
    }

    void stop() override {
        shared_->inbox.end(stopped());
        // A second caller returns after the end as well.
        const std::lock_guard lock(shared_->stopping);
        node().stop();
    }

private:
    rt::PeerNode& node() const { return *shared_->node; }

    std::shared_ptr<Shared> shared_;
    async::Executor io_;
    async::Executor blocking_;
};

// For the library 0 is its default, and its numbers have 32 bits.
std::chrono::milliseconds at_least_one(std::chrono::milliseconds time) {
    return std::max(time, std::chrono::milliseconds(1));
}
std::uint32_t at_least_one(std::uint64_t number) {
    return static_cast<std::uint32_t>(
        std::clamp<std::uint64_t>(number, 1, std::numeric_limits<std::uint32_t>::max()));
}

rt::PeerOptions translate(const Options& from) {
    rt::PeerOptions to;
    to.discovery =
        from.discovery == Discovery::Local ? rt::PeerDiscovery::Local : rt::PeerDiscovery::Remote;
    to.listen_port = from.listen_port;
    to.listen = from.listen_addresses;
    to.bootstrap = from.bootstrap_nodes;
    to.external = from.external_addresses;
    to.max_retry = at_least_one(from.max_retry);
    to.retry_interval = at_least_one(from.retry_interval);
    to.discovery_interval = at_least_one(from.discovery_interval);
    to.catchup_timeout = at_least_one(from.catchup_timeout);
    to.max_pending_publishes = at_least_one(from.max_pending_publishes);
    to.max_catchups_per_service = at_least_one(from.max_catchups_per_service);
    to.peer_messages_per_second = from.peer_messages_per_second;
    to.peer_message_burst = from.peer_message_burst;
    to.agent = from.agent;
    return to;
}

base::Error start_error(base::Error error, const Options& options) {
    if (error.code() == "p2p_listen") {
        return std::move(error)
            .with("peer-to-peer port {}", options.listen_port)
            .with_remedy(fmt::format(
                "end the program that has the port (ss -ltnp 'sport = :{}'), or set another "
                "listen_port in the table p2p; 0 takes any free one",
                options.listen_port));
    }
    if (error.code() == "p2p_invalid") {
        return std::move(error)
            .with("peer-to-peer network")
            .with_remedy("correct bootstrap_nodes or external_addresses in the table p2p");
    }
    return std::move(error).with("peer-to-peer network");
}

}  // namespace

base::Result<std::unique_ptr<Network>> start_network(const Options& options,
                                                     const Identity& identity,
                                                     const Environment& environment) {
    auto shared = std::make_shared<Shared>(environment.io);
    auto node = rt::PeerNode::create(environment.library, translate(options), identity.reveal(),
                                     shared->inbox);
    if (!node.has_value()) {
        return start_error(std::move(node.error()), options);
    }
    shared->node = std::move(node.value());
    WAVS_TRY(shared->node->grant(kWindow));
    return std::make_unique<LibraryNetwork>(std::move(shared), environment);
}

}  // namespace wavs::p2p
