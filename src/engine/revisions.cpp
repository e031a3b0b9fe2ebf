// SPDX-License-Identifier: Apache-2.0
#include "revisions.hpp"

#include "flat.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::engine {
namespace {

constexpr std::size_t kMaxRevisions = 1024;
// Percent of a manifest's fuel limit.
constexpr std::uint64_t kFuelWarningPercent = 80;

const std::vector<double> kSecondsBuckets = {0.001, 0.01, 0.1, 0.5, 1, 5, 10};
const std::vector<double> kFuelBuckets = {1e3, 1e4, 1e5, 1e6, 1e7, 1e8};

telemetry::Labels labels_of(const ServiceSnapshot& service, const types::WorkflowId& workflow) {
    return {{"service_id", types::to_string(service.id)}, {"workflow_id", workflow.str()}};
}

std::uint64_t millis_of(std::uint64_t seconds) {
    constexpr std::uint64_t kMost = rt::kNoTimeLimit / 1000;
    return seconds >= kMost ? rt::kNoTimeLimit : seconds * 1000;
}

void warn_if_capped(std::string_view what, std::optional<std::uint64_t> asked, std::uint64_t most,
                    const ServiceSnapshot& service, const types::WorkflowId& workflow) {
    if (asked && *asked > most) {
        telemetry::log_warn("engine", "the manifest asks for more than this node allows",
                            {{"limit", what},
                             {"asked", *asked},
                             {"allowed", most},
                             {"service_id", types::to_string(service.id)},
                             {"workflow_id", workflow.str()}});
    }
}

std::shared_ptr<const rt::Pairs> config_of(const types::Component& component) {
    auto out = std::make_shared<rt::Pairs>();
    for (const auto& [key, value] : component.config) {
        out->push_back({key, value});
    }
    return out;
}

const types::Component* component_of(const types::Workflow& workflow, World world) {
    if (world == World::Operator) {
        return &workflow.component;
    }
    const auto* aggregator = workflow.aggregator();
    return aggregator == nullptr ? nullptr : &aggregator->component;
}

}  // namespace

Revisions::Revisions(const Options& options, const Ports& ports,
                     const types::ComponentDigest& embedded)
    : limits_(options.limits),
      records_(options.records),
      data_(options.data),
      library_(ports.library),
      metrics_(ports.metrics),
      embedded_(embedded),
      environment_(options.environment, options.env_bindings) {}

types::ComponentDigest Revisions::resolve(const types::ComponentDigest& digest) const {
    return digest == types::embedded_aggregator_digest() ? embedded_ : digest;
}

std::filesystem::path Revisions::directory_of(const types::ServiceId& service) const {
    return data_ / "app" / types::to_string(service);
}

void Revisions::forget_directory(const types::ServiceId& service) {
    const std::lock_guard lock(mutex_);
    for (const auto& [digest, revision] : revisions_) {
        if (revision.service_id != service) {
            continue;
        }
        for (const auto& [key, setup] : revision.setups) {
            if (setup != nullptr) {
                setup->flags->directory_made = false;
            }
        }
    }
}

base::Result<SetupPtr> Revisions::find(const ServiceSnapshot& service,
                                       const types::WorkflowId& workflow, World world) {
    const std::lock_guard lock(mutex_);
    WAVS_TRY(auto* revision, revision_locked(service));
    const auto known = revision->setups.find({workflow, world});
    if (known != revision->setups.end()) {
        return known->second;
    }
    const auto* found = service.service->find(workflow);
    if (found == nullptr) {
        return base::Error(base::ErrorKind::NotFound, "unknown_workflow",
                           fmt::format("service {} has no workflow {}",
                                       types::to_string(service.id), workflow.str()));
    }
    auto setup = make_setup(service, workflow, *found, world, revision->service);
    revision->setups.emplace(std::pair(workflow, world), setup);
    return setup;
}

base::Result<Revisions::Revision*> Revisions::revision_locked(const ServiceSnapshot& service) {
    auto found = revisions_.find(service.digest);
    if (found == revisions_.end()) {
        WAVS_TRY(auto handle, rt::Service::create(library_, flat_service(*service.service)));
        if (revisions_.size() >= kMaxRevisions) {
            drop_oldest_locked();
        }
        found = revisions_
                    .emplace(service.digest,
                             Revision{.service_id = service.id, .service = std::move(handle)})
                    .first;
    }
    found->second.last_used = ++uses_;
    return &found->second;
}

void Revisions::drop_oldest_locked() {
    revisions_.erase(std::min_element(
        revisions_.begin(), revisions_.end(),
        [](const auto& a, const auto& b) { return a.second.last_used < b.second.last_used; }));
}

SetupPtr Revisions::make_setup(const ServiceSnapshot& service, const types::WorkflowId& id,
                               const types::Workflow& workflow, World world,
                               std::shared_ptr<const rt::Service> handle) {
    const auto* component = component_of(workflow, world);
    if (component == nullptr) {
        return nullptr;
    }
    const std::uint64_t seconds = static_cast<std::uint64_t>(limits_.time.count());
    warn_if_capped("fuel_limit", component->fuel_limit, limits_.fuel, service, id);
    warn_if_capped("time_limit_seconds", component->time_limit_seconds, seconds, service, id);
    const std::string kind = world == World::Operator ? "operator" : "aggregator";
    const auto labels = labels_of(service, id);
    const auto count = [&](const std::string& outcome) {
        return metrics_.counter(fmt::format("engine_{}_executions_{}_total", kind, outcome),
                                fmt::format("Runs of {} components: {}", kind, outcome), labels);
    };
    const auto& permissions = component->permissions;
    auto setup = std::make_shared<Setup>(Setup{
        .digest = resolve(types::digest_of(component->source)),
        .world = world,
        .service = std::move(handle),
        .env = environment_.for_component(service.id, *component),
        .config = config_of(*component),
        .fuel = std::min(component->fuel_limit.value_or(limits_.fuel), limits_.fuel),
        .time_ms = millis_of(std::min(component->time_limit_seconds.value_or(seconds), seconds)),
        .raw_sockets = permissions.raw_sockets,
        .dns = permissions.dns_resolution,
        .record_bytes = records_.all || records_.services.contains(service.id) ? records_.bytes : 0,
        .directory = permissions.file_system ? directory_of(service.id) : std::filesystem::path(),
        .submits = workflow.aggregator() != nullptr,
        .succeeded = count("success"),
        .failed = count("failed"),
        .seconds = metrics_.histogram("engine_execution_seconds", "Duration of component runs",
                                      kSecondsBuckets, labels),
        .fuel_used = metrics_.histogram("engine_fuel_consumption", "Fuel of component runs",
                                        kFuelBuckets, labels)});
    const std::uint64_t limit = component->fuel_limit.value_or(0);
    setup->fuel_warning = limit / 100 * kFuelWarningPercent;
    return setup;
}

}  // namespace wavs::engine
