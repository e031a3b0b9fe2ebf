// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/net/http_client.hpp"

#include <string>
#include <string_view>

namespace wavs::sources {

struct FetchPlan {
    std::string url;
    base::Duration connect_timeout;
    base::Duration total_timeout;
    std::size_t max_bytes;
    unsigned max_redirects;
    unsigned retries;
    base::Duration first_pause;
    /// What an answer that breaks off in its body is called.
    std::string_view broken_body;
};

/// What a scheme means to us: an http(s) address, or an error that says which schemes there are.
/// `uri` is absolute.
base::Result<void> check_scheme(std::string_view uri);

/// An absolute URI of printable ASCII, else `uri_invalid`.
base::Result<void> check_uri(std::string_view uri);

struct FetchedBody {
    std::string bytes;
    /// Computed while the bytes arrived.
    hash::Hash256 sha256{};
};

/// GET with limits and further tries. The messages of its errors are part of the HTTP interface.
async::Task<base::Result<FetchedBody>> fetch(net::HttpClient& http, async::Timers& timers,
                                             FetchPlan plan);

}  // namespace wavs::sources
