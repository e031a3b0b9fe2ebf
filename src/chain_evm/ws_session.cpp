// SPDX-License-Identifier: Apache-2.0
#include "subscription_impl.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <set>

namespace wavs::chain_evm {
namespace {

constexpr std::size_t kMaxBuffered = 10'000;
constexpr unsigned kMaxSubscribeTries = 3;
// Subscriptions whose logs were found missing, after which the endpoint is left.
constexpr unsigned kMaxRenewals = 3;

std::string subscribe_params(const ActiveSubscription& wanted) {
    return wanted.kind == ActiveSubscription::Kind::NewHeads
               ? std::string(R"(["newHeads"])")
               : fmt::format(R"(["logs",{}])", to_json(wanted.filter));
}

bool same(const ActiveSubscription& a, const ActiveSubscription& b) {
    return a.kind == b.kind && a.filter == b.filter;
}

base::Result<std::string> subscription_id(RpcReply reply) {
    WAVS_TRY(auto result, result_of("eth_subscribe", std::move(reply)));
    const auto document = json::Document::parse(std::string_view(result));
    if (!document.has_value() || !document.value().root().is_string()) {
        return base::Error(base::ErrorKind::Unavailable, kInvalidResponse,
                           "eth_subscribe: the subscription id is not a string");
    }
    return std::string(document.value().root().text());
}

}  // namespace

WsSession::WsSession(std::shared_ptr<WsSubscriber::Impl> owner, std::shared_ptr<WsRpc> link,
                     std::size_t endpoint)
    : owner_(std::move(owner)),
      link_(std::move(link)),
      endpoint_(endpoint),
      deliver_lock_(owner_->strand),
      renewed_(owner_->want().renewal),
      probe_(owner_->options.usual_block_time, owner_->options.tick),
      stale_since_(owner_->now()) {}

async::Task<LinkEnd> WsSession::read_loop() {
    while (true) {
        auto got = co_await link_->read_one();
        if (!got.has_value()) {
            co_return ended(got.error().message());
        }
        if (!got.value()) {
            continue;
        }
        auto done = co_await on_notification(std::move(*got.value()));
        if (!done.has_value()) {
            co_return ended(done.error().message());
        }
    }
}

LinkEnd WsSession::ended(std::string_view why, LinkEnd end) {
    if (reason_.empty()) {
        reason_ = std::string(why);
    }
    link_->abort();
    return end;
}

async::Task<base::Result<void>> WsSession::on_notification(Notification notification) {
    // The lock keeps the order while buffered messages of a new subscription are handed on.
    WAVS_CO_TRY(auto guard, co_await deliver_lock_.lock());
    const auto found = active_.find(notification.subscription);
    if (found == active_.end()) {
        const auto oldest = owner_->now() - owner_->options.unknown_id_buffer;
        while (!buffered_.empty() &&
               (buffered_.front().since < oldest || buffered_.size() >= kMaxBuffered)) {
            buffered_.pop_front();
        }
        buffered_.push_back({std::move(notification), owner_->now()});
        co_return base::ok();
    }
    if (notification.error) {
        // The node gave this subscription up: the next round makes it anew.
        active_.erase(found);
        live_.reset();
        publish_state();
        co_return base::ok();
    }
    const auto kind = found->second.kind;
    co_return co_await process(kind, std::move(notification));
}

async::Task<base::Result<void>> WsSession::process(ActiveSubscription::Kind kind,
                                                   Notification notification) {
    std::optional<base::Error> unreadable;
    link_->held_up = true;
    base::Result<void> done = base::ok();
    if (kind == ActiveSubscription::Kind::NewHeads) {
        auto header = parse_header(notification.result);
        if (header.has_value()) {
            stale_since_ = owner_->now();
            probe_.on_head(header.value().number, stale_since_);
            done = co_await owner_->emit(HeadSeen{std::move(header.value())});
        } else {
            unreadable = std::move(header.error());
        }
    } else {
        auto log = parse_log(notification.result);
        if (log.has_value()) {
            done = co_await owner_->deliver(std::move(log.value()));
        } else {
            unreadable = std::move(log.error());
        }
    }
    link_->held_up = false;
    if (unreadable) {
        telemetry::log_failure(telemetry::Level::Warn, "chain_evm",
                               "an event that cannot be read was skipped", *unreadable,
                               {{"chain", owner_->options.name}});
    }
    co_return done;
}

async::Task<base::Result<void>> WsSession::subscribe(ActiveSubscription wanted) {
    WAVS_CO_TRY(auto reply, co_await link_->call("eth_subscribe", subscribe_params(wanted),
                                                 owner_->options.response_timeout));
    WAVS_CO_TRY(const auto id, subscription_id(std::move(reply)));
    WAVS_CO_TRY(auto guard, co_await deliver_lock_.lock());
    const auto kind = wanted.kind;
    active_.insert_or_assign(id, std::move(wanted));
    std::vector<Notification> early;
    for (auto it = buffered_.begin(); it != buffered_.end();) {
        if (it->notification.subscription == id) {
            early.push_back(std::move(it->notification));
            it = buffered_.erase(it);
        } else {
            ++it;
        }
    }
    for (auto& notification : early) {
        WAVS_CO_TRY(co_await process(kind, std::move(notification)));
    }
    co_return base::ok();
}

async::Task<void> WsSession::unsubscribe(std::string id) {
    auto reply = co_await link_->call("eth_unsubscribe", fmt::format("[\"{}\"]", id),
                                      owner_->options.response_timeout);
    // Refused or not, its events are filtered and de-duplicated from here on.
    if (!reply.has_value()) {
        telemetry::log_failure(telemetry::Level::Debug, "chain_evm", "eth_unsubscribe failed",
                               reply.error(), {{"chain", owner_->options.name}});
    }
    active_.erase(id);
}

async::Task<void> WsSession::unsubscribe_late() {
    for (auto& reply : link_->take_late_subscribes()) {
        auto id = subscription_id(std::move(reply));
        // A node may give equal subscriptions one id.
        if (id.has_value() && !active_.contains(id.value())) {
            co_await unsubscribe(std::move(id.value()));
        }
    }
}

async::Task<base::Result<bool>> WsSession::reconcile_heads(bool wanted) {
    std::optional<std::string> current;
    for (const auto& [id, what] : active_) {
        if (what.kind == ActiveSubscription::Kind::NewHeads) {
            current = id;
        }
    }
    if (wanted == current.has_value()) {
        co_return true;
    }
    if (current) {
        co_await unsubscribe(std::move(*current));
        co_return true;
    }
    ActiveSubscription heads;
    stale_since_ = owner_->now();
    probe_.subscribed(stale_since_);
    WAVS_CO_TRY(co_await subscribe(std::move(heads)));
    co_return true;
}

async::Task<base::Result<bool>> WsSession::reconcile_logs(std::optional<LogFilter> wanted) {
    const auto renewal = owner_->want().renewal;
    const bool renew = renewal != renewed_;
    if (wanted == live_ && !renew) {
        co_return true;
    }
    std::set<std::string> silent;
    for (const auto& [id, what] : active_) {
        if (renew && what.kind == ActiveSubscription::Kind::Logs) {
            silent.insert(id);
        }
    }
    std::vector<ActiveSubscription> pieces;
    if (wanted) {
        for (auto& filter : split_filter(*wanted, owner_->options.max_filter_addresses)) {
            pieces.push_back({ActiveSubscription::Kind::Logs, std::move(filter)});
        }
    }
    // First everything new, then the end of the old: no log falls between the two.
    for (const auto& piece : pieces) {
        const bool there = std::any_of(active_.begin(), active_.end(), [&](const auto& item) {
            return same(item.second, piece) && !silent.contains(item.first);
        });
        if (!there) {
            WAVS_CO_TRY(co_await subscribe(piece));
        }
    }
    live_ = wanted;
    renewals_ += renew ? 1U : 0U;
    renewed_ = renewal;
    publish_state();
    if (wanted) {
        WAVS_CO_TRY(co_await owner_->emit(FilterLive{*wanted}));
    }
    std::vector<std::string> old;
    for (const auto& active : active_) {
        const auto& what = active.second;
        const bool keep = what.kind != ActiveSubscription::Kind::Logs ||
                          (!silent.contains(active.first) &&
                           std::any_of(pieces.begin(), pieces.end(),
                                       [&what](const auto& piece) { return same(what, piece); }));
        if (!keep) {
            old.push_back(active.first);
        }
    }
    for (auto& id : old) {
        co_await unsubscribe(std::move(id));
    }
    co_return true;
}

async::Task<base::Result<bool>> WsSession::reconcile() {
    const auto wanted = owner_->want();
    owner_->update([](SubscriberState& state) { state.any_active_rpcs_in_flight = true; });
    auto heads = co_await reconcile_heads(wanted.heads);
    if (!heads.has_value()) {
        co_return heads;
    }
    auto logs = co_await reconcile_logs(wanted.logs);
    publish_state();
    if (!logs.has_value()) {
        co_return logs;
    }
    co_await unsubscribe_late();
    co_return owner_->want().version == wanted.version;
}

void WsSession::publish_state() {
    owner_->update([this](SubscriberState& state) {
        state.active_subscriptions = active_;
        state.any_active_rpcs_in_flight = link_->in_flight() > 0;
    });
}

async::Task<LinkEnd> WsSession::control_loop() {
    if (auto checked = co_await check_chain(); !checked.has_value()) {
        co_return ended(checked.error().message(),
                        is_wrong_chain(checked.error()) ? LinkEnd::WrongChain : LinkEnd::Failed);
    }
    owner_->update([this](SubscriberState& state) {
        state.current_endpoint = link_->endpoint();
        state.is_connected = true;
        state.any_active_rpcs_in_flight = true;
    });
    connected_ = true;
    if (auto sent = co_await owner_->emit(Connected{link_->endpoint()}); !sent.has_value()) {
        co_return ended(sent.error().message());
    }
    base::Duration retry_after = owner_->options.first_backoff;
    unsigned failures = 0;
    while (true) {
        const auto version = owner_->want().version;
        auto settled = co_await reconcile();
        base::Duration wait = owner_->options.tick;
        if (settled.has_value()) {
            failures = 0;
        } else if (++failures >= kMaxSubscribeTries || link_->closed()) {
            co_return ended(settled.error().message(), LinkEnd::Failed);
        } else {
            wait = owner_->jittered(retry_after);
            retry_after = std::min(retry_after * 2, owner_->options.max_backoff);
        }
        auto woken = co_await owner_->pause(wait, version);
        if (woken.has_value() && owner_->want().version != version) {
            // Many registrations in a row cost one change of the filter.
            woken = co_await owner_->dial.timers.sleep_for(owner_->options.debounce);
        }
        if (!woken.has_value()) {
            co_return ended(woken.error().message());
        }
        owner_->tick();
        if (auto why = co_await probe_heads()) {
            co_return ended(*why, LinkEnd::Failed);
        }
        if (renewals_ > kMaxRenewals) {
            co_return ended("its subscriptions to logs stay silent", LinkEnd::Failed);
        }
        if (co_await head_is_stale()) {
            co_return ended("no new block for too long", LinkEnd::Failed);
        }
    }
}

async::Task<base::Result<LinkEnd>> WsSession::run() {
    using boost::asio::experimental::awaitable_operators::operator||;
    const auto winner = co_await (read_loop() || control_loop() || probe_loop());
    const auto end = winner.index() == 0   ? std::get<0>(winner)
                     : winner.index() == 1 ? std::get<1>(winner)
                                           : std::get<2>(winner);
    link_->abort();
    if (connected_) {
        WAVS_CO_TRY(co_await owner_->emit(Disconnected{reason_}));
    }
    co_return end;
}

}  // namespace wavs::chain_evm
