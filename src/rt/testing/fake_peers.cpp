// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/testing/fake_peers.hpp"

#include "fake_state.hpp"
#include "peer_library.hpp"
#include "wavs/base/assert.hpp"
#include "wavs/base/hex.hpp"

#include <algorithm>

namespace wavs::rt::testing {

struct FakePeers::Impl {
    struct End {
        FakePeerStatus status;
        std::string message;
    };

    void loop();
    void finish();
    std::uint32_t call(std::string text, wavs_rt_error* error);
    void wait(const std::function<bool()>& until) const;

    mutable std::mutex mutex;
    mutable std::condition_variable changed;
    std::thread thread;
    wavs_p2p_callbacks callbacks{};
    std::optional<PeerOptions> options;
    Hash identity{};
    std::uint32_t abi = WAVS_RT_ABI_VERSION;
    std::optional<End> start_refusal;
    std::optional<End> call_refusal;
    std::optional<End> end;
    bool ended = false;
    bool status_held = false;
    base::Bytes status;
    std::deque<base::Bytes> events;
    std::vector<std::string> calls;
    std::uint64_t credits = 0;
    std::uint64_t granted = 0;
    std::size_t delivered = 0;
    std::size_t statuses_asked = 0;
};

namespace {

// The C interface has no context at the start of a node, so the fake that is alive stands here.
std::atomic<FakePeers::Impl*> g_current{nullptr};

FakePeers::Impl& fake_of(const wavs_p2p* node) {
    WAVS_ASSERT(node != nullptr);
    return *g_current.load();
}

std::uint32_t refuse(wavs_rt_error* error, FakePeerStatus status, std::string_view message) {
    error->status = static_cast<std::uint32_t>(status);
    error->message = fake_buf_copy(slice_of(message));
    return 1;
}

std::vector<std::string> texts_of(const wavs_rt_slice* slices, std::size_t count) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) {
        out.emplace_back(base::as_text(view_of(slices[i])));
    }
    return out;
}

PeerOptions options_of(const wavs_p2p_options& from) {
    PeerOptions to;
    to.discovery = static_cast<PeerDiscovery>(from.mode);
    to.listen_ip6 = (from.flags & WAVS_P2P_LISTEN_IP6) != 0;
    to.listen_port = static_cast<std::uint16_t>(from.listen_port);
    to.listen = texts_of(from.listen, from.listen_len);
    to.bootstrap = texts_of(from.bootstrap, from.bootstrap_len);
    to.external = texts_of(from.external, from.external_len);
    to.max_retry = std::chrono::milliseconds(from.max_retry_ms);
    to.retry_interval = std::chrono::milliseconds(from.retry_interval_ms);
    to.discovery_interval = std::chrono::milliseconds(from.discovery_interval_ms);
    to.catchup_timeout = std::chrono::milliseconds(from.catchup_timeout_ms);
    to.max_pending_publishes = from.max_pending_publishes;
    to.max_catchups_per_service = from.max_catchups_per_service;
    to.peer_messages_per_second = from.peer_messages_per_second;
    to.peer_message_burst = from.peer_message_burst;
    to.agent = base::as_text(view_of(from.agent));
    return to;
}

wavs_p2p* node_new(const wavs_p2p_options* options, const wavs_p2p_callbacks* callbacks,
                   wavs_rt_error* error) {
    auto& fake = *g_current.load();
    const std::lock_guard lock(fake.mutex);
    fake.options = options_of(*options);
    std::copy_n(options->identity, fake.identity.size(), fake.identity.begin());
    if (fake.start_refusal) {
        refuse(error, fake.start_refusal->status, fake.start_refusal->message);
        return nullptr;
    }
    fake.callbacks = *callbacks;
    fake.thread = std::thread([&fake] { fake.loop(); });
    return reinterpret_cast<wavs_p2p*>(&fake);
}

void node_stop(wavs_p2p* node) { fake_of(node).finish(); }
void node_free(wavs_p2p* node) {
    if (node != nullptr) {
        fake_of(node).finish();
    }
}

std::string first_byte(const std::uint8_t* service) { return base::hex({service, 1}); }

std::uint32_t subscribe(wavs_p2p* node, const std::uint8_t* service, wavs_rt_error* error) {
    return fake_of(node).call("subscribe " + first_byte(service), error);
}
std::uint32_t unsubscribe(wavs_p2p* node, const std::uint8_t* service, wavs_rt_error* error) {
    return fake_of(node).call("unsubscribe " + first_byte(service), error);
}
std::uint32_t publish(wavs_p2p* node, const std::uint8_t* service, wavs_rt_slice data,
                      wavs_rt_error* error) {
    return fake_of(node).call(fmt::format("publish {} {} bytes", first_byte(service), data.len),
                              error);
}
std::uint32_t judge(wavs_p2p* node, std::uint64_t token, std::uint32_t verdict,
                    wavs_rt_error* error) {
    return fake_of(node).call(fmt::format("judge {} {}", token, verdict), error);
}
std::uint32_t answer_catchup(wavs_p2p* node, std::uint64_t token, wavs_rt_slice answer,
                             wavs_rt_error* error) {
    return fake_of(node).call(fmt::format("answer {} {} bytes", token, answer.len), error);
}
std::uint32_t request_catchup(wavs_p2p* node, const std::uint8_t* service, wavs_rt_error* error) {
    return fake_of(node).call("request " + first_byte(service), error);
}

std::uint32_t grant(wavs_p2p* node, std::uint64_t events, wavs_rt_error* error) {
    auto& fake = fake_of(node);
    const std::lock_guard lock(fake.mutex);
    if (fake.ended) {
        return refuse(error, FakePeerStatus::Stopped, "the p2p node has ended");
    }
    fake.credits += events;
    fake.granted += events;
    fake.changed.notify_all();
    return 0;
}

std::uint32_t get_status(const wavs_p2p* node, wavs_rt_buf* out, wavs_rt_error* error) {
    auto& fake = fake_of(node);
    std::unique_lock lock(fake.mutex);
    ++fake.statuses_asked;
    fake.changed.notify_all();
    fake.changed.wait(lock, [&] { return !fake.status_held || fake.ended; });
    if (fake.ended) {
        return refuse(error, FakePeerStatus::Stopped, "the p2p node has ended");
    }
    *out = fake_buf_copy(slice_of(fake.status));
    return 0;
}

std::uint32_t abi_version() { return g_current.load()->abi; }

constexpr PeerLibrary kFake = {.abi_version = abi_version,
                               .buf_release = fake_buf_release,
                               .node_new = node_new,
                               .node_stop = node_stop,
                               .node_free = node_free,
                               .subscribe = subscribe,
                               .unsubscribe = unsubscribe,
                               .publish = publish,
                               .judge = judge,
                               .answer_catchup = answer_catchup,
                               .request_catchup = request_catchup,
                               .grant = grant,
                               .get_status = get_status};

}  // namespace

// Hands over what has credit until the end; what waits then is lost, as in the library.
void FakePeers::Impl::loop() {
    std::unique_lock lock(mutex);
    while (!end) {
        if (credits == 0 || events.empty()) {
            changed.wait(lock);
            continue;
        }
        const auto event = std::move(events.front());
        events.pop_front();
        --credits;
        lock.unlock();
        callbacks.event(callbacks.user, fake_buf_copy(slice_of(event)));
        lock.lock();
        ++delivered;
        changed.notify_all();
    }
    ended = true;
    const auto how = *end;
    lock.unlock();
    callbacks.ended(callbacks.user, static_cast<std::uint32_t>(how.status), slice_of(how.message));
    changed.notify_all();
}

void FakePeers::Impl::finish() {
    {
        const std::lock_guard lock(mutex);
        if (!end) {
            end = End{FakePeerStatus::Ok, ""};
        }
        changed.notify_all();
    }
    if (thread.joinable()) {
        thread.join();
    }
}

std::uint32_t FakePeers::Impl::call(std::string text, wavs_rt_error* error) {
    const std::lock_guard lock(mutex);
    if (ended) {
        return refuse(error, FakePeerStatus::Stopped, "the p2p node has ended");
    }
    if (call_refusal) {
        return refuse(error, call_refusal->status, call_refusal->message);
    }
    calls.push_back(std::move(text));
    return 0;
}

void FakePeers::Impl::wait(const std::function<bool()>& until) const {
    std::unique_lock lock(mutex);
    WAVS_ASSERT(changed.wait_for(lock, std::chrono::seconds(60), until));
}

FakePeers::FakePeers() : impl_(std::make_unique<Impl>()) {
    WAVS_ASSERT(g_current.exchange(impl_.get()) == nullptr);
}
FakePeers::~FakePeers() { g_current.store(nullptr); }

const PeerLibrary& FakePeers::library() const { return kFake; }
void FakePeers::set_abi_version(std::uint32_t version) { impl_->abi = version; }
void FakePeers::refuse_start(FakePeerStatus status, std::string message) {
    impl_->start_refusal = Impl::End{status, std::move(message)};
}
void FakePeers::refuse_calls(FakePeerStatus status, std::string message) {
    const std::lock_guard lock(impl_->mutex);
    impl_->call_refusal.reset();
    if (status != FakePeerStatus::Ok) {
        impl_->call_refusal = Impl::End{status, std::move(message)};
    }
}
void FakePeers::set_status(base::Bytes flat) {
    const std::lock_guard lock(impl_->mutex);
    impl_->status = std::move(flat);
}
void FakePeers::hold_status(bool hold) {
    const std::lock_guard lock(impl_->mutex);
    impl_->status_held = hold;
    impl_->changed.notify_all();
}
void FakePeers::push(base::Bytes event) {
    const std::lock_guard lock(impl_->mutex);
    impl_->events.push_back(std::move(event));
    impl_->changed.notify_all();
}
void FakePeers::end(FakePeerStatus status, std::string message) {
    const std::lock_guard lock(impl_->mutex);
    impl_->end = Impl::End{status, std::move(message)};
    impl_->changed.notify_all();
}

std::optional<PeerOptions> FakePeers::options() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->options;
}
Hash FakePeers::identity() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->identity;
}
std::vector<std::string> FakePeers::calls() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->calls;
}
std::uint64_t FakePeers::granted() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->granted;
}
std::size_t FakePeers::delivered() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->delivered;
}
std::size_t FakePeers::waiting() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->events.size();
}
std::size_t FakePeers::statuses_asked() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->statuses_asked;
}
void FakePeers::wait_delivered(std::size_t events) const {
    impl_->wait([&] { return impl_->delivered >= events; });
}
void FakePeers::wait_statuses_asked(std::size_t calls) const {
    impl_->wait([&] { return impl_->statuses_asked >= calls; });
}

}  // namespace wavs::rt::testing
