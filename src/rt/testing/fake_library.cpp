// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/testing/fake_library.hpp"

#include "fake_state.hpp"
#include "wavs/base/assert.hpp"

#include <algorithm>
#include <atomic>

namespace wavs::rt::testing {
namespace {

// The C interface has no context, so the fake that is alive stands here.
std::atomic<FakeLibrary::Impl*> g_current{nullptr};

FakeLibrary::Impl& current() {
    auto* fake = g_current.load();
    WAVS_ASSERT(fake != nullptr);
    return *fake;
}

Hash hash_at(const std::uint8_t* bytes) {
    Hash out{};
    std::copy_n(bytes, out.size(), out.begin());
    return out;
}

wavs_rt_engine* engine_new(const wavs_rt_options* options, const wavs_rt_callbacks* callbacks,
                           wavs_rt_error* /*error*/) {
    auto& fake = current();
    const std::lock_guard lock(fake.mutex);
    fake.callbacks = *callbacks;
    fake.stopped = false;
    fake.options =
        EngineOptions{.guest_threads = options->guest_threads,
                      .max_in_flight = options->max_in_flight,
                      .pool_slots = options->pool_slots,
                      .compile_jobs = options->compile_jobs,
                      .component_cache = options->component_cache,
                      .max_table_elements = options->max_table_elements,
                      .max_handles = options->max_handles,
                      .stdio_cap_bytes = options->stdio_cap_bytes,
                      .max_memory_bytes = options->max_memory_bytes,
                      .cache_dir = std::string(base::as_text(view_of(options->cache_dir))),
                      .max_instances = options->max_instances,
                      .max_host_call_bytes = options->max_host_call_bytes,
                      .fs_quota_bytes = options->fs_quota_bytes};
    return reinterpret_cast<wavs_rt_engine*>(&fake);
}

void engine_shutdown(wavs_rt_engine* /*engine*/, std::uint64_t timeout_ms) {
    auto& fake = current();
    fake.wait_idle(std::chrono::milliseconds(timeout_ms));
}

void engine_free(wavs_rt_engine* /*engine*/) { current().wait_idle({}); }

void engine_stats(const wavs_rt_engine* /*engine*/, wavs_rt_stats* out) {
    auto& fake = current();
    const std::lock_guard lock(fake.mutex);
    *out = {};
    out->running = fake.busy;
    out->cached = fake.loaded.size();
}

std::uint32_t engine_set_network(wavs_rt_engine* /*engine*/, const wavs_rt_network* network,
                                 wavs_rt_error* error) {
    auto& fake = current();
    const std::lock_guard lock(fake.mutex);
    NetworkRules rules{.deny_private = network->deny_private != 0,
                       .ca_pem = std::string(base::as_text(view_of(network->ca_pem)))};
    for (std::size_t i = 0; i < network->allow_len; ++i) {
        rules.allow.emplace_back(base::as_text(view_of(network->allow[i])));
    }
    rules.own_ports.assign(network->own_ports, network->own_ports + network->own_ports_len);
    for (std::size_t i = 0; i < network->hosts_len; ++i) {
        const auto& host = network->hosts[i];
        rules.hosts.push_back({std::string(base::as_text(view_of(host.key))),
                               std::string(base::as_text(view_of(host.value)))});
    }
    if (std::find(rules.allow.begin(), rules.allow.end(), "") != rules.allow.end()) {
        error->status = WAVS_RT_STATUS_INVALID_INPUT;
        error->message = fake_buf_copy(slice_of(std::string_view("an empty entry")));
        return 1;
    }
    fake.network = std::move(rules);
    return 0;
}

void component_load(wavs_rt_engine* /*engine*/, const wavs_rt_load_request* request,
                    wavs_rt_load_cb done, void* user) {
    auto& fake = current();
    FakeLoad load{.world = static_cast<World>(request->world),
                  .pin = (request->flags & WAVS_RT_LOAD_PIN) != 0,
                  .digest = hash_at(request->digest),
                  .wasm = base::to_bytes(view_of(request->wasm))};
    if (!fake.submit([&fake, load, done, user] { fake.load(load, done, user); })) {
        fake.complete_load({.status = FakeStatus::Cancelled, .message = "shut down"},
                           LoadSource::Memory, done, user);
    }
}

std::uint32_t component_evict(wavs_rt_engine* /*engine*/, const std::uint8_t* digest,
                              std::uint32_t /*disk*/) {
    auto& fake = current();
    const std::lock_guard lock(fake.mutex);
    fake.pins.erase(hash_at(digest));
    const auto in_memory = std::erase_if(
        fake.loaded, [&](const auto& entry) { return entry.first == hash_at(digest); });
    return in_memory > 0 ? 1 : 0;
}

wavs_rt_service* service_new(wavs_rt_slice flat, wavs_rt_error* error) {
    auto& fake = current();
    const std::lock_guard lock(fake.mutex);
    if (!fake.service_refusal.empty()) {
        error->status = WAVS_RT_STATUS_INVALID_INPUT;
        error->message = fake_buf_copy(slice_of(fake.service_refusal));
        return nullptr;
    }
    fake.services.push_back(base::to_bytes(view_of(flat)));
    return reinterpret_cast<wavs_rt_service*>(new base::Bytes(fake.services.back()));
}

void service_free(wavs_rt_service* service) { delete reinterpret_cast<base::Bytes*>(service); }

std::uint64_t run(wavs_rt_engine* /*engine*/, const wavs_rt_run_request* request,
                  wavs_rt_run_cb done, void* user) {
    auto& fake = current();
    auto call = std::make_shared<FakeGuest::Call>(FakeGuest::Call::from(*request, fake.callbacks));
    const auto number = fake.remember(call);
    if (!fake.submit([&fake, call, number, done, user] { fake.run(*call, number, done, user); })) {
        fake.complete_run({.status = FakeStatus::Cancelled, .message = "shut down"}, done, user);
        return 0;
    }
    return number;
}

std::uint32_t run_cancel(wavs_rt_engine* /*engine*/, std::uint64_t number) {
    return current().cancel(number) ? 1 : 0;
}

std::uint32_t current_guest(wavs_rt_guest* out) {
    const auto* request = fake_running();
    if (request == nullptr) {
        return 0;
    }
    std::copy(request->digest.begin(), request->digest.end(), out->digest);
    std::copy(request->service_id.begin(), request->service_id.end(), out->service_id);
    std::copy(request->event_id.begin(), request->event_id.end(), out->event_id);
    return 1;
}

std::uint32_t abi_version() { return current().abi; }

// Records are made and read by the real library alone.
constexpr Library kFake = {.abi_version = abi_version,
                           .buf_copy = fake_buf_copy,
                           .buf_release = fake_buf_release,
                           .engine_new = engine_new,
                           .engine_shutdown = engine_shutdown,
                           .engine_free = engine_free,
                           .engine_stats = engine_stats,
                           .engine_set_network = engine_set_network,
                           .component_load = component_load,
                           .component_evict = component_evict,
                           .service_new = service_new,
                           .service_free = service_free,
                           .run = run,
                           .run_cancel = run_cancel,
                           .replay = nullptr,
                           .record_info = nullptr,
                           .records_difference = nullptr,
                           .current_guest = current_guest};

}  // namespace

FakeLibrary::FakeLibrary(unsigned threads) : impl_(std::make_unique<Impl>(threads)) {
    WAVS_ASSERT(g_current.exchange(impl_.get()) == nullptr);
}
FakeLibrary::~FakeLibrary() {
    impl_->join();
    g_current.store(nullptr);
}

const Library& FakeLibrary::library() const { return kFake; }
void FakeLibrary::on_run(RunHandler handler) { impl_->run_handler = std::move(handler); }
void FakeLibrary::on_load(LoadHandler handler) { impl_->load_handler = std::move(handler); }
void FakeLibrary::set_selects(bool selects) { impl_->selects = selects; }
void FakeLibrary::set_abi_version(std::uint32_t version) { impl_->abi = version; }
void FakeLibrary::refuse_services(std::string message) {
    impl_->service_refusal = std::move(message);
}

std::optional<NetworkRules> FakeLibrary::network() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->network;
}

std::optional<EngineOptions> FakeLibrary::options() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->options;
}
std::vector<base::Bytes> FakeLibrary::services() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->services;
}
std::size_t FakeLibrary::loads() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->loads;
}
std::size_t FakeLibrary::runs() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->runs;
}
std::size_t FakeLibrary::cancels() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->cancels;
}
bool FakeLibrary::pinned(const Hash& digest) const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->pins.contains(digest);
}
bool FakeLibrary::known(const Hash& digest) const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->loaded.contains({digest, World::Operator}) ||
           impl_->loaded.contains({digest, World::Aggregator});
}

}  // namespace wavs::rt::testing
