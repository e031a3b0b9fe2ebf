// SPDX-License-Identifier: Apache-2.0
#include "wavs/chain_evm/subscription.hpp"

#include "subscription_impl.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::chain_evm {
namespace {

constexpr std::uint64_t kPollOverlap = 3;

void normalise(LogFilter& filter) {
    std::sort(filter.addresses.begin(), filter.addresses.end());
    std::sort(filter.topics.begin(), filter.topics.end());
    filter.addresses.erase(std::unique(filter.addresses.begin(), filter.addresses.end()),
                           filter.addresses.end());
    filter.topics.erase(std::unique(filter.topics.begin(), filter.topics.end()),
                        filter.topics.end());
}

}  // namespace

std::vector<LogFilter> split_filter(const LogFilter& filter, std::size_t most) {
    if (filter.addresses.size() <= most || most == 0) {
        return {filter};
    }
    std::vector<LogFilter> out;
    for (std::size_t start = 0; start < filter.addresses.size(); start += most) {
        const auto end = std::min(start + most, filter.addresses.size());
        LogFilter piece;
        piece.topics = filter.topics;
        piece.addresses.assign(filter.addresses.begin() + static_cast<std::ptrdiff_t>(start),
                               filter.addresses.begin() + static_cast<std::ptrdiff_t>(end));
        out.push_back(std::move(piece));
    }
    return out;
}

void WsSubscriber::Impl::change(const std::function<void(Wanted&)>& edit) {
    {
        const std::lock_guard lock(mutex);
        edit(wanted);
        ++wanted.version;
        // Until the change has landed the link counts as busy, whoever looks.
        state.any_active_rpcs_in_flight = state.any_active_rpcs_in_flight || state.is_connected;
    }
    wake_up();
}

void WsSubscriber::Impl::wake_up() {
    const std::lock_guard lock(mutex);
    if (wake) {
        wake->set(true);
    }
}

void WsSubscriber::Impl::count(const std::string& name, const std::string& help) const {
    if (metrics != nullptr) {
        metrics->counter(name, help, {{"chain", options.name}}).add();
    }
}

async::Task<base::Result<void>> WsSubscriber::Impl::pause(base::Duration limit,
                                                          std::uint64_t seen) {
    async::OneShot<bool> changed(strand);
    {
        const std::lock_guard lock(mutex);
        if (wanted.version != seen) {
            co_return base::ok();
        }
        wake = changed;
    }
    using boost::asio::experimental::awaitable_operators::operator||;
    auto winner = co_await (changed.wait() || dial.timers.sleep_for(limit));
    {
        const std::lock_guard lock(mutex);
        wake.reset();
    }
    const bool ended =
        winner.index() == 0 ? !std::get<0>(winner).has_value() : !std::get<1>(winner).has_value();
    if (ended) {
        co_return async::cancelled_error("chain link");
    }
    co_return base::ok();
}

async::Task<base::Result<void>> WsSubscriber::Impl::emit(ChainEvent event) {
    co_return co_await events.send(std::move(event));
}

async::Task<base::Result<void>> WsSubscriber::Impl::deliver(EvmLog log) {
    const auto filter = want().logs;
    if (!filter || !matches(*filter, log)) {
        co_return base::ok();
    }
    const auto key = key_of(log);
    if (log.removed) {
        if (key) {
            window->forget(*key);
        }
        co_return co_await emit(LogRemoved{std::move(log)});
    }
    if (key && window->contains(*key)) {
        co_return base::ok();
    }
    WAVS_CO_TRY(co_await emit(LogSeen{std::move(log)}));
    // Only now: a log whose delivery was cancelled may come again.
    if (key) {
        window->add(*key);
    }
    co_return base::ok();
}

std::optional<std::size_t> WsSubscriber::Impl::priority() const {
    if (options.priority_index && *options.priority_index < options.ws_endpoints.size()) {
        return static_cast<std::size_t>(*options.priority_index);
    }
    return std::nullopt;
}

std::size_t WsSubscriber::Impl::next_endpoint() const {
    const auto count = options.ws_endpoints.size();
    auto best = index;
    auto best_rank = std::pair(true, 0U);
    for (std::size_t step = 1; step <= count; ++step) {
        const auto at = (index + step) % count;
        const auto rank = std::pair(paused_until[at] > now(), scores.of(at));
        if (step == 1 || rank < best_rank) {
            best = at;
            best_rank = rank;
        }
    }
    return best;
}

base::Duration WsSubscriber::Impl::jittered(base::Duration step) {
    const auto fifth = step / 5;
    const auto extra = random.below(static_cast<std::uint64_t>(2 * fifth.count()) + 1);
    return step - fifth + base::Duration(static_cast<base::Duration::rep>(extra));
}

async::Task<base::Result<LinkEnd>> WsSubscriber::Impl::connect_and_pump(std::size_t endpoint) {
    net::WsRequest request;
    request.url = options.ws_endpoints[endpoint];
    request.ping_interval = options.ping_interval;
    request.dead_after = options.dead_after;
    auto connected = co_await WsRpc::connect(dial, std::move(request));
    if (!connected.has_value()) {
        telemetry::log_failure(telemetry::Level::Warn, "chain_evm", "cannot connect to the chain",
                               connected.error(), {{"chain", options.name}});
        co_return LinkEnd::Failed;
    }
    WsSession session(shared_from_this(), std::move(connected.value()), endpoint);
    auto end = co_await session.run();
    update([](SubscriberState& s) { s = SubscriberState(); });
    co_return end;
}

async::Task<base::Result<void>> WsSubscriber::Impl::after_failure() {
    if (index == priority()) {
        force_priority = false;
    }
    ++fails;
    scores.failed(index);
    index = next_endpoint();
    down_since = down_since.value_or(now());
    const auto wait = jittered(backoff);
    if (fails >= options.ws_endpoints.size()) {
        backoff = std::min(backoff * 2, options.max_backoff);
        fails = 0;
    }
    count("wavs_evm_connect_failures_total", "Failed connections to chain endpoints");
    if (options.may_poll && now() - *down_since >= options.poll_after) {
        co_return co_await poll_for(wait);
    }
    co_return co_await dial.timers.sleep_for(wait);
}

async::Task<base::Result<void>> WsSubscriber::Impl::run_ws_once() {
    if (force_priority && priority()) {
        index = *priority();
    }
    if (paused_until[index] > now()) {
        index = next_endpoint();
    }
    if (paused_until[index] > now()) {
        co_return co_await after_failure();
    }
    const auto started = now();
    WAVS_CO_TRY(auto end, co_await connect_and_pump(index));
    if (end == LinkEnd::WrongChain) {
        paused_until[index] = now() + options.wrong_chain_pause;
    }
    const bool stable = end == LinkEnd::Lost && now() - started >= options.stable_after;
    if (end == LinkEnd::ForceSwitch || stable) {
        backoff = options.first_backoff;
        fails = 0;
        down_since.reset();
        force_priority = end == LinkEnd::ForceSwitch;
        // Providers end links that worked for long; that is no failure.
        index = next_endpoint();
        co_return base::ok();
    }
    co_return co_await after_failure();
}

async::Task<base::Result<void>> WsSubscriber::Impl::run() {
    if (options.ws_endpoints.empty() && !options.may_poll) {
        co_return base::Error(base::ErrorKind::Invalid, "missing_endpoint",
                              options.name + ": missing websocket endpoint",
                              "set ws_endpoints or http_endpoint of this chain");
    }
    if (options.priority_index && !priority() && !options.ws_endpoints.empty()) {
        telemetry::log_warn("chain_evm", "ws_priority_endpoint_index is out of range",
                            {{"chain", options.name}, {"index", *options.priority_index}});
    }
    backoff = options.first_backoff;
    force_priority = priority().has_value();
    paused_until.assign(options.ws_endpoints.size(), base::SteadyTime::min());
    while (true) {
        auto done =
            options.ws_endpoints.empty() ? co_await poll_for(std::nullopt) : co_await run_ws_once();
        if (!done.has_value() && done.error().kind() == base::ErrorKind::Cancelled) {
            co_return done;
        }
    }
}

// The form without WebSocket: what a block brought is asked for when the block is seen.
async::Task<base::Result<void>> WsSubscriber::Impl::poll_once(RpcClient& client, std::uint64_t head,
                                                              std::optional<LogFilter>& live) {
    const auto wanted_now = want();
    const auto first = polled_to.value_or(head) + 1;
    if (wanted_now.logs && wanted_now.logs != live) {
        live = wanted_now.logs;
        WAVS_CO_TRY(co_await emit(FilterLive{*wanted_now.logs}));
    }
    if (wanted_now.logs && head >= first) {
        // Some blocks more, for those that a reorganisation replaced; the window drops the rest.
        const auto from = first > kPollOverlap ? first - kPollOverlap : 0;
        WAVS_CO_TRY(auto logs, co_await get_logs_range(client, *wanted_now.logs, from, head));
        for (auto& log : logs) {
            WAVS_CO_TRY(co_await deliver(std::move(log)));
        }
    }
    for (auto number = first; wanted_now.heads && number <= head; ++number) {
        WAVS_CO_TRY(auto header, co_await client.block(BlockRef::at(number)));
        if (header) {
            WAVS_CO_TRY(co_await emit(HeadSeen{std::move(*header)}));
        }
    }
    polled_to = head;
    update([](SubscriberState& s) { s.any_active_rpcs_in_flight = false; });
    co_return base::ok();
}

void WsSubscriber::Impl::set_polling(std::optional<std::string> endpoint) {
    update([&endpoint](SubscriberState& s) {
        s = SubscriberState();
        s.is_connected = s.polling = endpoint.has_value();
        s.current_endpoint = std::move(endpoint);
    });
}

async::Task<base::Result<void>> WsSubscriber::Impl::poll_for(std::optional<base::Duration> limit) {
    const auto started = now();
    RpcClient client(options.calls);
    std::optional<LogFilter> live;
    bool up = false;
    while (!limit || now() - started < *limit) {
        auto head = co_await client.block_number();
        if (head.has_value() && !up) {
            up = true;
            set_polling(client.endpoint());
            WAVS_CO_TRY(co_await emit(Connected{client.endpoint()}));
        }
        base::Result<void> done = base::ok();
        if (head.has_value()) {
            done = co_await poll_once(client, head.value(), live);
        } else {
            done = std::move(head.error());
        }
        if (!done.has_value() && done.error().kind() == base::ErrorKind::Cancelled) {
            co_return done;
        }
        if (!done.has_value() && up) {
            up = false;
            live.reset();
            set_polling(std::nullopt);
            WAVS_CO_TRY(co_await emit(Disconnected{done.error().message()}));
        }
        tick();
        const auto wait = up ? options.poll_interval : jittered(options.first_backoff);
        WAVS_CO_TRY(co_await dial.timers.sleep_for(wait));
    }
    if (up) {
        set_polling(std::nullopt);
        WAVS_CO_TRY(co_await emit(Disconnected{"trying the WebSocket again"}));
    }
    co_return base::ok();
}

WsSubscriber::WsSubscriber(SubscriberOptions options, async::Executor strand, net::DialContext dial,
                           base::RandomSource& random, std::shared_ptr<LogWindow> window,
                           ChainEvents& events, telemetry::Metrics* metrics)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(strand), std::move(dial), random,
                                   std::move(window), events, metrics)) {}
WsSubscriber::~WsSubscriber() = default;

void WsSubscriber::set_logs(std::optional<LogFilter> filter) {
    if (filter) {
        normalise(*filter);
    }
    impl_->change([&filter](Wanted& wanted) { wanted.logs = std::move(filter); });
}

void WsSubscriber::set_heads(bool on) {
    impl_->change([on](Wanted& wanted) { wanted.heads = on; });
}

void WsSubscriber::renew_logs() {
    impl_->change([](Wanted& wanted) { ++wanted.renewal; });
}

async::Task<base::Result<void>> WsSubscriber::run() {
    auto impl = impl_;
    co_return co_await impl->run();
}

SubscriberState WsSubscriber::state() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->state;
}

}  // namespace wavs::chain_evm
