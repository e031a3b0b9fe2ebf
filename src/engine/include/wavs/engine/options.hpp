// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/base/bytes.hpp"
#include "wavs/base/clock.hpp"
#include "wavs/engine/quarantine.hpp"
#include "wavs/rt/engine.hpp"
#include "wavs/storage/blob_store.hpp"
#include "wavs/storage/store.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/ids.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace wavs::engine {

/// What one component may use at most; a manifest may ask for less, never get more.
struct Limits {
    std::uint64_t fuel = std::numeric_limits<std::uint64_t>::max();
    std::chrono::seconds time{300};
    std::uint64_t memory_bytes = 1ULL << 30;
    std::uint32_t table_elements = 20'000;
    std::uint32_t handles = 10'000;
    /// Core instances of a component; more is refused when it is loaded.
    std::uint32_t instances = 10'000;
    /// What one call of the host may move, in either direction.
    std::uint64_t host_call_bytes = 128ULL << 20;
    /// Standard output and error of one run.
    std::uint32_t log_bytes = 64U << 10;
    std::uint64_t payload_bytes = 10ULL << 20;
    /// Of a response that other operators have to get; what fits into their messages.
    std::uint64_t submitted_payload_bytes = 2ULL << 20;
    /// Of one run; each may become a signed result of its own.
    std::size_t responses = 10'000;
    /// Of one run of an aggregator component; each may become a timer or a transaction.
    std::size_t actions = 1'000;
    std::uint64_t kv_bytes_per_service = 64ULL << 20;
    std::uint64_t fs_bytes_per_service = 1ULL << 30;
};

/// Which runs are recorded for a replay, and how much of them is kept.
struct RecordOptions {
    bool all = false;
    std::set<types::ServiceId> services;
    /// Of one run; a longer record cannot be replayed.
    std::uint64_t bytes = 1ULL << 20;
    /// Of one service.
    std::size_t kept = 100;
};

struct Options {
    Limits limits;
    RecordOptions records;
    /// Runs in flight, of all services and of one.
    std::size_t max_runs = 256;
    std::size_t max_runs_per_service = 128;
    /// Runs that wait; one more is Overloaded.
    std::size_t queue_capacity = 10'000;
    /// 0: number of cores.
    std::uint32_t guest_threads = 0;
    /// Components of no registered service that are kept ready.
    std::uint32_t component_cache = 20;
    /// The node's data directory; the engine uses `app/`, `cwasm/` and `runs/` in it.
    std::filesystem::path data;
    /// The variables of the process; guests see none but those that begin with WAVS_ENV and that
    /// their manifest lists.
    std::map<std::string, std::string> environment;
    /// Variable -> the services that may have it; a variable not named here is open to all.
    std::map<std::string, std::vector<types::ServiceId>> env_bindings;
    /// The component that stands behind `types::embedded_aggregator_digest()`; null: there is none.
    std::shared_ptr<const base::Bytes> embedded_aggregator;
};

/// What the engine works with; all of it outlives the engine.
struct Ports {
    /// Blocking work: component files, hashing, data directories, shutdown.
    async::Executor blocking;
    telemetry::Metrics& metrics;
    storage::Store& store;
    storage::BlobStore& blobs;
    const rt::Library& library;
    const Quarantine& quarantine;
};

}  // namespace wavs::engine
