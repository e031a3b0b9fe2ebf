// SPDX-License-Identifier: Apache-2.0
// Updates that ask for more permissions: told, or held until the operator agrees.
#include "service_record.hpp"
#include "wavs/dispatcher/services.hpp"
#include "wavs/telemetry/log.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

namespace wavs::dispatcher {
namespace {

using storage::Keyspace;

base::Error nothing_to_agree(const types::ServiceDigest& digest) {
    return {
        base::ErrorKind::NotFound, "nothing_to_agree",
        fmt::format("no service waits for agreement to the manifest {}", types::to_string(digest)),
        "use a digest that wavs-cli permissions list shows"};
}

}  // namespace

std::optional<Services::HeldUpdate> Services::held_update(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    const auto found = held_.find(id);
    return found == held_.end() ? std::nullopt : std::optional(found->second);
}

void Services::report_more(const types::RegisteredService& next,
                           const std::vector<std::string>& more, PermissionPolicy policy) {
    asked_for_more_.add();
    const bool held = policy == PermissionPolicy::Hold;
    telemetry::log_warn("dispatcher",
                        held ? "an update asks for more permissions and waits for the operator"
                             : "an update asks for more permissions and is in force",
                        {{"service", types::to_string(next.id)},
                         {"name", next.service.name},
                         {"uri", next.uri},
                         {"digest", types::to_string(next.digest)},
                         {"more", fmt::format("{}", fmt::join(more, "; "))},
                         {"remedy", fmt::format("{} wavs-cli permissions agree {}",
                                                held ? "to take it:" : "to confirm it:",
                                                types::to_string(next.digest))}});
}

async::Task<base::Result<void>> Services::hold_update(types::RegisteredServicePtr current,
                                                      types::RegisteredServicePtr next,
                                                      types::ServiceUriChange change,
                                                      std::vector<std::string> more) {
    const auto before = held_update(next->id);
    storage::Batch batch;
    const auto json = types::to_json(next->service);
    batch.put(Keyspace::Manifests, next->digest.view(), base::as_bytes(json));
    batch.put(Keyspace::PendingUpdates, next->id.view(),
              encode(HeldRecord{next->digest, next->uri, change.at, deps_.clock.wall_now()}));
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    {
        const std::lock_guard guard(mutex_);
        held_[next->id] = {next->digest, next->uri, change.at, more};
        health_.erase(next->id);
        held_updates_.set(static_cast<double>(held_.size()));
    }
    // What hinders the version in force was forgotten when the announcement came.
    std::vector<types::RegisteredServicePtr> unchanged{std::move(current)};
    co_await watch(std::move(unchanged));
    release_hold(change);
    if (!before || before->digest != next->digest) {
        report_more(*next, more, PermissionPolicy::Hold);
    }
    co_return base::ok();
}

void Services::restore_held(const types::RegisteredService& service) {
    const auto read = [&]() -> base::Result<std::optional<HeldUpdate>> {
        WAVS_TRY(const auto stored, deps_.store.get(Keyspace::PendingUpdates, service.id.view()));
        if (!stored) {
            return std::optional<HeldUpdate>();
        }
        WAVS_TRY(auto record, decode_held_record(*stored));
        WAVS_TRY(const auto manifest, saved_manifest(record.digest));
        auto more = types::more_than(types::permissions_of(service.service),
                                     types::permissions_of(manifest));
        return std::optional(
            HeldUpdate{record.digest, std::move(record.uri), record.at, std::move(more)});
    };
    auto held = read();
    if (!held.has_value()) {
        telemetry::log_failure(
            telemetry::Level::Error, "dispatcher",
            "a held update cannot be read, the manager is asked for its URI again", held.error(),
            {{"service", types::to_string(service.id)}});
        return;
    }
    if (held.value()) {
        const std::lock_guard guard(mutex_);
        held_.insert_or_assign(service.id, std::move(*held.value()));
        held_updates_.set(static_cast<double>(held_.size()));
    }
}

types::ServiceDigest Services::agreed_digest(const types::RegisteredService& service) const {
    const std::lock_guard guard(mutex_);
    const auto found = agreed_.find(service.id);
    return found == agreed_.end() ? service.digest : found->second;
}

base::Result<types::PermissionSet> Services::agreed_permissions(
    const types::RegisteredService& service) const {
    const auto agreed = agreed_digest(service);
    if (agreed == service.digest) {
        return types::permissions_of(service.service);
    }
    WAVS_TRY(const auto manifest, saved_manifest(agreed));
    return types::permissions_of(manifest);
}

// An update that asks for no more than what was agreed to narrows the agreement.
base::Result<types::ServiceDigest> Services::agreed_after(
    const types::RegisteredService& current, const types::RegisteredService& next) const {
    WAVS_TRY(const auto agreed, agreed_permissions(current));
    const bool more = !types::more_than(agreed, types::permissions_of(next.service)).empty();
    return more ? agreed_digest(current) : next.digest;
}

base::Result<ServicePermissions> Services::permissions(const types::ServiceId& id) const {
    ServicePermissions out;
    const auto service = find(id);
    if (!service) {
        return out;
    }
    const auto in_force = types::permissions_of(service->service);
    out.in_force = types::describe(in_force);
    if (auto held = held_update(id)) {
        out.asks_for_more = {held->digest, std::move(held->uri), false, std::move(held->more)};
    } else if (agreed_digest(*service) != service->digest) {
        WAVS_TRY(const auto agreed, agreed_permissions(*service));
        out.asks_for_more = {service->digest, service->uri, true,
                             types::more_than(agreed, in_force)};
    }
    return out;
}

std::optional<types::ServiceId> Services::waits_for_agreement(
    const types::ServiceDigest& digest) const {
    const std::lock_guard guard(mutex_);
    for (const auto& [id, service] : services_) {
        const auto held = held_.find(id);
        if ((held != held_.end() && held->second.digest == digest) ||
            (service->digest == digest && agreed_.at(id) != digest)) {
            return id;
        }
    }
    return std::nullopt;
}

async::Task<base::Result<void>> Services::agree(types::ServiceDigest digest) {
    const auto id = waits_for_agreement(digest);
    if (!id) {
        co_return nothing_to_agree(digest);
    }
    WAVS_CO_TRY(auto guard, co_await lock(*id));
    // Whatever was waited for may have settled it.
    if (waits_for_agreement(digest) != id) {
        co_return nothing_to_agree(digest);
    }
    auto current = find(*id);
    auto held = held_update(*id);
    if (held && held->digest == digest) {
        co_return co_await agree_to_held(std::move(current), std::move(*held));
    }
    co_return co_await agree_to_current(std::move(current));
}

async::Task<base::Result<void>> Services::agree_to_held(types::RegisteredServicePtr current,
                                                        HeldUpdate held) {
    if (announced(current->id)) {
        co_return base::Error(
            base::ErrorKind::Conflict, "update_pending",
            fmt::format("a newer manifest of service {} was announced and is being fetched",
                        types::to_string(current->id)),
            "look at wavs-cli permissions list again when it has been read");
    }
    // Its own moment has passed, and events behind it have run under the version before.
    WAVS_CO_TRY(const auto now, co_await deps_.managers.service_uri(current->service.manager));
    auto next = std::make_shared<types::RegisteredService>(*current);
    WAVS_CO_TRY(next->service, saved_manifest(held.digest));
    WAVS_CO_TRY(next->findings, co_await prepare(next->service));
    next->digest = held.digest;
    next->uri = std::move(held.uri);
    next->in_force_from = std::max(held.at, types::ChainPosition::end_of(now.block));
    next->updated_at = deps_.clock.wall_now();
    WAVS_CO_TRY(co_await activate(next, next->digest));
    telemetry::log_info(
        "dispatcher", "the operator agreed, the held update is in force",
        {{"service", types::to_string(next->id)}, {"digest", types::to_string(next->digest)}});
    co_return base::ok();
}

async::Task<base::Result<void>> Services::agree_to_current(types::RegisteredServicePtr current) {
    storage::Batch batch;
    batch.put(Keyspace::Services, current->id.view(), encode(record_of(*current, current->digest)));
    WAVS_CO_TRY(co_await deps_.store.commit(std::move(batch)));
    {
        const std::lock_guard guard(mutex_);
        agreed_[current->id] = current->digest;
    }
    telemetry::log_info("dispatcher", "the operator agreed to the permissions in force",
                        {{"service", types::to_string(current->id)},
                         {"digest", types::to_string(current->digest)}});
    co_return base::ok();
}

}  // namespace wavs::dispatcher
