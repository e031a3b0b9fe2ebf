// SPDX-License-Identifier: Apache-2.0
#include "wavs/http/http_api.hpp"

#include "wavs/telemetry/log.hpp"

namespace wavs::http {

HttpApi::HttpApi(HttpOptions options, NodeApi& node, const Environment& environment)
    : environment_(environment), api_(std::move(options), node, environment) {}

HttpApi::~HttpApi() = default;

base::Result<void> HttpApi::start() {
    const HttpOptions& options = api_.options();
    WAVS_TRY(const auto warnings, check(options));
    for (const std::string& warning : warnings) {
        telemetry::log_warn("http", warning);
    }
    net::HttpServerOptions server;
    server.host = options.host;
    server.port = options.port;
    server.max_connections = options.max_connections;
    server.max_body_bytes = options.max_body_bytes;
    server.header_timeout = options.header_timeout;
    WAVS_TRY(server_, net::HttpServer::listen(environment_.executor, environment_.timers, api_,
                                              std::move(server)));
    telemetry::log_info("http", "listening", {{"url", url()}, {"port", port()}});
    return base::ok();
}

std::uint16_t HttpApi::port() const { return server_ ? server_->port() : std::uint16_t{0}; }
std::string HttpApi::url() const { return server_ ? server_->url() : std::string(); }

async::Task<void> HttpApi::stop(base::Duration deadline) {
    if (server_) {
        const auto cut = co_await server_->stop(deadline / 2);
        if (cut > 0) {
            telemetry::log_warn("http", "requests cut at stop", {{"count", cut}});
        }
    }
    for (const std::string& name : co_await api_.stop(deadline / 2)) {
        telemetry::log_error("http", "a change did not end at stop", {{"task", name}});
    }
}

}  // namespace wavs::http
