// SPDX-License-Identifier: Apache-2.0
#include "wavs/rt/engine.hpp"

#include "library.hpp"
#include "status.hpp"
#include "wavs/async/one_shot.hpp"
#include "wavs/rt/flat.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <optional>

namespace wavs::rt {
namespace {

// A drift between header and archive that keeps the version number is caught here for our side;
// the library asserts the same numbers for its own.
static_assert(sizeof(void*) == 8, "the layout below is for 64-bit platforms");
static_assert(sizeof(wavs_rt_buf) == 24);
static_assert(sizeof(wavs_rt_slice) == 16);
static_assert(sizeof(wavs_rt_options) == 80);
static_assert(sizeof(wavs_rt_origin) == 104);
static_assert(sizeof(wavs_rt_callbacks) == 88);
static_assert(sizeof(wavs_rt_error) == 32);
static_assert(sizeof(wavs_rt_stats) == 192);
static_assert(sizeof(wavs_rt_load_request) == 56);
static_assert(sizeof(wavs_rt_load_result) == 72);
static_assert(sizeof(wavs_rt_pair) == 32);
static_assert(sizeof(wavs_rt_run_request) == 240);
static_assert(sizeof(wavs_rt_run_result) == 96);
static_assert(sizeof(wavs_rt_network) == 72);
static_assert(sizeof(wavs_rt_guest) == 84);

using LoadDone = async::OneShot<base::Result<Loaded>>;

template <typename Done>
struct Pending {
    const Library& library;
    Done done;
};
using PendingLoad = Pending<LoadDone>;
using PendingRun = Pending<async::Completion<RunOutcome>>;

base::Error library_error(const Library& library, const wavs_rt_error& error) {
    const auto message = take(library, error.message);
    return error_of(error.status, std::string(base::as_text(message)));
}

void on_loaded(void* user, wavs_rt_load_result* result) noexcept {
    const std::unique_ptr<PendingLoad> pending(static_cast<PendingLoad*>(user));
    const auto imports = take(pending->library, result->imports);
    const auto message = take(pending->library, result->message);
    if (result->status != WAVS_RT_STATUS_OK) {
        pending->done.set(error_of(result->status, std::string(base::as_text(message))));
        return;
    }
    pending->done.set(Loaded{.source = static_cast<LoadSource>(result->source),
                             .wall = std::chrono::nanoseconds(result->wall_ns),
                             .imports = FlatReader(imports).texts(),
                             .selects = (result->flags & WAVS_RT_LOADED_SELECTS) != 0});
}

void on_ran(void* user, wavs_rt_run_result* result) noexcept {
    const std::unique_ptr<PendingRun> pending(static_cast<PendingRun*>(user));
    auto output = take(pending->library, result->output);
    const auto message = take(pending->library, result->message);
    RunOutcome outcome{.output = std::move(output),
                       .fuel_used = result->fuel_used,
                       .wall = std::chrono::nanoseconds(result->wall_ns),
                       .record = {}};
    if (result->record.len > 0) {
        outcome.record = take(pending->library, result->record);
    }
    if (result->status != WAVS_RT_STATUS_OK) {
        outcome.output = error_of(result->status, std::string(base::as_text(message)));
    }
    pending->done.set(std::move(outcome));
}

std::vector<wavs_rt_pair> pairs_of(const Pairs* from) {
    std::vector<wavs_rt_pair> out;
    if (from != nullptr) {
        out.reserve(from->size());
        for (const auto& pair : *from) {
            out.push_back({slice_of(pair.key), slice_of(pair.value)});
        }
    }
    return out;
}

wavs_rt_run_request translate(const RunRequest& from, const wavs_rt_service* service,
                              const std::vector<wavs_rt_pair>& env,
                              const std::vector<wavs_rt_pair>& config) {
    wavs_rt_run_request to{};
    to.export_ = static_cast<std::uint32_t>(from.entry);
    to.flags = (from.raw_sockets ? static_cast<std::uint32_t>(WAVS_RT_RUN_RAW_SOCKETS) : 0U) |
               (from.dns ? static_cast<std::uint32_t>(WAVS_RT_RUN_DNS) : 0U);
    std::copy(from.digest.begin(), from.digest.end(), to.digest);
    std::copy(from.service_id.begin(), from.service_id.end(), to.service_id);
    std::copy(from.event_id.begin(), from.event_id.end(), to.event_id);
    std::copy(from.trace_id.begin(), from.trace_id.end(), to.trace_id);
    to.service = service;
    to.workflow_id = slice_of(from.workflow_id);
    to.input = slice_of(from.input);
    to.fuel = from.fuel;
    to.time_ms = from.time_ms;
    to.max_memory_bytes = from.max_memory_bytes;
    to.env = env.data();
    to.env_len = env.size();
    to.config = config.data();
    to.config_len = config.size();
    to.data_dir = slice_of(from.data_dir);
    to.record_bytes = from.record_bytes;
    to.seed = from.seed;
    return to;
}

// Interrupts one run.
struct RunStop {
    const EngineHandle& engine;
    std::uint64_t number;
    void operator()() const noexcept { engine.library.run_cancel(engine.engine, number); }
};

}  // namespace

Service::Service(std::unique_ptr<ServiceHandle> handle) : handle_(std::move(handle)) {}
Service::~Service() { handle_->library.service_free(handle_->service); }

base::Result<std::shared_ptr<const Service>> Service::create(const Library& library,
                                                             base::ByteView flat) {
    wavs_rt_error error{};
    auto* service = library.service_new(slice_of(flat), &error);
    if (service == nullptr) {
        return library_error(library, error);
    }
    return std::shared_ptr<const Service>(new Service(
        std::make_unique<ServiceHandle>(ServiceHandle{.library = library, .service = service})));
}

bool current_guest(const Library& library, GuestMark& out) noexcept {
    wavs_rt_guest guest{};
    if (library.current_guest(&guest) == 0) {
        return false;
    }
    std::copy_n(guest.digest, out.digest.size(), out.digest.begin());
    std::copy_n(guest.service_id, out.service_id.size(), out.service_id.begin());
    std::copy_n(guest.event_id, out.event_id.size(), out.event_id.begin());
    return true;
}

Engine::Engine(std::unique_ptr<EngineHandle> handle) : handle_(std::move(handle)) {}
Engine::~Engine() { handle_->library.engine_free(handle_->engine); }

base::Result<std::unique_ptr<Engine>> Engine::create(const Library& library,
                                                     const EngineOptions& options,
                                                     HostCalls& host) {
    if (const auto version = library.abi_version(); version != WAVS_RT_ABI_VERSION) {
        return abi_error(version);
    }
    const std::string cache_dir = options.cache_dir.string();
    const wavs_rt_options translated{.guest_threads = options.guest_threads,
                                     .max_in_flight = options.max_in_flight,
                                     .pool_slots = options.pool_slots,
                                     .compile_jobs = options.compile_jobs,
                                     .component_cache = options.component_cache,
                                     .max_table_elements = options.max_table_elements,
                                     .max_handles = options.max_handles,
                                     .stdio_cap_bytes = options.stdio_cap_bytes,
                                     .max_memory_bytes = options.max_memory_bytes,
                                     .cache_dir = slice_of(cache_dir),
                                     .max_instances = options.max_instances,
                                     .max_host_call_bytes = options.max_host_call_bytes,
                                     .fs_quota_bytes = options.fs_quota_bytes};
    auto handle = std::make_unique<EngineHandle>(EngineHandle{.library = library, .host = host});
    const auto callbacks = make_callbacks(*handle);
    wavs_rt_error error{};
    handle->engine = library.engine_new(&translated, &callbacks, &error);
    if (handle->engine == nullptr) {
        return library_error(library, error);
    }
    return std::unique_ptr<Engine>(new Engine(std::move(handle)));
}

async::Task<base::Result<Loaded>> Engine::load(LoadRequest request) {
    const LoadDone done(co_await boost::asio::this_coro::executor);
    wavs_rt_load_request translated{};
    translated.world = static_cast<std::uint32_t>(request.world);
    translated.flags = request.pin == Pin::Yes ? WAVS_RT_LOAD_PIN : 0;
    std::copy(request.digest.begin(), request.digest.end(), translated.digest);
    if (request.wasm != nullptr) {
        translated.wasm = slice_of(*request.wasm);
    }
    // Freed by on_loaded, which comes exactly once.
    auto pending =
        std::make_unique<PendingLoad>(PendingLoad{.library = handle_->library, .done = done});
    handle_->library.component_load(handle_->engine, &translated, on_loaded, pending.release());
    auto loaded = co_await done.wait();
    if (!loaded) {
        co_return async::cancelled_error("component load");
    }
    co_return std::move(*loaded);
}

bool Engine::evict(const Hash& digest, Disk disk) {
    return handle_->library.component_evict(handle_->engine, digest.data(),
                                            disk == Disk::Forget ? 1U : 0U) != 0;
}

async::Flow<RunOutcome> Engine::run(RunRequest request, std::stop_token stop) {
    const auto env = pairs_of(request.env.get());
    const auto config = pairs_of(request.config.get());
    const auto* service = request.service == nullptr ? nullptr : request.service->handle_->service;
    const auto translated = translate(request, service, env, config);
    std::optional<std::stop_callback<RunStop>> on_stop;
    auto outcome = co_await async::suspend<RunOutcome>([&](async::Completion<RunOutcome> done) {
        // Freed by on_ran, which comes exactly once.
        auto pending = std::make_unique<PendingRun>(
            PendingRun{.library = handle_->library, .done = std::move(done)});
        const auto number =
            handle_->library.run(handle_->engine, &translated, on_ran, pending.release());
        on_stop.emplace(std::move(stop), RunStop{*handle_, number});
    });
    co_return std::move(outcome.value());
}

base::Result<void> Engine::set_network(const NetworkRules& rules) {
    std::vector<wavs_rt_slice> allow;
    allow.reserve(rules.allow.size());
    for (const auto& entry : rules.allow) {
        allow.push_back(slice_of(entry));
    }
    const auto hosts = pairs_of(&rules.hosts);
    const wavs_rt_network translated{.deny_private = rules.deny_private ? 1U : 0U,
                                     .allow = allow.data(),
                                     .allow_len = allow.size(),
                                     .own_ports = rules.own_ports.data(),
                                     .own_ports_len = rules.own_ports.size(),
                                     .hosts = hosts.data(),
                                     .hosts_len = hosts.size(),
                                     .ca_pem = slice_of(rules.ca_pem)};
    wavs_rt_error error{};
    if (handle_->library.engine_set_network(handle_->engine, &translated, &error) != 0) {
        return base::Error(base::ErrorKind::Invalid, "rt_network",
                           library_error(handle_->library, error).message());
    }
    return base::ok();
}

async::Flow<RunOutcome> Engine::replay(base::Bytes record, std::string data_dir) {
    auto outcome = co_await async::suspend<RunOutcome>([&](async::Completion<RunOutcome> done) {
        // Freed by on_ran, which comes exactly once.
        auto pending = std::make_unique<PendingRun>(
            PendingRun{.library = handle_->library, .done = std::move(done)});
        handle_->library.replay(handle_->engine, slice_of(record), slice_of(data_dir), on_ran,
                                pending.release());
    });
    co_return std::move(outcome.value());
}

void Engine::shutdown(std::chrono::milliseconds grace) {
    const auto millis = std::max<std::chrono::milliseconds::rep>(grace.count(), 0);
    handle_->library.engine_shutdown(handle_->engine, static_cast<std::uint64_t>(millis));
}

Stats Engine::stats() const {
    wavs_rt_stats from{};
    handle_->library.engine_stats(handle_->engine, &from);
    return {.running = from.running,
            .waiting = from.waiting,
            .compiled = from.compiled,
            .disk_hits = from.disk_hits,
            .memory_hits = from.memory_hits,
            .disk_rejected = from.disk_rejected,
            .evicted = from.evicted,
            .cached = from.cached,
            .on_demand = from.on_demand};
}

}  // namespace wavs::rt
