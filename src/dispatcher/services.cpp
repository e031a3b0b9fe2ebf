// SPDX-License-Identifier: Apache-2.0
#include "wavs/dispatcher/services.hpp"

#include "service_record.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/storage/keys.hpp"
#include "wavs/telemetry/log.hpp"
#include "wavs/types/validate.hpp"

#include <algorithm>

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

std::string describe(const types::ServiceManager& manager) {
    return types::chain_of(manager).str() + "/" + types::address_text(manager);
}

// Failures that a later try cannot change.
bool is_final(const base::Error& error) {
    switch (error.kind()) {
        case base::ErrorKind::Invalid:
        case base::ErrorKind::Conflict:
        case base::ErrorKind::Denied:
        case base::ErrorKind::TooLarge:
        case base::ErrorKind::Unsupported:
        case base::ErrorKind::Guest:
        case base::ErrorKind::Cancelled:
            return true;
        default:
            return false;
    }
}

}  // namespace

Services::Services(ServicesDeps deps, ServicesOptions options, async::Executor strand)
    : deps_(deps),
      options_(std::move(options)),
      registered_(deps.metrics.gauge("wavs_registered_services", "Services this node runs")),
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
    for (const auto& entry : entries) {
        auto restored = co_await restore(entry);
        if (restored.has_value()) {
            continue;
        }
        if (restored.error().code() == base::ErrorCode("signer_changed")) {
            co_return restored;
        }
        telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                               "a stored service is not running", restored.error(),
                               {{"service", base::hex(entry.key)}});
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Services::restore(const storage::Entry& entry) {
    WAVS_CO_TRY(auto record, decode_service_record(entry.value));
    WAVS_CO_TRY(auto service, saved_manifest(record.digest));
    const auto id = service.id();
    WAVS_CO_TRY(auto key, co_await key_for(id, std::nullopt));
    auto entry_value = std::make_shared<types::RegisteredService>();
    entry_value->id = id;
    entry_value->digest = record.digest;
    entry_value->findings = types::validate(service, deps_.clock.wall_now());
    entry_value->service = std::move(service);
    entry_value->hd_index = key.hd_index;
    entry_value->signer = key.address;
    entry_value->uri = record.uri;
    entry_value->updated_at = record.updated_at;
    types::RegisteredServicePtr shared = entry_value;
    {
        const std::lock_guard guard(mutex_);
        services_[id] = shared;
        registered_.set(static_cast<double>(services_.size()));
    }
    auto prepared = co_await deps_.engine.prepare(shared);
    if (!prepared.has_value()) {
        set_reason(id, prepared.error().full_text());
        co_return prepared;
    }
    co_return co_await deps_.triggers.set_service(shared);
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
    WAVS_CO_TRY(auto manifest, co_await fetch(uri));
    if (!(manifest.service.manager == manager)) {
        co_return base::Error(
            base::ErrorKind::Invalid, "manager_mismatch",
            fmt::format(
                "manifest manager does not match: asked for {}, the manifest at {} names {}",
                describe(manager), uri, describe(manifest.service.manager)),
            "set the manager's service URI to the manifest of this service");
    }
    co_return co_await register_new(std::move(manifest), std::move(uri), hd_index);
}

async::Task<base::Result<void>> Services::add_saved(types::ServiceDigest digest) {
    WAVS_CO_TRY(auto service, saved_manifest(digest));
    WAVS_CO_TRY(auto guard, co_await lock(service.id()));
    co_return co_await register_new({std::move(service), {}}, "", std::nullopt);
}

async::Task<base::Result<void>> Services::register_new(types::ParsedManifest manifest,
                                                       std::string uri,
                                                       std::optional<std::uint32_t> hd_index) {
    const auto id = manifest.service.id();
    if (find(id)) {
        co_return already_registered(id);
    }
    auto findings = types::validate(manifest.service, deps_.clock.wall_now());
    if (types::has_fatal(findings)) {
        co_return fatal_findings(findings);
    }
    WAVS_CO_TRY(co_await fetch_components(manifest.service));
    WAVS_CO_TRY(auto key, co_await key_for(id, hd_index));

    auto next = std::make_shared<types::RegisteredService>();
    next->id = id;
    next->digest = types::service_digest(manifest.service);
    next->service = std::move(manifest.service);
    next->hd_index = key.hd_index;
    next->signer = key.address;
    next->uri = std::move(uri);
    next->updated_at = deps_.clock.wall_now();
    next->findings = std::move(findings);
    WAVS_CO_TRY(co_await activate(next));
    telemetry::log_info("dispatcher", "service registered",
                        {{"service", types::to_string(id)},
                         {"name", next->service.name},
                         {"signer", types::to_checksum_string(key.address)},
                         {"hd_index", key.hd_index}});
    co_return base::ok();
}

async::Task<base::Result<void>> Services::fetch_components(const types::Service& service) {
    for (const auto* component : types::components_of(service)) {
        if (!types::is_embedded_aggregator(*component)) {
            WAVS_CO_TRY(co_await deps_.sources.component(component->source));
        }
    }
    co_return base::ok();
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
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    co_return Key{index, address};
}

async::Task<base::Result<void>> Services::activate(types::RegisteredServicePtr next) {
    const auto previous = find(next->id);
    WAVS_CO_TRY(co_await deps_.engine.prepare(next));
    storage::Batch batch;
    const auto json = types::to_json(next->service);
    batch.put(Keyspace::Manifests, next->digest.view(), base::as_bytes(json));
    batch.put(Keyspace::Services, next->id.view(),
              encode(ServiceRecord{next->digest, next->uri, next->updated_at}));
    auto stored = co_await deps_.store.commit(std::move(batch));
    if (!stored.has_value()) {
        deps_.engine.release(next);
        co_return stored;
    }
    {
        const std::lock_guard guard(mutex_);
        services_[next->id] = next;
        reasons_.erase(next->id);
        registered_.set(static_cast<double>(services_.size()));
    }
    // From here on the service is registered, also after a crash; the triggers follow.
    auto watching = co_await deps_.triggers.set_service(next);
    if (!watching.has_value()) {
        set_reason(next->id, watching.error().full_text());
        telemetry::log_failure(telemetry::Level::Warn, "dispatcher", "a trigger is not watched yet",
                               watching.error(), {{"service", types::to_string(next->id)}});
    }
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
        reasons_.erase(id);
        announced_.erase(id);
        registered_.set(static_cast<double>(services_.size()));
    }
    WAVS_CO_TRY(auto batch, deps_.journal.forget(id));
    batch.append(deps_.aggregator.forget(id));
    batch.append(deps_.engine.forget(id));
    batch.erase(Keyspace::Services, id.view());
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

ServiceHealth Services::health(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    const auto reason = reasons_.find(id);
    if (reason != reasons_.end()) {
        return {ServiceHealth::State::Degraded, reason->second};
    }
    const auto service = services_.find(id);
    const bool paused = service != services_.end() && !service->second->active();
    return {paused ? ServiceHealth::State::Paused : ServiceHealth::State::Active, {}};
}

void Services::set_reason(const types::ServiceId& id, std::string reason) {
    const std::lock_guard guard(mutex_);
    reasons_[id] = std::move(reason);
}

void Services::announce(types::ServiceUriChange change) {
    const auto id = change.service_id;
    {
        const std::lock_guard guard(mutex_);
        const auto position = std::pair(change.block_number, change.log_index);
        const auto [slot, fresh] = announced_.try_emplace(id, change);
        if (!fresh) {
            if (position >= std::pair(slot->second.block_number, slot->second.log_index)) {
                slot->second = std::move(change);
            }
            return;  // the task that follows the older one takes the newest
        }
    }
    updates_.spawn("update/" + types::to_string(id), follow_update(id));
}

async::Task<void> Services::follow_update(types::ServiceId id) {
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::minutes(5), deps_.random);
    while (true) {
        types::ServiceUriChange change;
        {
            const std::lock_guard guard(mutex_);
            const auto found = announced_.find(id);
            if (found == announced_.end()) {
                co_return;
            }
            change = found->second;
        }
        auto applied = co_await apply_update(id, change.uri);
        if (!applied.has_value()) {
            set_reason(id, "update to " + change.uri + " failed: " + applied.error().full_text());
            telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                                   "service update failed, the version before stays in force",
                                   applied.error(),
                                   {{"service", types::to_string(id)}, {"uri", change.uri}});
        }
        const bool settled = applied.has_value() || is_final(applied.error());
        {
            const std::lock_guard guard(mutex_);
            const auto found = announced_.find(id);
            const bool newer = found != announced_.end() && found->second.uri != change.uri;
            if (settled && !newer) {
                announced_.erase(id);
                co_return;
            }
            if (newer) {
                backoff.reset();
                continue;
            }
        }
        if (auto slept = co_await deps_.timers.sleep_for(backoff.next()); !slept.has_value()) {
            co_return;
        }
    }
}

async::Task<base::Result<void>> Services::apply_update(types::ServiceId id, std::string uri) {
    WAVS_CO_TRY(auto guard, co_await lock(id));
    const auto current = find(id);
    if (!current) {
        co_return base::ok();
    }
    WAVS_CO_TRY(auto manifest, co_await fetch(uri));
    const auto new_id = manifest.service.id();
    if (new_id != id) {
        co_return base::Error(base::ErrorKind::Invalid, "service_id_mismatch",
                              fmt::format("Service change: id mismatch, from {} to {}",
                                          types::to_string(id), types::to_string(new_id)),
                              "the new manifest must name the same manager");
    }
    const auto digest = types::service_digest(manifest.service);
    if (digest == current->digest && uri == current->uri) {
        const std::lock_guard locked(mutex_);
        reasons_.erase(id);
        co_return base::ok();
    }
    auto findings = types::validate(manifest.service, deps_.clock.wall_now());
    if (types::has_fatal(findings)) {
        co_return fatal_findings(findings);
    }
    WAVS_CO_TRY(co_await fetch_components(manifest.service));
    auto next = std::make_shared<types::RegisteredService>(*current);
    next->digest = digest;
    next->service = std::move(manifest.service);
    next->uri = std::move(uri);
    next->updated_at = deps_.clock.wall_now();
    next->findings = std::move(findings);
    WAVS_CO_TRY(co_await activate(next));
    telemetry::log_info("dispatcher", "service updated",
                        {{"service", types::to_string(id)},
                         {"digest", types::to_string(digest)},
                         {"status", types::to_string(next->service.status)}});
    co_return base::ok();
}

async::Task<base::Result<void>> Services::run_uri_checks() {
    // The first round reads every manifest again: an announcement may have been missed while the
    // node was down, and the text behind an unchanged URI may have changed.
    for (auto compare = Compare::Manifest;; compare = Compare::Uri) {
        for (const auto& service : list()) {
            co_await check_uri(service, compare);
        }
        const auto period = std::chrono::duration_cast<base::Duration>(options_.uri_poll);
        const auto jitter = deps_.random.below(static_cast<std::uint64_t>(period.count() / 5) + 1);
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(
            period - period / 10 + base::Duration(static_cast<base::Duration::rep>(jitter))));
    }
}

async::Task<void> Services::check_uri(types::RegisteredServicePtr service, Compare compare) {
    if (service->uri.empty()) {
        co_return;  // handed over directly: the contract is not asked until it announces something
    }
    auto uri = co_await deps_.managers.service_uri(service->service.manager);
    if (!uri.has_value()) {
        telemetry::log_failure(telemetry::Level::Debug, "dispatcher", "service URI not read",
                               uri.error(), {{"service", types::to_string(service->id)}});
        co_return;
    }
    const auto current = find(service->id);
    if (current && (compare == Compare::Manifest || current->uri != uri.value())) {
        announce({service->id, uri.value(), 0, 0});
    }
}

}  // namespace wavs::dispatcher
