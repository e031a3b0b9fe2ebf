// SPDX-License-Identifier: Apache-2.0
#include "handlers.hpp"
#include "path.hpp"
#include "route.hpp"

#include <algorithm>
#include <array>

namespace wavs::http {
namespace {

using enum Access;
using enum Scope;

// The routes of one path stand in the order of its `Allow` header.
constexpr std::array kRoutes{
    Route{"GET", "/health", Open, Always, Body::None, Time::Bounded, &get_health,
          "Checks every configured chain", 200, "HealthStatus", ""},
    Route{"GET", "/config", Open, Always, Body::None, Time::Bounded, &get_config,
          "The effective configuration without its secrets", 200, "Config", ""},
    Route{"GET", "/info", Open, Always, Body::None, Time::Bounded, &get_info,
          "Version and uptime of the node", 200, "InfoResponse", ""},
    Route{"GET", "/p2p/status", Open, Always, Body::None, Time::Bounded, &get_p2p_status,
          "Peers and topics", 200, "P2pStatus", ""},
    Route{"GET", "/services", Open, Always, Body::None, Time::Bounded, &get_services,
          "All services of the node and the components it stores", 200, "ListServicesResponse", ""},
    Route{"POST", "/services", Token, Always, Body::Json, Time::Waits, &post_service,
          "Opts in to the service of a manager contract", 204, "", "409 502 504"},
    Route{"DELETE", "/services", Token, Always, Body::Json, Time::Bounded, &delete_services,
          "Removes services; unknown ones are no error", 204, "", ""},
    Route{"POST", "/services/signer", Token, Always, Body::Json, Time::Bounded, &post_signer,
          "The key a service signs with", 200, "SignerResponse", "404"},
    Route{"GET", "/services/{chain}/{address}", Open, Always, Body::None, Time::Bounded,
          &get_service, "The manifest of one service", 200, "Service", "400 404"},
    Route{"GET", "/node/services", Open, Always, Body::None, Time::Bounded, &get_service_states,
          "Whether each service and workflow runs, and why not", 200, "ServiceStates", ""},
    Route{"POST", "/node/permissions/{digest}", Token, Always, Body::None, Time::Waits,
          &post_permissions, "Agrees to what a manifest asks for, and takes it if it was held", 204,
          "", "400 404 409 502 504"},
    Route{"POST", "/node/ledger/{service_id}/accept-empty", Token, Always, Body::None,
          Time::Bounded, &post_empty_ledger,
          "Says that the key of a service signed nothing elsewhere, so that it signs here", 204, "",
          "400 404 409"},
    Route{"GET", "/node/events", Open, Always, Body::None, Time::Bounded, &get_events,
          "The last events and how far each has come", 200, "Events", ""},
    Route{"GET", "/node/events/failed", Open, Always, Body::None, Time::Bounded, &get_failed_events,
          "The events that failed and wait for an operator", 200, "Events", ""},
    Route{"POST", "/node/events/{sequence}/retry", Token, Always, Body::None, Time::Bounded,
          &post_event_retry, "Runs a failed event again", 204, "", "400 404 409"},
    Route{"POST", "/node/events/{sequence}/skip", Token, Always, Body::None, Time::Bounded,
          &post_event_skip, "Gives a failed event up for good", 204, "", "400 404 409"},
    Route{"GET", "/node/divergences", Open, Always, Body::None, Time::Bounded, &get_divergences,
          "The events whose operators have not signed the same, and where they differ", 200,
          "DivergentEvents", ""},
    Route{"GET", "/node/quarantine", Open, Always, Body::None, Time::Bounded, &get_quarantine,
          "The components that have ended the node, and which are not run any more", 200,
          "StruckComponents", ""},
    Route{"DELETE", "/node/quarantine/{digest}", Token, Always, Body::None, Time::Bounded,
          &delete_quarantine, "Runs a component again, and the events it was refused", 204, "",
          "400 404"},
    Route{"POST", "/dev/services", Token, DevOnly, Body::Json, Time::Bounded, &post_manifest,
          "Saves a manifest under its digest", 200, "SaveServiceResponse", ""},
    Route{"GET", "/dev/services/{service_hash}", Open, DevOnly, Body::None, Time::Bounded,
          &get_saved_manifest, "A saved manifest", 200, "Service", "400 404"},
    Route{"POST", "/dev/services/{service_hash}", Token, DevOnly, Body::None, Time::Waits,
          &post_saved_manifest, "Registers a saved manifest without asking its chain", 204, "",
          "400 404 409 502 504"},
    Route{"POST", "/dev/components", Token, DevOnly, Body::Raw, Time::Waits, &post_component,
          "Compiles and stores a component", 200, "UploadComponentResponse", "400 429"},
    Route{"POST", "/dev/triggers", Token, DevOnly, Body::Json, Time::Waits, &post_trigger,
          "Fires a workflow by hand", 200, "", "404 409 504"},
    Route{"GET", "/dev/trigger-streams", DevRead, DevOnly, Body::None, Time::Bounded,
          &get_trigger_streams, "The event streams of chains and feeds", 200,
          "DevTriggerStreamsInfo", ""},
    Route{"GET", "/dev/kv/{service_id}/{bucket}/{key}", DevRead, DevOnly, Body::None, Time::Bounded,
          &get_kv, "One value of a service's key-value store", 200, "bytes", "404"},
    Route{"POST", "/dev/chains", Token, DevOnly, Body::Json, Time::Bounded, &post_chain,
          "Adds a chain until the node stops", 200, "", "409"},
    Route{"GET", "/livez", Probe, Always, Body::None, Time::Bounded, &get_livez,
          "Answers as long as the process serves requests", 200, "text", ""},
    Route{"GET", "/readyz", Probe, Always, Body::None, Time::Bounded, &get_readyz,
          "Whether the node can work, and if not, why", 200, "Readiness", "503"},
    Route{"GET", "/metrics", Open, Always, Body::None, Time::Bounded, &get_metrics,
          "Prometheus text page", 200, "text", ""},
    Route{"GET", "/api-docs/openapi.json", Open, Always, Body::None, Time::Bounded, &get_openapi,
          "This document", 200, "OpenAPI", ""},
};

}  // namespace

std::span<const Route> all_routes() { return kRoutes; }

const Route* Place::find(std::string_view method) const {
    const std::string_view wanted = method == "HEAD" ? "GET" : method;
    const auto found = std::find_if(routes.begin(), routes.end(),
                                    [&](const Route* route) { return route->method == wanted; });
    return found == routes.end() ? nullptr : *found;
}

bool Place::has_protected() const {
    return std::any_of(routes.begin(), routes.end(),
                       [](const Route* route) { return route->access == Access::Token; });
}

std::string Place::allow() const {
    std::string out;
    for (const Route* route : routes) {
        out += out.empty() ? "" : ",";
        out += route->method;
        out += route->method == "GET" ? ",HEAD" : "";
    }
    return out;
}

Place find_place(std::span<const Route* const> routes, std::string_view path) {
    Place out;
    for (const Route* route : routes) {
        if (auto parameters = match_path(route->pattern, path)) {
            out.routes.push_back(route);
            out.parameters = std::move(*parameters);
        }
    }
    return out;
}

}  // namespace wavs::http
