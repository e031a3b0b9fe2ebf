// SPDX-License-Identifier: Apache-2.0
// How a service is, for operators.
#include "wavs/dispatcher/services.hpp"

#include <fmt/ranges.h>

namespace wavs::dispatcher {

std::string_view to_string(ServiceHealth::State state) {
    switch (state) {
        case ServiceHealth::State::Active:
            return "active";
        case ServiceHealth::State::Paused:
            return "paused";
        case ServiceHealth::State::Degraded:
            return "degraded";
        case ServiceHealth::State::Held:
            return "held";
        case ServiceHealth::State::WaitingForChain:
            return "waiting_for_chain";
    }
    return "";
}

ServiceHealth Services::health(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    const auto known = health_.find(id);
    if (known != health_.end()) {
        return known->second;
    }
    const auto held = held_.find(id);
    if (held != held_.end()) {
        return {
            ServiceHealth::State::Held,
            fmt::format("the manifest at {} asks for more than the one in force, which runs on: "
                        "{}; to take it: wavs-cli permissions agree {}",
                        held->second.uri, fmt::join(held->second.more, "; "),
                        types::to_string(held->second.digest))};
    }
    const auto service = services_.find(id);
    if (service != services_.end() &&
        deps_.submission.state(service->second->signer) == types::SignerState::Missing) {
        return {
            ServiceHealth::State::Degraded,
            fmt::format("its results are not signed: its manager counted the key {} before "
                        "this node had it; import the ledger of the node that signed with it "
                        "(wavs ledger import), or, if there is none: wavs-cli ledger "
                        "accept-empty {}",
                        types::to_checksum_string(service->second->signer), types::to_string(id))};
    }
    const bool paused = service != services_.end() && !service->second->active();
    return {paused ? ServiceHealth::State::Paused : ServiceHealth::State::Active, {}};
}

void Services::set_health(const types::ServiceId& id, ServiceHealth health) {
    const std::lock_guard guard(mutex_);
    health_[id] = std::move(health);
}

bool Services::fine(const types::ServiceId& id) const {
    const std::lock_guard guard(mutex_);
    return !health_.contains(id);
}

}  // namespace wavs::dispatcher
