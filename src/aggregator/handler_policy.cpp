// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/handler_policy.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::aggregator {
namespace {

constexpr std::size_t kMostKept = 100;

std::string manager_text(const types::ServiceManager& manager) {
    return fmt::format("{} on {}", types::address_text(manager), types::chain_of(manager).str());
}

}  // namespace

HandlerPolicy::HandlerPolicy(types::ChainKey chain, const std::vector<types::EvmAddress>& listed,
                             telemetry::Metrics* metrics)
    : chain_(std::move(chain)), listed_(listed.begin(), listed.end()), metrics_(metrics) {}

std::optional<std::string> HandlerPolicy::refusal(const types::RegisteredService& service,
                                                  const types::EvmAddress& handler,
                                                  const types::EvmAddress& its_manager) {
    const Pair pair(service.id, handler);
    // The same address on another chain is another contract.
    if (is_listed(handler) ||
        service.service.manager == types::ServiceManager(types::EvmManager{chain_, its_manager})) {
        const std::lock_guard lock(mutex_);
        refused_.erase(pair);
        return std::nullopt;
    }
    auto text = fmt::format(
        "Chain Config: handler {} on {} is not allowed for service {} ({}): its service manager is "
        "{}, that of the manifest {}; if you trust it, add it to allowed_handlers of this chain",
        types::to_string(handler), chain_.str(), types::to_string(service.id), service.service.name,
        types::to_string(its_manager), manager_text(service.service.manager));
    if (metrics_ != nullptr) {
        metrics_
            ->counter("wavs_handlers_refused_total",
                      "Checks of results whose handler the operator does not allow",
                      {{"chain", chain_.str()}})
            .add();
    }
    const std::lock_guard lock(mutex_);
    if (refused_.size() >= kMostKept && !refused_.contains(pair)) {
        refused_.erase(refused_.begin());
    }
    if (refused_.insert_or_assign(pair, text).second) {
        telemetry::log_error("aggregator", "a handler is refused, its results wait: " + text);
    }
    return text;
}

std::vector<std::string> HandlerPolicy::warnings() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> out;
    for (const auto& [pair, text] : refused_) {
        out.push_back(text);
    }
    return out;
}

}  // namespace wavs::aggregator
