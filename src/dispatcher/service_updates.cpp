// SPDX-License-Identifier: Apache-2.0
// How a service follows the manifests that its manager announces.
#include "wavs/dispatcher/services.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <utility>

namespace wavs::dispatcher {
namespace {

// Of a URI that was asked for, where no announcement is waited for.
constexpr auto kWholeBlock = types::ChainPosition::end_of(0).log_index;

// The manifest was not seen at all. One that was seen and cannot be used is the same for every
// operator: nothing is gained by waiting for it.
bool may_come(const base::Error& error) {
    return error.code() == base::ErrorCode("fetch_failed") ||
           error.kind() == base::ErrorKind::Timeout;
}

constexpr auto kNever = std::chrono::hours(24 * 365 * 100);

// How often a task that waits for its next try looks whether something newer is there.
constexpr auto kLook = std::chrono::seconds(1);

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

bool is_known(const types::RegisteredService& current, const types::ServiceUriChange& change) {
    return current.in_force_from && change.at <= *current.in_force_from;
}

}  // namespace

void Services::announce(types::ServiceUriChange change) {
    const auto id = change.service_id;
    if (const auto held = held_update(id);
        held && change.at.log_index != kWholeBlock && change.at <= held->at) {
        // Read once more, for example after a restart: it waits for the operator, and no event
        // waits for it.
        deps_.triggers.resume(id, change.at);
        return;
    }
    {
        const std::lock_guard guard(mutex_);
        const auto current = services_.find(id);
        if (current == services_.end() || is_known(*current->second, change)) {
            return;
        }
        const auto [slot, fresh] = announced_.try_emplace(id, Announced{change});
        if (!fresh) {
            auto& known = slot->second;
            if (change.at > known.change.at && known.held) {
                known.superseded = true;  // it comes again when the one before is settled
            } else if (change.at > known.change.at) {
                known = {std::move(change)};
            }
            return;  // the task that follows the older one looks
        }
        if (change.at.log_index != kWholeBlock) {
            health_[id] = {ServiceHealth::State::Held,
                           "the manifest at " + change.uri +
                               " was announced and is being fetched, later events wait for it"};
        }
    }
    updates_.spawn("update/" + types::to_string(id), follow_update(id));
}

std::optional<Services::Announced> Services::announced(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    const auto found = announced_.find(id);
    return found == announced_.end() ? std::nullopt : std::optional(found->second);
}

// Lets the events behind the announcement go on, if it still holds them.
void Services::release_hold(const types::ServiceUriChange& change) {
    {
        const std::lock_guard guard(mutex_);
        const auto found = announced_.find(change.service_id);
        if (found == announced_.end() || found->second.change.at != change.at ||
            !std::exchange(found->second.held, false)) {
            return;
        }
    }
    deps_.triggers.resume(change.service_id, change.at);
}

// False when another announcement took its place.
bool Services::settle_announcement(const types::ServiceUriChange& change) {
    const std::lock_guard guard(mutex_);
    const auto found = announced_.find(change.service_id);
    if (found == announced_.end() || found->second.change.at == change.at) {
        announced_.erase(change.service_id);
        return true;
    }
    return false;
}

async::Task<void> Services::follow_update(types::ServiceId id) {
    bool more = true;
    while (more) {
        auto pending = announced(id);
        if (!pending) {
            co_return;
        }
        auto replaced = co_await follow_announcement(std::move(pending->change));
        more = replaced.has_value() && replaced.value();
    }
}

// Until it is in force, refused for good, or given up because a newer one is there. True when
// another one took its place meanwhile.
async::Task<base::Result<bool>> Services::follow_announcement(types::ServiceUriChange change) {
    async::Backoff backoff(std::chrono::seconds(1), std::chrono::minutes(5), deps_.random);
    const auto hold_until = deps_.clock.steady_now() + options_.update_hold;
    while (true) {
        auto applied = co_await apply_update(change);
        if (applied.has_value()) {
            co_return !settle_announcement(change);
        }
        update_failed(change, applied.error());
        if (!may_come(applied.error())) {
            release_hold(change);
        }
        if (is_final(applied.error())) {
            release_hold(change);
            co_return !settle_announcement(change);
        }
        const auto next_try = deps_.clock.steady_now() + backoff.next();
        while (deps_.clock.steady_now() < next_try) {
            const auto now = announced(change.service_id);
            if (!now || now->change.at != change.at) {
                co_return now.has_value();
            }
            if (now->superseded) {
                release_hold(change);
                co_return !settle_announcement(change);
            }
            if (deps_.clock.steady_now() >= hold_until) {
                release_hold(change);
            }
            WAVS_CO_TRY(co_await deps_.timers.sleep_for(
                std::min<base::Duration>(kLook, next_try - deps_.clock.steady_now())));
        }
    }
}

void Services::update_failed(const types::ServiceUriChange& change, const base::Error& error) {
    set_health(change.service_id, {ServiceHealth::State::Degraded,
                                   "update to " + change.uri + " failed: " + error.full_text()});
    telemetry::log_failure(telemetry::Level::Error, "dispatcher",
                           "service update failed, the version before stays in force", error,
                           {{"service", types::to_string(change.service_id)}, {"uri", change.uri}});
}

async::Task<base::Result<void>> Services::apply_update(types::ServiceUriChange change) {
    const auto id = change.service_id;
    WAVS_CO_TRY(auto guard, co_await lock(id));
    const auto current = find(id);
    if (!current || is_known(*current, change)) {
        co_return base::ok();
    }
    WAVS_CO_TRY(auto manifest, co_await fetch(change.uri));
    const auto new_id = manifest.service.id();
    if (new_id != id) {
        co_return base::Error(base::ErrorKind::Invalid, "service_id_mismatch",
                              fmt::format("Service change: id mismatch, from {} to {}",
                                          types::to_string(id), types::to_string(new_id)),
                              "the new manifest must name the same manager");
    }
    WAVS_CO_TRY(auto findings, co_await prepare(manifest.service));
    auto next = std::make_shared<types::RegisteredService>(*current);
    next->digest = types::service_digest(manifest.service);
    next->service = std::move(manifest.service);
    next->uri = change.uri;
    next->in_force_from = change.at;
    next->findings = std::move(findings);
    const bool same = next->digest == current->digest && next->uri == current->uri;
    if (same && change.at.log_index == kWholeBlock && fine(id) && !held_update(id)) {
        co_return base::ok();
    }
    if (!same) {
        next->updated_at = deps_.clock.wall_now();
    }
    auto more = types::more_than(types::permissions_of(current->service),
                                 types::permissions_of(next->service));
    if (!more.empty() && options_.permission_policy == PermissionPolicy::Hold) {
        co_return co_await hold_update(current, next, std::move(change), std::move(more));
    }
    WAVS_CO_TRY(const auto agreed, agreed_after(*current, *next));
    WAVS_CO_TRY(co_await activate(next, agreed));
    if (!more.empty()) {
        report_more(*next, more, PermissionPolicy::Accept);
    }
    if (!same) {
        telemetry::log_info("dispatcher", "service updated",
                            {{"service", types::to_string(id)},
                             {"digest", types::to_string(next->digest)},
                             {"status", types::to_string(next->service.status)}});
    }
    co_return base::ok();
}

async::Task<base::Result<void>> Services::run_uri_checks() {
    // The first round reads every manifest again: an announcement may have been missed while the
    // node was down, and the text behind an unchanged URI may have changed.
    for (auto compare = Compare::Manifest;; compare = Compare::Uri) {
        for (const auto& service : list()) {
            co_await check_uri(service, compare);
        }
        if (options_.uri_poll.count() == 0) {
            co_return co_await deps_.timers.sleep_for(kNever);
        }
        const auto period = std::chrono::duration_cast<base::Duration>(options_.uri_poll);
        const auto jitter = deps_.random.below(static_cast<std::uint64_t>(period.count() / 5) + 1);
        WAVS_CO_TRY(co_await deps_.timers.sleep_for(
            period - period / 10 + base::Duration(static_cast<base::Duration::rep>(jitter))));
    }
}

async::Task<void> Services::check_uri(types::RegisteredServicePtr service, Compare compare) {
    if (auto checked = co_await check_signer(service->service.manager, service->signer);
        !checked.has_value()) {
        co_return;  // the disk; the node ends
    }
    if (service->uri.empty() && !held_update(service->id)) {
        co_return;  // handed over directly: the contract is not asked until it announces something
    }
    auto uri = co_await deps_.managers.service_uri(service->service.manager);
    if (!uri.has_value()) {
        telemetry::log_failure(telemetry::Level::Debug, "dispatcher", "service URI not read",
                               uri.error(), {{"service", types::to_string(service->id)}});
        co_return;
    }
    const auto current = find(service->id);
    if (!current) {
        co_return;
    }
    const auto held = held_update(service->id);
    const bool other = (held ? held->uri : current->uri) != uri.value().uri;
    // What was held under another policy is looked at again.
    const bool again = compare == Compare::Manifest ||
                       (held && options_.permission_policy == PermissionPolicy::Accept);
    // Announcements that still have to be read come with their moment, in their order; to jump over
    // them would run the events before them under a manifest that was not in force.
    const bool ahead =
        !deps_.triggers.has_read(types::chain_of(current->service.manager), uri.value().block);
    if ((other && !ahead) || (!other && again)) {
        announce({service->id, std::move(uri.value().uri),
                  types::ChainPosition::end_of(uri.value().block)});
    }
}

}  // namespace wavs::dispatcher
