// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/clock.hpp"
#include "wavs/http/bearer_token.hpp"
#include "wavs/types/manifest_json.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace wavs::http {

struct HttpOptions {
    std::string host = "127.0.0.1";
    /// 0: any free one, logged at start.
    std::uint16_t port = 8000;
    std::optional<BearerToken> bearer_token;
    bool dev_endpoints = false;
    /// Every GET needs the token too, apart from the probes.
    bool protect_reads = false;
    /// The reads below /dev need no token although one is set.
    bool dev_open_reads = true;
    /// Patterns; empty: no CORS at all.
    std::vector<std::string> cors_allowed_origins;
    /// Exactly so many bytes are allowed.
    std::size_t max_body_bytes = std::size_t{15} << 20;
    /// Of requests that do not wait for a chain, a component or another server.
    base::Duration request_timeout = std::chrono::seconds(60);
    base::Duration header_timeout = std::chrono::seconds(15);
    /// How long one health check answers for.
    base::Duration health_cache = std::chrono::seconds(2);
    std::size_t max_connections = 1024;
    std::size_t max_compilations = 2;
    /// Uploads beyond these wait for their turn; more than that are refused with 429.
    std::size_t max_waiting_uploads = 16;
    /// How manifests are read.
    types::ManifestOptions manifest;
};

/// "localhost", 127.0.0.0/8 or ::1, any case, with or without brackets.
bool is_loopback_name(std::string_view host);

/// What the operator should know before the node starts: one sentence each. An error (code
/// `http_unprotected`, `max_body`) refuses the start.
base::Result<std::vector<std::string>> check(const HttpOptions& options);

}  // namespace wavs::http
