// SPDX-License-Identifier: Apache-2.0
#include "handlers.hpp"
#include "json_out.hpp"
#include "path.hpp"
#include "reply.hpp"
#include "shared_health.hpp"

namespace wavs::http {

Reply get_health(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto health, co_await services.health.get());
    co_return reply(200, kJson, to_json(*health));
}

Reply get_config(Services& services, Call call) {
    const auto endpoints = call.trusted ? types::Endpoints::Full : types::Endpoints::Redacted;
    WAVS_CO_TRY(auto config, co_await services.node.config_json(endpoints));
    co_return reply(200, kJson, std::move(config));
}

Reply get_info(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto info, co_await services.node.info());
    co_return reply(200, kJson, to_json(info));
}

Reply get_p2p_status(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto status, co_await services.node.p2p_status());
    co_return reply(200, kJson, to_json(status));
}

Reply get_divergences(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto events, co_await services.node.divergent_events());
    co_return reply(200, kJson, to_json(events));
}

Reply get_quarantine(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto components, co_await services.node.struck_components());
    co_return reply(200, kJson, to_json(components));
}

Reply delete_quarantine(Services& services, Call call) {
    WAVS_CO_TRY(const auto digest, parse_path_hex<types::ComponentDigest>(call.parameters.at(0)));
    WAVS_CO_TRY(co_await services.node.lift_quarantine(digest));
    co_return empty_reply(204);
}

Reply get_livez(Services& /*services*/, Call /*call*/) { co_return reply(200, kPlainText, "ok"); }

Reply get_readyz(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto reasons, co_await services.node.readiness());
    co_return reply(reasons.empty() ? 200 : 503, kJson, readiness_json(reasons));
}

Reply get_metrics(Services& services, Call /*call*/) {
    WAVS_CO_TRY(auto page, co_await services.node.render_metrics());
    co_return reply(200, kPrometheusText, std::move(page));
}

Reply get_openapi(Services& services, Call /*call*/) {
    co_return reply(200, kJson, openapi_json(services.routes));
}

}  // namespace wavs::http
