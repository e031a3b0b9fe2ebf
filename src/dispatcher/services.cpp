// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/services.hpp"

#include "service_record.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/validate.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

base::Error already_registered(const types::ServiceId& id) {
    return {base::ErrorKind::Conflict, "service_exists",
            fmt::format("Service {} already registered", types::to_string(id))};
}

base::Error fatal_findings(const std::vector<types::Finding>& findings) {
    std::string text;
    for (const auto& finding : findings) {
        if (finding.severity == types::Severity::Fatal) {
            text += (text.empty() ? "" : "; ") +
                    (finding.workflow.empty() ? "" : "workflow " + finding.workflow + ": ") +
                    finding.message;
        }
    }
    return {base::ErrorKind::Invalid, "manifest_invalid", "the manifest cannot run: " + text,
            "correct the manifest and publish it again"};
}

// For the log: everything a manifest asks for, in one line.
std::string permission_line(const types::Service& service) {
    const auto all = types::describe(types::permissions_of(service));
    return all.empty() ? "none" : fmt::format("{}", fmt::join(all, "; "));
}

std::string describe(const types::ServiceManager& manager) {
    return types::chain_of(manager).str() + "/" + types::address_text(manager);
}

}  // namespace

Services::Services(ServicesDeps deps, ServicesOptions options, async::Executor strand)
    : deps_(deps),
      options_(std::move(options)),
      registered_(deps.metrics.gauge("wavs_registered_services", "Services this node runs")),
      held_updates_(deps.metrics.gauge("wavs_held_updates", "Updates that wait for the operator")),
      asked_for_more_(deps.metrics.counter("wavs_updates_asking_for_more_total",
                                           "Updates that ask for more permissions")),
      keys_mutex_(strand),
      updates_(strand, "services") {}

async::Task<std::vector<std::string>> Services::stop(base::Duration deadline) {
    co_return co_await updates_.stop(deps_.timers, deadline);
}

async::Task<base::Result<async::Mutex::Guard>> Services::lock(const types::ServiceId& id) {
    std::shared_ptr<async::Mutex> mutex;
    {
        const std::lock_guard guard(mutex_);
        auto& slot = locks_[id];
        if (!slot) {
            slot = std::make_shared<async::Mutex>(updates_.executor());
        }
        mutex = slot;
    }
    co_return co_await mutex->lock();
}

async::Task<base::Result<void>> Services::load() {
    WAVS_CO_TRY(auto entries, deps_.store.scan(Keyspace::Services, {}));
    std::vector<types::RegisteredServicePtr> restored;
    for (auto& entry : entries) {
        auto service = co_await restore(entry);
        if (service.has_value()) {
            restored.push_back(std::move(service.value()));
            continue;
        }
        if (service.error().code() == base::ErrorCode("signer_changed")) {
            co_return std::move(service).error();
        }
        telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                               "a stored service is not running", service.error(),
                               {{"service", base::hex(entry.key)}});
    }
    // All at once: a source that learned of one service only would forget what the others watch.
    co_await watch(std::move(restored));
    co_return base::ok();
}

base::Result<types::RegisteredService> Services::stored_service(const storage::Entry& entry) {
    WAVS_TRY(auto record, decode_service_record(entry.value));
    types::RegisteredService out;
    WAVS_TRY(out.service, saved_manifest(record.digest));
    out.id = out.service.id();
    out.digest = record.digest;
    out.findings = types::validate(out.service, deps_.clock.wall_now());
    out.uri = std::move(record.uri);
    out.in_force_from = record.in_force_from;
    out.updated_at = record.updated_at;
    {
        const std::lock_guard guard(mutex_);
        agreed_[out.id] = record.agreed;
    }
    return out;
}

async::Task<base::Result<types::RegisteredServicePtr>> Services::restore(storage::Entry entry) {
    WAVS_CO_TRY(auto stored, stored_service(entry));
    WAVS_CO_TRY(auto key, co_await key_for(stored.id, std::nullopt));
    stored.hd_index = key.hd_index;
    stored.signer = key.address;
    const auto service = std::make_shared<const types::RegisteredService>(std::move(stored));
    {
        const std::lock_guard guard(mutex_);
        services_[service->id] = service;
        registered_.set(static_cast<double>(services_.size()));
    }
    restore_held(*service);
    auto prepared = co_await deps_.engine.prepare(service);
    if (!prepared.has_value()) {
        // Its events are still accepted and fail one by one, to be run again once it is repaired.
        set_health(service->id, {ServiceHealth::State::Degraded, prepared.error().full_text()});
        telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                               "a component of a stored service cannot run", prepared.error(),
                               {{"service", types::to_string(service->id)}});
    }
    co_return service;
}

async::Task<void> Services::watch(std::vector<types::RegisteredServicePtr> services) {
    for (const auto& service : services) {
        deps_.aggregator.watch(service);
    }
    const auto hindered = co_await deps_.triggers.set_services(std::move(services));
    for (const auto& [id, error] : hindered) {
        const bool chain = error.code() == base::ErrorCode("chain_not_configured");
        set_health(id,
                   {chain ? ServiceHealth::State::WaitingForChain : ServiceHealth::State::Degraded,
                    error.full_text()});
        telemetry::log_failure(telemetry::Level::Warn, "dispatcher", "a trigger is not watched yet",
                               error, {{"service", types::to_string(id)}});
    }
}

async::Task<base::Result<types::ParsedManifest>> Services::fetch(const std::string& uri) {
    auto fetched = co_await deps_.sources.manifest(uri);
    if (!fetched.has_value()) {
        co_return std::move(fetched).error();
    }
    for (const auto& warning : fetched.value().warnings) {
        telemetry::log_warn("dispatcher", "manifest: " + warning.message,
                            {{"uri", uri}, {"workflow", warning.workflow}});
    }
    co_return std::move(fetched);
}

async::Task<base::Result<void>> Services::add(types::ServiceManager manager,
                                              std::optional<std::uint32_t> hd_index) {
    const auto id = types::service_id_of(manager);
    WAVS_CO_TRY(auto guard, co_await lock(id));
    WAVS_CO_TRY(auto uri, co_await deps_.managers.service_uri(manager));
    WAVS_CO_TRY(auto manifest, co_await fetch(uri.uri));
    if (!(manifest.service.manager == manager)) {
        co_return base::Error(
            base::ErrorKind::Invalid, "manager_mismatch",
            fmt::format(
                "manifest manager does not match: asked for {}, the manifest at {} names {}",
                describe(manager), uri.uri, describe(manifest.service.manager)),
            "set the manager's service URI to the manifest of this service");
    }
    co_return co_await register_new(std::move(manifest), std::move(uri), hd_index);
}

async::Task<base::Result<void>> Services::add_saved(types::ServiceDigest digest) {
    WAVS_CO_TRY(auto service, saved_manifest(digest));
    WAVS_CO_TRY(auto guard, co_await lock(service.id()));
    co_return co_await register_new({std::move(service), {}}, std::nullopt, std::nullopt);
}

async::Task<base::Result<void>> Services::register_new(types::ParsedManifest manifest,
                                                       std::optional<ServiceUri> uri,
                                                       std::optional<std::uint32_t> hd_index) {
    const auto id = manifest.service.id();
    if (find(id)) {
        co_return already_registered(id);
    }
    WAVS_CO_TRY(auto findings, co_await prepare(manifest.service));
    WAVS_CO_TRY(auto key, co_await key_for(id, hd_index));
    WAVS_CO_TRY(co_await check_signer(manifest.service.manager, key.address));

    auto next = std::make_shared<types::RegisteredService>();
    next->id = id;
    next->digest = types::service_digest(manifest.service);
    next->service = std::move(manifest.service);
    next->hd_index = key.hd_index;
    next->signer = key.address;
    if (uri) {
        next->uri = std::move(uri->uri);
        next->in_force_from = types::ChainPosition::end_of(uri->block);
    }
    next->updated_at = deps_.clock.wall_now();
    next->findings = std::move(findings);
    WAVS_CO_TRY(co_await activate(next, next->digest));
    telemetry::log_info("dispatcher", "service registered",
                        {{"service", types::to_string(id)},
                         {"name", next->service.name},
                         {"signer", types::to_checksum_string(key.address)},
                         {"hd_index", key.hd_index},
                         {"permissions", permission_line(next->service)}});
    co_return base::ok();
}

async::Task<base::Result<std::vector<types::Finding>>> Services::prepare(
    const types::Service& service) {
    auto findings = types::validate(service, deps_.clock.wall_now());
    if (types::has_fatal(findings)) {
        co_return fatal_findings(findings);
    }
    for (const auto* component : types::components_of(service)) {
        if (!types::is_embedded_aggregator(*component)) {
            WAVS_CO_TRY(co_await deps_.sources.component(component->source));
        }
    }
    co_return std::move(findings);
}

async::Task<base::Result<Services::Key>> Services::key_for(const types::ServiceId& id,
                                                           std::optional<std::uint32_t> wanted) {
    WAVS_CO_TRY(auto guard, co_await keys_mutex_.lock());
    WAVS_CO_TRY(auto entries, deps_.store.scan(Keyspace::Signers, {}));
    std::uint32_t next = 1;
    for (const auto& entry : entries) {
        WAVS_CO_TRY(auto record, decode_signer_record(entry.value));
        const bool ours = base::as_text(entry.key) == base::as_text(id.view());
        if (ours && (!wanted || *wanted == record.hd_index)) {
            WAVS_CO_TRY(auto address, co_await deps_.submission.address(record.hd_index));
            if (address != record.address) {
                co_return base::Error(
                    base::ErrorKind::Conflict, "signer_changed",
                    fmt::format(
                        "service {} signed as {} before, but the key with index {} is now {}",
                        types::to_string(id), types::to_checksum_string(record.address),
                        record.hd_index, types::to_checksum_string(address)),
                    "start with the mnemonic this data directory was made with");
            }
            co_return Key{record.hd_index, address};
        }
        if (wanted && *wanted == record.hd_index) {
            co_return base::Error(
                base::ErrorKind::Conflict, "hd_index_taken",
                fmt::format("hd_index {} belongs to service {}", *wanted, base::hex(entry.key)),
                "choose another index");
        }
        if (ours) {
            co_return base::Error(base::ErrorKind::Conflict, "hd_index_bound",
                                  fmt::format("service {} has hd_index {} for ever",
                                              types::to_string(id), record.hd_index),
                                  "leave hd_index out");
        }
        next = std::max(next, record.hd_index + 1);
    }
    const std::uint32_t index = wanted.value_or(next);
    WAVS_CO_TRY(auto address, co_await deps_.submission.address(index));
    storage::Batch batch;
    batch.put(Keyspace::Signers, id.view(),
              encode(SignerRecord{index, address, deps_.clock.wall_now()}));
    WAVS_CO_TRY(const bool known, deps_.submission.knows(address));
    if (!known) {
        batch.append(deps_.submission.set_state(address, types::SignerState::Unchecked));
    }
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    co_return Key{index, address};
}

async::Task<base::Result<void>> Services::activate(types::RegisteredServicePtr next,
                                                   types::ServiceDigest agreed) {
    const auto previous = find(next->id);
    WAVS_CO_TRY(co_await deps_.engine.prepare(next));
    storage::Batch batch;
    const auto json = types::to_json(next->service);
    batch.put(Keyspace::Manifests, next->digest.view(), base::as_bytes(json));
    batch.put(Keyspace::Services, next->id.view(), encode(record_of(*next, agreed)));
    batch.erase(Keyspace::PendingUpdates, next->id.view());
    auto stored = co_await deps_.store.commit(std::move(batch));
    if (!stored.has_value()) {
        deps_.engine.release(next);
        co_return stored;
    }
    {
        const std::lock_guard guard(mutex_);
        services_[next->id] = next;
        agreed_[next->id] = agreed;
        health_.erase(next->id);
        held_.erase(next->id);
        held_updates_.set(static_cast<double>(held_.size()));
        registered_.set(static_cast<double>(services_.size()));
    }
    // From here on the service is registered, also after a crash; the triggers follow.
    // In a place of its own: g++ 12 does not build a list in an awaited call.
    std::vector<types::RegisteredServicePtr> changed{next};
    co_await watch(std::move(changed));
    if (previous) {
        deps_.engine.release(previous);
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Services::remove(types::ServiceManager manager) {
    const auto id = types::service_id_of(manager);
    WAVS_CO_TRY(auto guard, co_await lock(id));
    const auto service = find(id);
    if (!service) {
        co_return base::ok();
    }
    co_await deps_.triggers.remove_service(id);
    {
        const std::lock_guard locked(mutex_);
        services_.erase(id);
        health_.erase(id);
        announced_.erase(id);
        agreed_.erase(id);
        held_.erase(id);
        held_updates_.set(static_cast<double>(held_.size()));
        registered_.set(static_cast<double>(services_.size()));
    }
    WAVS_CO_TRY(auto batch, deps_.journal.forget(id));
    batch.append(deps_.aggregator.forget(id));
    batch.append(deps_.engine.forget(id));
    batch.erase(Keyspace::Services, id.view());
    batch.erase(Keyspace::PendingUpdates, id.view());
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    deps_.engine.release(service);
    telemetry::log_info("dispatcher", "service removed", {{"service", types::to_string(id)}});
    co_return base::ok();
}

async::Task<base::Result<types::ServiceDigest>> Services::save_manifest(types::Service service) {
    const auto json = types::to_json(service);
    const auto digest = types::service_digest(service);
    storage::Batch batch;
    batch.put(Keyspace::Manifests, digest.view(), base::as_bytes(json));
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    co_return digest;
}

base::Result<types::Service> Services::saved_manifest(const types::ServiceDigest& digest) const {
    WAVS_TRY(auto stored, deps_.store.get(Keyspace::Manifests, digest.view()));
    if (!stored) {
        return base::Error(base::ErrorKind::NotFound, "manifest_not_saved",
                           fmt::format("Service Hash {} has not been set on the http server",
                                       types::to_string(digest)));
    }
    WAVS_TRY(auto parsed, types::parse_manifest(base::as_text(*stored), options_.manifest));
    return std::move(parsed.service);
}

types::RegisteredServicePtr Services::find(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    const auto found = services_.find(id);
    return found == services_.end() ? nullptr : found->second;
}

std::vector<types::RegisteredServicePtr> Services::list() const {
    const std::lock_guard guard(mutex_);
    std::vector<types::RegisteredServicePtr> out;
    out.reserve(services_.size());
    for (const auto& [id, service] : services_) {
        out.push_back(service);
    }
    return out;
}

base::Result<types::RegisteredServicePtr> Services::revision(
    const types::ServiceId& id, const types::ServiceDigest& digest) const {
    auto current = find(id);
    if (!current || current->digest == digest) {
        return current;
    }
    WAVS_TRY(auto service, saved_manifest(digest));
    auto older = std::make_shared<types::RegisteredService>(*current);
    older->service = std::move(service);
    older->digest = digest;
    return types::RegisteredServicePtr(std::move(older));
}

}  // namespace wavs::dispatcher
