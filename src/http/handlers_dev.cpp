// SPDX-License-Identifier: Apache-2.0
#include "body.hpp"
#include "handlers.hpp"
#include "input_error.hpp"
#include "json_out.hpp"
#include "path.hpp"
#include "reply.hpp"
#include "slots.hpp"
#include "wavs/telemetry/log.hpp"

namespace wavs::http {
namespace {

using base::Error;
using base::ErrorKind;

Error hash_unknown(const types::ServiceDigest& digest) {
    return {ErrorKind::NotFound, "manifest_unknown",
            fmt::format("Service Hash {} has not been set on the http server",
                        types::to_string(digest)),
            "save the manifest first"};
}

}  // namespace

Error as_input_error(const Error& error) {
    if (error.kind() != ErrorKind::NotFound && error.kind() != ErrorKind::Guest) {
        return error;
    }
    return {ErrorKind::Invalid, error.code(), error.message(), error.remedy()};
}

Reply get_saved_manifest(Services& services, Call call) {
    WAVS_CO_TRY(const auto digest, parse_path_hex<types::ServiceDigest>(call.parameters.at(0)));
    WAVS_CO_TRY(const auto manifest, co_await services.node.saved_manifest(digest));
    if (!manifest.has_value()) {
        co_return hash_unknown(digest);
    }
    co_return reply(200, kJson, types::to_json(*manifest));
}

Reply post_manifest(Services& services, Call call) {
    WAVS_CO_TRY(auto manifest, read_manifest(call.body, services.options.manifest));
    for (const types::Finding& finding : manifest.warnings) {
        telemetry::log_warn("http", "manifest to be saved: " + finding.message,
                            {{"service", manifest.service.name},
                             {"workflow", finding.workflow},
                             {"code", finding.code.view()}});
    }
    WAVS_CO_TRY(const auto digest,
                co_await services.node.save_manifest(std::move(manifest.service)));
    co_return reply(200, kJson, to_json(digest));
}

Reply post_saved_manifest(Services& services, Call call) {
    WAVS_CO_TRY(const auto digest, parse_path_hex<types::ServiceDigest>(call.parameters.at(0)));
    WAVS_CO_TRY(const auto manifest, co_await services.node.saved_manifest(digest));
    if (!manifest.has_value()) {
        co_return hash_unknown(digest);
    }
    const auto registered = co_await services.node.register_saved(digest);
    if (!registered.has_value()) {
        co_return as_input_error(registered.error());
    }
    co_return empty_reply(204);
}

Reply post_component(Services& services, Call call) {
    WAVS_CO_TRY(const auto slot, co_await services.compilations.acquire());
    auto component = base::to_bytes(std::string_view(call.body));
    call.body = {};
    const auto digest = co_await services.node.upload_component(std::move(component));
    if (!digest.has_value()) {
        co_return as_input_error(digest.error());
    }
    co_return reply(200, kJson, to_json(digest.value()));
}

Reply post_trigger(Services& services, Call call) {
    WAVS_CO_TRY(auto request, read_simulated_trigger(call.body));
    WAVS_CO_TRY(co_await services.node.simulate_trigger(std::move(request)));
    co_return empty_reply(200);
}

Reply get_trigger_streams(Services& services, Call /*call*/) {
    WAVS_CO_TRY(const auto streams, co_await services.node.trigger_streams());
    co_return reply(200, kJson, to_json(streams));
}

Reply get_kv(Services& services, Call call) {
    const std::string& text = call.parameters.at(0);
    const auto service = types::parse_service_id(text);
    // Only the text that is the name of the store itself: no prefix, no upper case.
    if (!service.has_value() || types::to_string(service.value()) != text) {
        co_return Error(ErrorKind::NotFound, "kv_unknown", "");
    }
    WAVS_CO_TRY(auto value,
                co_await services.node.kv_read(service.value(), std::move(call.parameters.at(1)),
                                               std::move(call.parameters.at(2))));
    if (!value.has_value()) {
        co_return Error(ErrorKind::NotFound, "kv_unknown", "");
    }
    co_return reply(200, kBinary, std::string(base::as_text(*value)));
}

Reply post_chain(Services& services, Call call) {
    WAVS_CO_TRY(auto request, read_add_chain(call.body));
    WAVS_CO_TRY(co_await services.node.add_chain(std::move(request)));
    co_return empty_reply(200);
}

}  // namespace wavs::http
