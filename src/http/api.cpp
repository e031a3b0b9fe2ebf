// SPDX-License-Identifier: Apache-2.0
#include "wavs/http/api.hpp"

#include "auth.hpp"
#include "body.hpp"
#include "cors.hpp"
#include "guarded.hpp"
#include "path.hpp"
#include "reply.hpp"
#include "route.hpp"
#include "shared_health.hpp"
#include "slots.hpp"
#include "wavs/http/status.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>
#include <array>

namespace wavs::http {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

Error stopping() { return {ErrorKind::Cancelled, "stopping", "the node is stopping"}; }

std::vector<const Route*> enabled_routes(const HttpOptions& options) {
    std::vector<const Route*> out;
    for (const Route& route : all_routes()) {
        if (route.scope == Scope::Always || options.dev_endpoints) {
            out.push_back(&route);
        }
    }
    return out;
}

void report_fault(std::string_view task, std::string_view what) {
    telemetry::log_error("http", "a request's task threw", {{"task", task}, {"what", what}});
}

// A method is a label of a metric, so clients must not be able to invent new ones.
std::string method_label(std::string_view method) {
    constexpr std::array<std::string_view, 7> kKnown{"GET", "HEAD",    "POST", "DELETE",
                                                     "PUT", "OPTIONS", "PATCH"};
    const bool known = std::find(kKnown.begin(), kKnown.end(), method) != kKnown.end();
    return known ? std::string(method) : "other";
}

Result<Call> make_call(const Route& route, const Place& place) {
    Call out;
    const auto names = parameter_names(route.pattern);
    for (std::size_t i = 0; i < names.size(); ++i) {
        WAVS_TRY(auto text, decode_parameter(names[i], place.parameters.at(i)));
        out.parameters.push_back(std::move(text));
    }
    return out;
}

Result<void> check_body(const Route& route, const net::Request& request) {
    if (route.body == Body::Json) {
        WAVS_TRY(check_json_content_type(request.head.headers));
    }
    if (request.body_too_large && route.body != Body::None) {
        return body_too_large();
    }
    return base::ok();
}

using Answer = Result<net::Response>;

async::Task<void> run_change(const Route& route, Services& services, Call call,
                             async::OneShot<Answer> done) {
    auto task = route.handler(services, std::move(call));
    done.set(co_await guarded(std::move(task)));
}

async::Task<Answer> answer_of(async::OneShot<Answer> done) {
    auto answer = co_await done.wait();
    if (!answer.has_value()) {
        co_return stopping();
    }
    co_return std::move(*answer);
}

}  // namespace

struct Api::Impl {
    Impl(HttpOptions with, NodeApi& node, const Environment& environment)
        : options(std::move(with)),
          env(environment),
          cors(options.cors_allowed_origins),
          routes(enabled_routes(options)),
          group(async::make_strand(env.executor), "http", &report_fault),
          health(node, env.clock, group, options.health_cache),
          compilations(env.executor, {options.max_compilations, options.max_waiting_uploads}),
          services{options, node, health, compilations, routes} {}

    bool trusted(const net::RequestHead& head) const {
        return options.bearer_token.has_value() &&
               check_token(head.headers, *options.bearer_token) == TokenCheck::Right;
    }
    std::optional<net::Response> demand_token(const net::RequestHead& head) const;
    std::optional<net::Response> check_access(const Route& route,
                                              const net::RequestHead& head) const;
    std::optional<net::Response> early_answer(const Place& place,
                                              const net::RequestHead& head) const;
    async::Task<Answer> answer(const Route& route, const Place& place, net::Request request);
    async::Task<Answer> run(const Route& route, Call call);
    net::Response failure(const Route& route, const net::RequestHead& head,
                          const Error& error) const;
    void finish(const Place& place, const net::RequestHead& head, base::SteadyTime started,
                net::Response& response) const;

    const HttpOptions options;
    const Environment env;
    const Cors cors;
    const std::vector<const Route*> routes;
    async::TaskGroup group;
    SharedHealth health;
    Slots compilations;
    Services services;
};

/// 401 unless the right token is there.
std::optional<net::Response> Api::Impl::demand_token(const net::RequestHead& head) const {
    const TokenCheck check = check_token(head.headers, *options.bearer_token);
    if (check == TokenCheck::Right) {
        return std::nullopt;
    }
    auto out = error_reply(unauthorized(), error_form(head.headers));
    out.headers.set("www-authenticate", std::string(challenge(check)));
    return out;
}

std::optional<net::Response> Api::Impl::check_access(const Route& route,
                                                     const net::RequestHead& head) const {
    if (!options.bearer_token.has_value()) {
        if (route.access == Access::Token) {
            const auto local = check_local(head);
            if (!local.has_value()) {
                return failure(route, head, local.error());
            }
        }
        return std::nullopt;
    }
    const bool needed = route.access == Access::Token ||
                        (route.access == Access::DevRead && !options.dev_open_reads) ||
                        (route.access != Access::Probe && options.protect_reads);
    return needed ? demand_token(head) : std::nullopt;
}

std::optional<net::Response> Api::Impl::early_answer(const Place& place,
                                                     const net::RequestHead& head) const {
    if (cors.enabled() && head.method == "OPTIONS") {
        return cors.preflight(place.allow());
    }
    if (place.routes.empty()) {
        return error_reply(Error(ErrorKind::NotFound, "route_unknown", "not found"),
                           error_form(head.headers));
    }
    if (const Route* route = place.find(head.method)) {
        return check_access(*route, head);
    }
    std::optional<net::Response> out;
    if (options.bearer_token.has_value() && place.has_protected()) {
        out = demand_token(head);
    }
    if (!out.has_value()) {
        out = error_reply(Error(ErrorKind::Invalid, "method_not_allowed", ""),
                          error_form(head.headers));
    }
    out->headers.set("allow", place.allow());
    return out;
}

/// The error where its travel ends: one log line, one response.
net::Response Api::Impl::failure(const Route& route, const net::RequestHead& head,
                                 const Error& error) const {
    const auto level = status_of(error) >= 500 ? telemetry::Level::Warn : telemetry::Level::Debug;
    telemetry::log_failure(level, "http", "request failed", error,
                           {{"method", head.method}, {"route", route.pattern}});
    return error_reply(error, error_form(head.headers));
}

async::Task<Answer> Api::Impl::run(const Route& route, Call call) {
    if (route.method == "GET") {
        auto task = route.handler(services, std::move(call));
        co_return co_await async::with_timeout(env.timers, options.request_timeout,
                                               std::string("the request"),
                                               guarded(std::move(task)));
    }
    const async::OneShot<Answer> done(co_await boost::asio::this_coro::executor);
    const auto strand = async::make_strand(env.executor);
    if (!group.spawn_on(strand, fmt::format("{} {}", route.method, route.pattern),
                        run_change(route, services, std::move(call), done))) {
        co_return stopping();
    }
    if (route.time == Time::Waits) {
        co_return co_await answer_of(done);
    }
    co_return co_await async::with_timeout(env.timers, options.request_timeout,
                                           std::string("the request"), answer_of(done));
}

async::Task<Answer> Api::Impl::answer(const Route& route, const Place& place,
                                      net::Request request) {
    WAVS_CO_TRY(check_body(route, request));
    WAVS_CO_TRY(auto call, make_call(route, place));
    call.body = std::move(request.body);
    call.trusted = trusted(request.head);
    co_return co_await run(route, std::move(call));
}

void Api::Impl::finish(const Place& place, const net::RequestHead& head, base::SteadyTime started,
                       net::Response& response) const {
    cors.apply(head, response);
    const std::string route =
        place.routes.empty() ? "none" : std::string(place.routes.front()->pattern);
    const std::string method = method_label(head.method);
    env.metrics
        .counter(
            "wavs_http_requests_total", "Requests answered",
            {{"route", route}, {"method", method}, {"status", std::to_string(response.status)}})
        .add();
    const std::chrono::duration<double> took = env.clock.steady_now() - started;
    env.metrics
        .histogram("wavs_http_request_seconds", "Time to answer a request",
                   {0.001, 0.01, 0.1, 0.5, 1, 5, 10, 60}, {{"route", route}, {"method", method}})
        .observe(took.count());
}

Api::Api(HttpOptions options, NodeApi& node, const Environment& environment)
    : impl_(std::make_unique<Impl>(std::move(options), node, environment)) {}

Api::~Api() = default;

const HttpOptions& Api::options() const { return impl_->options; }

async::Task<std::optional<net::Response>> Api::on_head(const net::RequestHead& head) {
    const auto started = impl_->env.clock.steady_now();
    const Place place = find_place(impl_->routes, path_of(head.target));
    auto early = impl_->early_answer(place, head);
    if (early.has_value()) {
        impl_->finish(place, head, started, *early);
    }
    co_return early;
}

async::Task<net::Response> Api::on_request(net::Request request) {
    const auto started = impl_->env.clock.steady_now();
    const net::RequestHead head = request.head;
    const Place place = find_place(impl_->routes, path_of(head.target));
    auto response = impl_->early_answer(place, head);
    if (!response.has_value()) {
        const Route& route = *place.find(head.method);
        auto answer = co_await impl_->answer(route, place, std::move(request));
        response = answer.has_value() ? std::move(answer).value()
                                      : impl_->failure(route, head, answer.error());
    }
    impl_->finish(place, head, started, *response);
    co_return std::move(*response);
}

async::Task<std::vector<std::string>> Api::stop(base::Duration deadline) {
    return impl_->group.stop(impl_->env.timers, deadline);
}

}  // namespace wavs::http
