// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/task.hpp"
#include "wavs/http/http_options.hpp"
#include "wavs/http/node_api.hpp"
#include "wavs/net/http_message.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::http {

class SharedHealth;
class Slots;
struct Route;

/// Who may call a route.
enum class Access : std::uint8_t {
    Open,     ///< everybody; with `protect_reads` whoever has the token
    Probe,    ///< everybody, always
    DevRead,  ///< as Open, but `dev_open_reads = false` asks for the token
    Token,    ///< whoever has the token; without one, this machine only
};
enum class Scope : std::uint8_t { Always, DevOnly };
enum class Body : std::uint8_t { None, Json, Raw };
/// Whether `HttpOptions::request_timeout` bounds it. What waits has limits of its own.
enum class Time : std::uint8_t { Bounded, Waits };

/// What handlers work with; lives as long as the interface.
struct Services {
    const HttpOptions& options;
    NodeApi& node;
    SharedHealth& health;
    Slots& compilations;
    std::span<const Route* const> routes;
};

/// One request for a handler. Owns what it has: a change goes on after its client has left.
struct Call {
    /// Decoded, in the order of the pattern.
    std::vector<std::string> parameters;
    std::string body;
    /// The caller presented the right token.
    bool trusted = false;
};

using Handler = async::Task<base::Result<net::Response>> (*)(Services& services, Call call);

/// One line of the interface. Everything is driven by it: dispatch, `Allow`, access, the API
/// document.
struct Route {
    /// Never HEAD, which every GET answers too.
    std::string_view method;
    std::string_view pattern;
    Access access;
    Scope scope;
    Body body;
    Time time;
    Handler handler;
    std::string_view summary;
    unsigned success;
    /// What a success brings; empty for an empty body.
    std::string_view response;
    /// Statuses that its own errors have, blanks between.
    std::string_view errors;
};

/// Every route, in the order of `Allow` headers.
std::span<const Route> all_routes();

/// The routes of one path, and the values of its parameters, still encoded. No routes: unknown
/// path.
struct Place {
    std::vector<const Route*> routes;
    std::vector<std::string_view> parameters;

    /// Null when the path does not know the method.
    const Route* find(std::string_view method) const;
    bool has_protected() const;
    /// "GET,HEAD,POST".
    std::string allow() const;
};
Place find_place(std::span<const Route* const> routes, std::string_view path);

/// OpenAPI 3.1 document of the routes.
std::string openapi_json(std::span<const Route* const> routes);

}  // namespace wavs::http
