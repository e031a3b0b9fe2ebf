// SPDX-License-Identifier: Apache-2.0
#include "ws_rpc.hpp"

#include "wavs/telemetry/log.hpp"

#include <boost/asio/this_coro.hpp>

#include <deque>

namespace wavs::chain_evm {
namespace {

base::Error link_closed(const std::string& endpoint) {
    return {base::ErrorKind::Unavailable, "ws_closed", endpoint + ": connection closed"};
}

std::optional<Notification> read_notification(const json::Value& message) {
    const auto method = message.find("method");
    const auto params = message.find("params");
    if (!method || method->text() != "eth_subscription" || !params) {
        return std::nullopt;
    }
    const auto id = params->find("subscription");
    if (!id || !id->is_string()) {
        return std::nullopt;
    }
    Notification out;
    out.subscription = std::string(id->text());
    if (const auto error = params->find("error")) {
        out.error = std::string(error->source());
    } else if (const auto result = params->find("result")) {
        out.result = std::string(result->source());
    } else {
        return std::nullopt;
    }
    return out;
}

// Forgets the call however its coroutine ends.
template <typename Map>
struct PendingCall {
    PendingCall(Map& calls, std::uint64_t call_id) : map(calls), id(call_id) {}
    PendingCall(const PendingCall&) = delete;
    PendingCall& operator=(const PendingCall&) = delete;
    ~PendingCall() { map.erase(id); }
    Map& map;
    std::uint64_t id;
};

async::Task<base::Result<RpcReply>> await_reply(async::OneShot<base::Result<RpcReply>> slot,
                                                std::string method) {
    auto reply = co_await slot.wait();
    if (!reply) {
        co_return async::cancelled_error(std::move(method));
    }
    co_return std::move(*reply);
}

}  // namespace

WsRpc::WsRpc(std::unique_ptr<net::WsClient> socket, async::Timers& timers, std::string endpoint,
             const async::Executor& executor)
    : socket_(std::move(socket)),
      timers_(timers),
      endpoint_(std::move(endpoint)),
      executor_(executor),
      tasks_(executor, "ws-rpc " + endpoint_) {}

WsRpc::~WsRpc() { abort(); }

async::Task<base::Result<std::shared_ptr<WsRpc>>> WsRpc::connect(net::DialContext dial,
                                                                 net::WsRequest request) {
    async::Timers& timers = dial.timers;
    WAVS_CO_TRY(auto url, net::Url::parse(request.url));
    WAVS_CO_TRY(auto socket, co_await net::WsClient::connect(std::move(dial), std::move(request)));
    auto executor = co_await boost::asio::this_coro::executor;
    co_return std::shared_ptr<WsRpc>(
        new WsRpc(std::move(socket), timers, url.redacted(), executor));
}

void WsRpc::abort() {
    closed_ = true;
    socket_->abort();
    fail_all();
}

void WsRpc::fail_all() {
    for (const auto& [id, slot] : pending_) {
        slot.set(link_closed(endpoint_));
    }
}

async::Task<base::Result<RpcReply>> WsRpc::call(std::string method, std::string params,
                                                base::Duration limit) {
    const auto self = shared_from_this();
    if (closed_) {
        co_return link_closed(endpoint_);
    }
    const auto id = next_id_++;
    const async::OneShot<base::Result<RpcReply>> slot(executor_);
    pending_.emplace(id, slot);
    const PendingCall registration(pending_, id);
    const auto socket = socket_;
    WAVS_CO_TRY(co_await socket->send(request_text(id, method, params)));
    auto reply = co_await wait_reply(slot, method, limit);
    if (method == "eth_subscribe" && !reply.has_value() &&
        reply.error().kind() == base::ErrorKind::Timeout) {
        given_up_.insert(id);
    }
    co_return reply;
}

async::Task<base::Result<RpcReply>> WsRpc::wait_reply(async::OneShot<base::Result<RpcReply>> slot,
                                                      std::string method, base::Duration limit) {
    while (true) {
        auto waiting = await_reply(slot, method);
        auto reply = co_await async::with_timeout(timers_, limit, endpoint_ + ": " + method,
                                                  std::move(waiting));
        const bool timed_out =
            !reply.has_value() && reply.error().kind() == base::ErrorKind::Timeout;
        if (timed_out && held_up && !closed_) {
            continue;
        }
        co_return reply;
    }
}

async::Task<std::vector<base::Result<RpcReply>>> WsRpc::call_in_order(
    std::string method, std::vector<std::string> params, base::Duration limit) {
    const auto self = shared_from_this();
    std::vector<base::Result<RpcReply>> out;
    if (closed_) {
        out.assign(params.size(), link_closed(endpoint_));
        co_return out;
    }
    const auto first = next_id_;
    next_id_ += params.size();
    std::deque<PendingCall<decltype(pending_)>> registrations;
    std::vector<async::OneShot<base::Result<RpcReply>>> slots;
    for (std::size_t i = 0; i < params.size(); ++i) {
        slots.emplace_back(executor_);
        pending_.emplace(first + i, slots.back());
        registrations.emplace_back(pending_, first + i);
    }
    const auto socket = socket_;
    if (auto sent = co_await socket->send(batch_text(first, method, params)); !sent.has_value()) {
        out.assign(params.size(), std::move(sent).error());
        co_return out;
    }
    // One limit for all: what did not come with the others does not come.
    auto left = limit;
    for (const auto& slot : slots) {
        out.push_back(co_await wait_reply(slot, method, left));
        if (!out.back().has_value()) {
            left = base::Duration::zero();
        }
    }
    co_return out;
}

std::optional<Notification> WsRpc::dispatch(const json::Value& message) {
    if (message.is_array()) {
        for (const auto& item : message.items()) {
            static_cast<void>(dispatch(item));
        }
        return std::nullopt;
    }
    if (auto notification = read_notification(message)) {
        return notification;
    }
    const auto id = message.find("id");
    auto number = id ? json::read_u64(*id) : base::Result<std::uint64_t>(0);
    if (number.has_value() && given_up_.erase(number.value()) > 0) {
        if (auto late = read_reply(message, number.value()); late.has_value()) {
            late_subscribes_.push_back(std::move(late.value()));
        }
        return std::nullopt;
    }
    const auto found = number.has_value() ? pending_.find(number.value()) : pending_.end();
    if (found == pending_.end()) {
        telemetry::log_warn("chain_evm", "an unexpected message from the chain node",
                            {{"endpoint", endpoint_}, {"bytes", message.source().size()}});
        return std::nullopt;
    }
    auto reply = read_reply(message, found->first);
    if (!reply.has_value()) {
        found->second.set(base::Error(base::ErrorKind::Unavailable, kInvalidResponse,
                                      endpoint_ + ": " + reply.error().message()));
    } else {
        found->second.set(std::move(reply));
    }
    return std::nullopt;
}

async::Task<base::Result<std::optional<Notification>>> WsRpc::read_one() {
    const auto socket = socket_;
    auto text = co_await socket->receive();
    if (!text.has_value()) {
        closed_ = true;
        fail_all();
        co_return std::move(text.error());
    }
    const auto document = json::Document::parse(std::string_view(text.value()));
    if (!document.has_value()) {
        telemetry::log_warn("chain_evm", "a message that is not JSON",
                            {{"endpoint", endpoint_}, {"reason", document.error().message()}});
        co_return std::optional<Notification>();
    }
    co_return dispatch(document.value().root());
}

void WsRpc::start() { tasks_.spawn("read", read_all(weak_from_this())); }

async::Task<void> WsRpc::read_all(std::weak_ptr<WsRpc> weak) {
    // Only the socket is held while waiting, so that the link ends when its last user goes.
    while (true) {
        std::shared_ptr<net::WsClient> socket;
        if (const auto self = weak.lock()) {
            socket = self->socket_;
        } else {
            co_return;
        }
        auto text = co_await socket->receive();
        const auto self = weak.lock();
        if (self == nullptr) {
            co_return;
        }
        if (!text.has_value()) {
            self->closed_ = true;
            self->fail_all();
            co_return;
        }
        const auto document = json::Document::parse(std::string_view(text.value()));
        if (document.has_value()) {
            static_cast<void>(self->dispatch(document.value().root()));
        }
    }
}

}  // namespace wavs::chain_evm
