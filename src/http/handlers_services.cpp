// SPDX-License-Identifier: Apache-2.0
#include "body.hpp"
#include "handlers.hpp"
#include "input_error.hpp"
#include "json_out.hpp"
#include "path.hpp"
#include "reply.hpp"

#include <charconv>

namespace wavs::http {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

Result<types::ServiceManager> manager_of(types::ChainKey chain,
                                         const types::NamedChainConfig& config,
                                         const std::string& address) {
    const auto* cosmos = config.cosmos();
    if (cosmos == nullptr) {
        WAVS_TRY(const auto evm, parse_path_hex<types::EvmAddress>(address));
        return types::EvmManager{std::move(chain), evm};
    }
    WAVS_TRY(auto bech32, types::CosmosAddress::parse(address));
    if (bech32.prefix() != cosmos->bech32_prefix) {
        return Error(ErrorKind::Invalid, "address_prefix",
                     fmt::format(R"(Address prefix "{}" does not match expected prefix "{}")",
                                 bech32.prefix(), cosmos->bech32_prefix));
    }
    return types::CosmosManager{std::move(chain), std::move(bech32)};
}

Result<std::uint64_t> parse_sequence(const std::string& text) {
    std::uint64_t out = 0;
    const auto* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, out);
    if (result.ec != std::errc() || result.ptr != end) {
        return Error(ErrorKind::Invalid, "sequence",
                     fmt::format("'{}' is no sequence number", text),
                     "use the sequence that GET /node/events/failed shows");
    }
    return out;
}

}  // namespace

Reply get_services(Services& services, Call /*call*/) {
    WAVS_CO_TRY(auto list, co_await services.node.list_services());
    co_return reply(200, kJson, to_json(std::move(list)));
}

Reply get_service(Services& services, Call call) {
    WAVS_CO_TRY(auto chain, types::ChainKey::parse(call.parameters.at(0)));
    WAVS_CO_TRY(const auto config, co_await services.node.find_chain(chain));
    if (!config.has_value()) {
        co_return Error(ErrorKind::NotFound, "chain_unknown",
                        "missing chain config for " + chain.str());
    }
    WAVS_CO_TRY(auto manager, manager_of(std::move(chain), *config, call.parameters.at(1)));
    const auto id = types::service_id_of(manager);
    WAVS_CO_TRY(const auto service, co_await services.node.find_service(std::move(manager)));
    if (!service.has_value()) {
        co_return Error(
            ErrorKind::NotFound, "service_unknown",
            fmt::format("Service ID {} has not been set on the http server", types::to_string(id)));
    }
    co_return reply(200, kJson, types::to_json(*service));
}

Reply get_events(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto events, co_await services.node.latest_events());
    co_return reply(200, kJson, to_json(events));
}

Reply get_failed_events(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto events, co_await services.node.failed_events());
    co_return reply(200, kJson, to_json(events));
}

Reply post_event_retry(Services& services, Call call) {
    WAVS_CO_TRY(const auto sequence, parse_sequence(call.parameters.at(0)));
    WAVS_CO_TRY(co_await services.node.settle_failed(sequence, NodeApi::FailedEvent::Retry));
    co_return empty_reply(204);
}

Reply post_event_skip(Services& services, Call call) {
    WAVS_CO_TRY(const auto sequence, parse_sequence(call.parameters.at(0)));
    WAVS_CO_TRY(co_await services.node.settle_failed(sequence, NodeApi::FailedEvent::Skip));
    co_return empty_reply(204);
}

Reply get_service_states(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto states, co_await services.node.service_states());
    co_return reply(200, kJson, to_json(states));
}

Reply post_permissions(Services& services, Call call) {
    WAVS_CO_TRY(const auto digest, parse_path_hex<types::ServiceDigest>(call.parameters.at(0)));
    const auto agreed = co_await services.node.agree_to_permissions(digest);
    if (!agreed.has_value()) {
        co_return agreed.error();
    }
    co_return empty_reply(204);
}

Reply post_empty_ledger(Services& services, Call call) {
    WAVS_CO_TRY(const auto service, parse_path_hex<types::ServiceId>(call.parameters.at(0)));
    const auto accepted = co_await services.node.accept_empty_ledger(service);
    if (!accepted.has_value()) {
        co_return accepted.error();
    }
    co_return empty_reply(204);
}

Reply post_service(Services& services, Call call) {
    WAVS_CO_TRY(auto request, read_add_service(call.body));
    const auto added = co_await services.node.add_service(std::move(request));
    if (!added.has_value()) {
        co_return as_input_error(added.error());
    }
    co_return empty_reply(204);
}

Reply delete_services(Services& services, Call call) {
    WAVS_CO_TRY(auto managers, read_remove_services(call.body));
    if (!managers.empty()) {
        WAVS_CO_TRY(co_await services.node.remove_services(std::move(managers)));
    }
    co_return empty_reply(204);
}

Reply post_signer(Services& services, Call call) {
    WAVS_CO_TRY(auto manager, read_get_signer(call.body));
    const auto id = types::service_id_of(manager);
    WAVS_CO_TRY(const auto signer, co_await services.node.signer(std::move(manager)));
    if (!signer.has_value()) {
        co_return Error(ErrorKind::NotFound, "signer_unknown",
                        fmt::format("Submission: missing key for service {}", types::to_string(id)),
                        "add the service first");
    }
    co_return reply(200, kJson, to_json(*signer));
}

}  // namespace wavs::http
