// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/peers.hpp"

#include "library.hpp"
#include "peer_library.hpp"
#include "status.hpp"

#include <string.h>

#include <algorithm>

namespace wavs::rt {
namespace {

// As for the engine's structs: a drift that keeps the version number is caught here.
static_assert(sizeof(wavs_p2p_options) == 184);
static_assert(sizeof(wavs_p2p_callbacks) == 24);

base::Error library_error(const PeerLibrary& library, const wavs_rt_error& error) {
    const auto message = take(library, error.message);
    return peer_error_of(error.status, std::string(base::as_text(message)));
}

std::vector<wavs_rt_slice> slices_of(const std::vector<std::string>& texts) {
    std::vector<wavs_rt_slice> out;
    out.reserve(texts.size());
    for (const auto& text : texts) {
        out.push_back(slice_of(text));
    }
    return out;
}

std::uint32_t millis_of(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds::rep kMost = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(
        std::clamp(time.count(), std::chrono::milliseconds::rep{0}, kMost));
}

// The C options with the secret in them, which does not stay behind on the stack.
struct Translated {
    Translated(const PeerOptions& from, std::span<const std::uint8_t, 32> identity)
        : bootstrap(slices_of(from.bootstrap)),
          listen(slices_of(from.listen)),
          external(slices_of(from.external)) {
        to.mode = static_cast<std::uint32_t>(from.discovery);
        to.flags = from.listen_ip6 ? WAVS_P2P_LISTEN_IP6 : 0;
        std::copy(identity.begin(), identity.end(), to.identity);
        to.listen_port = from.listen_port;
        to.max_retry_ms = millis_of(from.max_retry);
        to.retry_interval_ms = millis_of(from.retry_interval);
        to.discovery_interval_ms = millis_of(from.discovery_interval);
        to.catchup_timeout_ms = millis_of(from.catchup_timeout);
        to.max_pending_publishes = from.max_pending_publishes;
        to.max_catchups_per_service = from.max_catchups_per_service;
        to.peer_messages_per_second = from.peer_messages_per_second;
        to.peer_message_burst = from.peer_message_burst;
        to.bootstrap = bootstrap.data();
        to.bootstrap_len = bootstrap.size();
        to.listen = listen.data();
        to.listen_len = listen.size();
        to.external = external.data();
        to.external_len = external.size();
        to.agent = slice_of(from.agent);
    }
    ~Translated() { explicit_bzero(to.identity, sizeof(to.identity)); }
    Translated(const Translated&) = delete;
    Translated& operator=(const Translated&) = delete;

    std::vector<wavs_rt_slice> bootstrap;
    std::vector<wavs_rt_slice> listen;
    std::vector<wavs_rt_slice> external;
    wavs_p2p_options to{};
};

}  // namespace

struct PeerNode::Handle {
    Handle(const PeerLibrary& functions, PeerEvents& receiver)
        : library(functions), events(receiver) {}
    ~Handle() { library.node_free(node); }
    Handle(const Handle&) = delete;
    Handle& operator=(const Handle&) = delete;

    static void on_event(void* user, wavs_rt_buf event) noexcept {
        auto& handle = *static_cast<Handle*>(user);
        handle.events.event(take(handle.library, event));
    }
    static void on_ended(void* user, std::uint32_t status, wavs_rt_slice message) noexcept {
        std::optional<base::Error> error;
        if (status != WAVS_P2P_STATUS_OK) {
            error = peer_error_of(status, std::string(base::as_text(view_of(message))));
        }
        static_cast<Handle*>(user)->events.ended(std::move(error));
    }

    template <typename Function, typename... Args>
    base::Result<void> call(Function function, Args... args) const {
        wavs_rt_error error{};
        if (function(node, args..., &error) != 0) {
            return library_error(library, error);
        }
        return base::ok();
    }

    const PeerLibrary& library;
    PeerEvents& events;
    wavs_p2p* node = nullptr;
};

PeerNode::PeerNode(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
PeerNode::~PeerNode() = default;

base::Result<std::unique_ptr<PeerNode>> PeerNode::create(const PeerLibrary& library,
                                                         const PeerOptions& options,
                                                         std::span<const std::uint8_t, 32> identity,
                                                         PeerEvents& events) {
    if (const auto version = library.abi_version(); version != WAVS_RT_ABI_VERSION) {
        return abi_error(version);
    }
    const Translated translated(options, identity);
    auto handle = std::make_unique<Handle>(library, events);
    const wavs_p2p_callbacks callbacks{
        .user = handle.get(), .event = Handle::on_event, .ended = Handle::on_ended};
    wavs_rt_error error{};
    handle->node = library.node_new(&translated.to, &callbacks, &error);
    if (handle->node == nullptr) {
        return library_error(library, error);
    }
    return std::unique_ptr<PeerNode>(new PeerNode(std::move(handle)));
}

base::Result<void> PeerNode::subscribe(const Hash& service) {
    return handle_->call(handle_->library.subscribe, service.data());
}
base::Result<void> PeerNode::unsubscribe(const Hash& service) {
    return handle_->call(handle_->library.unsubscribe, service.data());
}
base::Result<void> PeerNode::publish(const Hash& service, base::ByteView data) {
    return handle_->call(handle_->library.publish, service.data(), slice_of(data));
}
base::Result<void> PeerNode::judge(std::uint64_t token, PeerVerdict verdict) {
    return handle_->call(handle_->library.judge, token, static_cast<std::uint32_t>(verdict));
}
base::Result<void> PeerNode::answer_catchup(std::uint64_t token, base::ByteView answer) {
    return handle_->call(handle_->library.answer_catchup, token, slice_of(answer));
}
base::Result<void> PeerNode::request_catchup(const Hash& service) {
    return handle_->call(handle_->library.request_catchup, service.data());
}
base::Result<void> PeerNode::grant(std::uint64_t events) {
    return handle_->call(handle_->library.grant, events);
}

base::Result<base::Bytes> PeerNode::status() const {
    wavs_rt_buf flat{};
    WAVS_TRY(handle_->call(handle_->library.get_status, &flat));
    return take(handle_->library, flat);
}

void PeerNode::stop() { handle_->library.node_stop(handle_->node); }

}  // namespace wavs::rt
