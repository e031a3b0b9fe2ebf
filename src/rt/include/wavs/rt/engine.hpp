// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/flow.hpp"
#include "wavs/rt/host_calls.hpp"
#include "wavs/rt/types.hpp"

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

namespace wavs::rt {

/// The functions of the guest library: `native_library()` (native.hpp) in programs, a fake in
/// tests. Must outlive what was made with it.
struct Library;

/// Set-up of the library. Zero means the library's default.
struct EngineOptions {
    std::uint32_t guest_threads = 0;
    std::uint32_t max_in_flight = 0;
    std::uint32_t pool_slots = 0;
    std::uint32_t compile_jobs = 0;
    /// Components kept ready that are not pinned.
    std::uint32_t component_cache = 0;
    std::uint32_t max_table_elements = 0;
    std::uint32_t max_handles = 0;
    std::uint32_t stdio_cap_bytes = 0;
    std::uint64_t max_memory_bytes = 0;
    /// Compiled code; empty: none is kept on disk.
    std::filesystem::path cache_dir;
    std::uint32_t max_instances = 0;
    std::uint64_t max_host_call_bytes = 0;
    std::uint64_t fs_quota_bytes = 0;
};

/// Where guests may connect to, through wasi:http and wasi:sockets alike. A manifest grants hosts
/// within these rules and never changes them.
struct NetworkRules {
    /// Private, loopback, link-local, metadata and other special addresses are refused.
    bool deny_private = true;
    /// Exceptions: addresses, networks ("10.0.0.0/8") or host names, each with an optional port.
    std::vector<std::string> allow;
    /// Ports of this node, refused on every address of this machine whatever else is allowed.
    std::vector<std::uint16_t> own_ports;
    /// Host name -> address, asked before the system's resolver.
    Pairs hosts;
    /// Certificates (PEM) trusted besides the public authorities.
    std::string ca_pem;
};

/// Counters since the start, except `running`, `waiting`, `cached`, `on_demand`: now.
struct Stats {
    std::uint64_t running = 0;
    std::uint64_t waiting = 0;
    std::uint64_t compiled = 0;
    std::uint64_t disk_hits = 0;
    std::uint64_t memory_hits = 0;
    std::uint64_t disk_rejected = 0;
    std::uint64_t evicted = 0;
    std::uint64_t cached = 0;
    std::uint64_t on_demand = 0;
};

/// Whose guest a thread is in.
struct GuestMark {
    Hash digest{};
    Hash service_id{};
    EventIdBytes event_id{};
};
/// Of the calling thread; false when it is in none. Async-signal-safe: a handler of fatal signals
/// asks whom to blame. What a guest calls in the host is part of the guest here.
bool current_guest(const Library& library, GuestMark& out) noexcept;

struct ServiceHandle;
struct EngineHandle;

/// A service as guests may ask for it, shared by any number of runs. Thread-safe.
class Service {
public:
    /// `flat` is a `service` in the encoding of rust/FLAT.md. Bug when it does not decode.
    static base::Result<std::shared_ptr<const Service>> create(const Library& library,
                                                               base::ByteView flat);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

private:
    friend class Engine;
    explicit Service(std::unique_ptr<ServiceHandle> handle);
    std::unique_ptr<ServiceHandle> handle_;
};

/// The guest engine: owns the guest threads, the compiler and its caches. One per process, owned by
/// module `engine`. Methods are callable from any thread. Destroying it interrupts what runs and
/// waits for it: not on a guest thread.
///
/// Error codes: `component_not_found` (NotFound), `compile`, `instantiate`, `out_of_fuel`,
/// `component_error`, `exec_result` (Guest), `out_of_time` (Timeout), `needs_newer_node`
/// (Unsupported), `cancelled` (Cancelled), `guest_files`, `rt_internal` (Unavailable),
/// `rt_invalid_input`, `rt_panic`, `rt_abi` (Bug).
class Engine {
public:
    /// `rt_abi` names both versions when header and library differ.
    static base::Result<std::unique_ptr<Engine>> create(const Library& library,
                                                        const EngineOptions& options,
                                                        HostCalls& host);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Checks a component against a world, compiles it unless a cache has it, keeps it ready. When
    /// the caller is cancelled the load goes on and its result is dropped. Resumes on the caller's
    /// executor.
    async::Task<base::Result<Loaded>> load(LoadRequest request);

    /// Forgets a component in memory, pinned or not, and with `Disk::Forget` its compiled code.
    enum class Disk : std::uint8_t { Keep, Forget };
    bool evict(const Hash& digest, Disk disk = Disk::Keep);

    /// Runs one export in a fresh instance; interrupted when `stop` asks for it. The flow goes on
    /// on the guest thread, which the next run of that thread waits for: nothing there may block.
    async::Flow<RunOutcome> run(RunRequest request, std::stop_token stop);

    /// Holds from the next connection on; until it is called, public addresses are in reach.
    /// `rt_network` (Invalid) names the entry that cannot be read; the rules stay what they were.
    base::Result<void> set_network(const NetworkRules& rules);

    /// Runs a recorded run again, without the world it ran in; its component must be loaded.
    /// `data_dir`: an empty directory for the files it had; empty if it had none.
    /// `rt_invalid_input` also when the run goes another way than recorded.
    async::Flow<RunOutcome> replay(base::Bytes record, std::string data_dir);

    /// Refuses new work, waits for what runs, interrupts the rest after `grace`, returns after the
    /// last completion. Blocking: on the blocking pool.
    void shutdown(std::chrono::milliseconds grace);

    Stats stats() const;

private:
    explicit Engine(std::unique_ptr<EngineHandle> handle);
    std::unique_ptr<EngineHandle> handle_;
};

/// Invalid `not_a_record` when the bytes are none of this library's.
base::Result<RecordInfo> record_info(const Library& library, base::ByteView record);
/// The first host call in which two runs of one component differ, and what they were told
/// differently before; empty when calls and results are the same.
base::Result<std::string> records_difference(const Library& library, base::ByteView a,
                                             base::ByteView b);

}  // namespace wavs::rt
