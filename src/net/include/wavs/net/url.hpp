// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace wavs::net {

/// An absolute http, https, ws or wss address. Only `redacted()` may be shown: path, query and user
/// part of endpoint addresses carry keys.
struct Url {
    /// Lower case.
    std::string scheme;
    /// Lower case, without the brackets of an IPv6 literal.
    std::string host;
    /// The default of the scheme where the text has none.
    std::uint16_t port = 0;
    /// Path and query, at least "/"; never a fragment.
    std::string target = "/";
    /// "user:password", percent-decoded; empty when absent.
    std::string userinfo;

    /// Errors never repeat the text: `url_invalid`, `url_scheme`.
    static base::Result<Url> parse(std::string_view text);
    /// The address that `reference` (absolute, or relative to this one) names, as in a redirect.
    base::Result<Url> resolve(std::string_view reference) const;

    bool secure() const { return scheme == "https" || scheme == "wss"; }
    bool is_websocket() const { return scheme == "ws" || scheme == "wss"; }
    /// "scheme://host:port", for logs, errors and as a key of equal servers.
    std::string redacted() const;
    /// "host" or "host:port" when the port is not the scheme's own, brackets around IPv6.
    std::string host_header() const;
};

}  // namespace wavs::net
