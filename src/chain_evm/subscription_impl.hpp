// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "head_probe.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/chain_evm/rpc_pool.hpp"
#include "wavs/chain_evm/subscription.hpp"
#include "ws_rpc.hpp"

#include <deque>
#include <mutex>

namespace wavs::chain_evm {

/// What the subscriber should be subscribed to; changed from any thread, read by the running task.
struct Wanted {
    std::optional<LogFilter> logs;
    bool heads = false;
    /// Grows when the subscriptions for logs are to be made anew.
    std::uint64_t renewal = 0;
    std::uint64_t version = 0;
};

/// Pieces of at most `most` addresses.
std::vector<LogFilter> split_filter(const LogFilter& filter, std::size_t most);

/// How a link ended, for the choice of the next endpoint.
enum class LinkEnd : std::uint8_t {
    Lost,    ///< it broke
    Failed,  ///< it was no use: it never came up, or did not deliver what it should
    WrongChain,
    ForceSwitch,
};

struct WsSubscriber::Impl : std::enable_shared_from_this<WsSubscriber::Impl> {
    Impl(SubscriberOptions subscriber_options, async::Executor executor,
         net::DialContext dial_context, base::RandomSource& source,
         std::shared_ptr<LogWindow> log_window, ChainEvents& event_channel,
         telemetry::Metrics* registry)
        : options(std::move(subscriber_options)),
          strand(std::move(executor)),
          dial(std::move(dial_context)),
          random(source),
          window(std::move(log_window)),
          events(event_channel),
          metrics(registry),
          scores(options.ws_endpoints.size(), dial.clock) {}

    const SubscriberOptions options;
    const async::Executor strand;
    const net::DialContext dial;
    base::RandomSource& random;
    const std::shared_ptr<LogWindow> window;
    ChainEvents& events;
    telemetry::Metrics* const metrics;

    mutable std::mutex mutex;
    Wanted wanted;
    SubscriberState state;
    std::optional<async::OneShot<bool>> wake;

    // Of the running task only.
    EndpointScores scores;
    std::size_t index = 0;
    bool force_priority = false;
    std::size_t fails = 0;
    base::Duration backoff{};
    std::vector<base::SteadyTime> paused_until;
    std::optional<base::SteadyTime> down_since;
    std::optional<std::uint64_t> polled_to;

    Wanted want() const {
        const std::lock_guard lock(mutex);
        return wanted;
    }
    void change(const std::function<void(Wanted&)>& edit);
    void update(const std::function<void(SubscriberState&)>& edit) {
        const std::lock_guard lock(mutex);
        edit(state);
    }
    void wake_up();
    void count(const std::string& name, const std::string& help) const;
    base::SteadyTime now() const { return dial.clock.steady_now(); }

    /// Until what is wanted differs from version `seen`, or for `limit`.
    async::Task<base::Result<void>> pause(base::Duration limit, std::uint64_t seen);
    async::Task<base::Result<void>> emit(ChainEvent event);
    /// A log from either form of the link: filter, window, event.
    async::Task<base::Result<void>> deliver(EvmLog log);

    async::Task<base::Result<void>> run();
    async::Task<base::Result<void>> run_ws_once();
    async::Task<base::Result<void>> after_failure();
    async::Task<base::Result<void>> poll_for(std::optional<base::Duration> limit);
    async::Task<base::Result<void>> poll_once(RpcClient& client, std::uint64_t head,
                                              std::optional<LogFilter>& live);
    void set_polling(std::optional<std::string> endpoint);
    async::Task<base::Result<LinkEnd>> connect_and_pump(std::size_t endpoint);
    std::optional<std::size_t> priority() const;
    /// Where to go from the current endpoint: the one that did best lately, in turn among equals.
    std::size_t next_endpoint() const;
    /// The time to look again, if the reader is not busy anyway.
    void tick() { (void)events.try_send(Wake{}); }
    base::Duration jittered(base::Duration step);
};

/// One connection of a subscriber, from the subscribes to its end. On the subscriber's strand.
class WsSession {
public:
    WsSession(std::shared_ptr<WsSubscriber::Impl> owner, std::shared_ptr<WsRpc> link,
              std::size_t endpoint);

    /// Checks the chain, subscribes, and keeps the subscriptions as wanted until the link ends. The
    /// tasks below run side by side; the end of one ends the others.
    async::Task<base::Result<LinkEnd>> run();

private:
    struct Buffered {
        Notification notification;
        base::SteadyTime since;
    };

    async::Task<LinkEnd> read_loop();
    async::Task<LinkEnd> control_loop();
    async::Task<LinkEnd> probe_loop();
    async::Task<base::Result<void>> check_chain();
    async::Task<bool> priority_is_healthy();
    async::Task<base::Result<void>> on_notification(Notification notification);
    async::Task<base::Result<void>> process(ActiveSubscription::Kind kind,
                                            Notification notification);
    /// True when everything is as wanted.
    async::Task<base::Result<bool>> reconcile();
    async::Task<base::Result<void>> subscribe(ActiveSubscription wanted);
    async::Task<void> unsubscribe(std::string id);
    /// Of the subscribes that were answered after they had been given up.
    async::Task<void> unsubscribe_late();
    async::Task<base::Result<bool>> reconcile_heads(bool wanted);
    async::Task<base::Result<bool>> reconcile_logs(std::optional<LogFilter> wanted);
    async::Task<bool> head_is_stale();
    /// These two: why the link is to be given up, if it is.
    async::Task<std::optional<std::string>> probe_heads();
    async::Task<std::optional<std::string>> compare_with_others(std::uint64_t newest);
    async::Task<base::Result<void>> replace_heads();
    void publish_state();
    LinkEnd ended(std::string_view why, LinkEnd end = LinkEnd::Lost);

    std::shared_ptr<WsSubscriber::Impl> owner_;
    std::shared_ptr<WsRpc> link_;
    const std::size_t endpoint_;
    async::Mutex deliver_lock_;
    std::map<std::string, ActiveSubscription> active_;
    std::deque<Buffered> buffered_;
    std::optional<LogFilter> live_;
    std::uint64_t renewed_ = 0;
    unsigned renewals_ = 0;
    HeadProbe probe_;
    base::SteadyTime stale_since_;
    unsigned behind_ = 0;
    bool connected_ = false;
    std::string reason_;
};

}  // namespace wavs::chain_evm
