// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "environment.hpp"
#include "wavs/engine/jobs.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <unordered_map>

namespace wavs::engine {

/// What has been done already for a setup, on any thread.
struct SetupFlags {
    std::atomic<bool> directory_made{false};
    std::atomic<bool> fuel_warned{false};
    /// Whether an aggregator component chooses signatures: known once it was asked for.
    enum class Selects : std::uint8_t { Unknown, No, Yes };
    std::atomic<Selects> selects{Selects::Unknown};
};

/// What every run of one component in one revision of a service has in common, worked out once.
struct Setup {
    types::ComponentDigest digest;
    World world = World::Operator;
    std::shared_ptr<const rt::Service> service;
    std::shared_ptr<const rt::Pairs> env;
    std::shared_ptr<const rt::Pairs> config;
    std::uint64_t fuel = 0;
    std::uint64_t time_ms = 0;
    bool raw_sockets = false;
    bool dns = false;
    /// 0: runs are not recorded.
    std::uint64_t record_bytes = 0;
    /// Empty: the component sees no files.
    std::filesystem::path directory;
    bool submits = false;
    /// Fuel above which the operator is told, since usage differs between engine versions.
    std::uint64_t fuel_warning = 0;
    telemetry::Counter succeeded;
    telemetry::Counter failed;
    telemetry::Histogram seconds;
    telemetry::Histogram fuel_used;
    std::shared_ptr<SetupFlags> flags = std::make_shared<SetupFlags>();
};
using SetupPtr = std::shared_ptr<const Setup>;

/// The revisions that ran lately. Bounded: a revision that is dropped is worked out again.
/// Thread-safe; owned by the engine.
class Revisions {
public:
    /// `embedded`: what the digest of the built-in aggregator stands for.
    Revisions(const Options& options, const Ports& ports, const types::ComponentDigest& embedded);

    /// Null when the workflow has no component for that world. NotFound `unknown_workflow`.
    base::Result<SetupPtr> find(const ServiceSnapshot& service, const types::WorkflowId& workflow,
                                World world);
    types::ComponentDigest resolve(const types::ComponentDigest& digest) const;
    std::filesystem::path directory_of(const types::ServiceId& service) const;
    /// The directory was removed: the next run makes it again.
    void forget_directory(const types::ServiceId& service);

private:
    struct Revision {
        types::ServiceId service_id;
        std::shared_ptr<const rt::Service> service;
        std::map<std::pair<types::WorkflowId, World>, SetupPtr> setups;
        std::uint64_t last_used = 0;
    };

    base::Result<Revision*> revision_locked(const ServiceSnapshot& service);
    void drop_oldest_locked();
    SetupPtr make_setup(const ServiceSnapshot& service, const types::WorkflowId& id,
                        const types::Workflow& workflow, World world,
                        std::shared_ptr<const rt::Service> handle);

    const Limits limits_;
    const RecordOptions records_;
    const std::filesystem::path data_;
    const rt::Library& library_;
    telemetry::Metrics& metrics_;
    const types::ComponentDigest embedded_;
    Environment environment_;
    std::mutex mutex_;
    std::unordered_map<types::ServiceDigest, Revision, base::FixedBytesHash> revisions_;
    std::uint64_t uses_ = 0;
};

}  // namespace wavs::engine
