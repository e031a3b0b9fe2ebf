// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/storage/rocksdb_store.hpp"

#include <boost/asio/io_context.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <string>

struct wavs_rt_bare;

namespace wavs::bench {

struct EngineBedOptions {
    /// 0: as many as a node has.
    std::uint32_t guest_threads = 0;
    std::uint64_t memory_bytes = engine::Options().limits.memory_bytes;
};

/// The engine of a node, without the rest of the node: the database, compiled code on disk, the
/// limits the node has by default.
class EngineBed {
public:
    explicit EngineBed(const std::filesystem::path& data, EngineBedOptions options = {});
    ~EngineBed();
    EngineBed(const EngineBed&) = delete;
    EngineBed& operator=(const EngineBed&) = delete;

    engine::Engine& engine() { return *engine_; }
    /// Another service, whose one workflow has that example component, ready to run.
    engine::ServiceSnapshot service(std::string_view component,
                                    std::map<std::string, std::string> config = {},
                                    std::optional<std::uint64_t> time_limit_seconds = {});
    /// One run from its start to its end, from this thread.
    engine::OperatorOutcome run(const engine::ServiceSnapshot& service, std::string_view data);

private:
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 2}};
    telemetry::Metrics metrics_;
    storage::BlobStore blobs_;
    std::unique_ptr<storage::RocksdbStore> store_;
    base::SystemClock clock_;
    std::unique_ptr<engine::Quarantine> quarantine_;
    std::unique_ptr<engine::Engine> engine_;
    boost::asio::io_context context_;
    unsigned services_ = 0;
};

/// Started by hand with these bytes.
engine::OperatorJob job_of(const engine::ServiceSnapshot& service, std::string_view data);

/// The event of run number `number`.
using JobOf = std::function<engine::OperatorJob(std::uint64_t number)>;

/// Closed loop: so many lanes, each starts its next run when the last one has ended.
class Lanes {
public:
    Lanes(engine::Engine& engine, JobOf job) : engine_(engine), job_(std::move(job)) {}
    /// Ends when every run has; throws the first failure.
    void run(unsigned lanes, std::uint64_t runs);
    struct Rate {
        double runs_per_s = 0;
        /// Of this process, for each run.
        double cpu_us = 0;
    };
    /// While `window` passes, after a fifth of it has passed.
    Rate rate(unsigned lanes, std::chrono::milliseconds window);

private:
    void start(unsigned lanes);
    void wait();
    async::Flow<base::Result<void>> lane();

    engine::Engine& engine_;
    JobOf job_;
    std::atomic<std::uint64_t> next_{0};
    std::atomic<std::uint64_t> end_{0};
    std::atomic<std::uint64_t> completed_{0};
    std::atomic<unsigned> running_{0};
    std::mutex mutex_;
    std::optional<base::Error> failure_;
};

/// The guest library's own floor: a component with nothing around it (include/wavs_rt.h).
class Bare {
public:
    enum class Metering : std::uint32_t { Off, On };
    Bare(std::string_view component, Metering metering);
    ~Bare();
    Bare(const Bare&) = delete;
    Bare& operator=(const Bare&) = delete;

    /// Seconds that so many runs of `job` take, one after the other.
    double seconds(const engine::OperatorJob& job, std::uint32_t runs);

private:
    wavs_rt_bare* bare_;
};

}  // namespace wavs::bench
