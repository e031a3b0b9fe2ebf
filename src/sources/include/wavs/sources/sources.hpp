// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/timers.hpp"
#include "wavs/net/http_client.hpp"
#include "wavs/storage/blob_store.hpp"
#include "wavs/telemetry/metrics.hpp"
#include "wavs/types/manifest_json.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace wavs::sources {

struct SourcesOptions {
    base::Duration connect_timeout = std::chrono::seconds(10);
    /// Of one fetch from its first try to its last byte, pauses included.
    base::Duration manifest_timeout = std::chrono::seconds(60);
    base::Duration component_timeout = std::chrono::seconds(300);
    std::size_t max_component_bytes = std::size_t{64} << 20;
    unsigned max_redirects = 10;
    /// Further tries after a transport error, 429 or 5xx; the pause doubles from `first_pause`.
    unsigned retries = 3;
    base::Duration first_pause = std::chrono::milliseconds(500);
    unsigned max_downloads = 4;
    /// How manifests are read; `max_bytes` is also the limit of the download.
    types::ManifestOptions manifest{};
};

/// What the blocking pool, the stores and the clients of this module are. All of them outlive it.
struct SourcesDeps {
    net::HttpClient& http;
    async::Timers& timers;
    storage::BlobStore& blobs;
    telemetry::Metrics& metrics;
    async::Executor blocking;
};

struct FetchedManifest {
    types::ParsedManifest manifest;
    /// Bytes as they came, before parsing.
    std::size_t size = 0;
};

/// Where manifests and component bytes come from: docs/protocol/03-http.md, "sources". Over http
/// and https; other schemes and registries are refused by name (Unsupported). Owned by `app`;
/// methods may be called from any strand, several at a time, and resume there. Cancelling a caller
/// ends its own fetch; another caller that waits for the same component takes over.
class Sources {
public:
    Sources(SourcesOptions options, SourcesDeps deps);
    ~Sources();
    Sources(const Sources&) = delete;
    Sources& operator=(const Sources&) = delete;

    /// Codes: `uri_invalid`, `fetch_failed` (no complete response), `fetch_status` (not 2xx),
    /// `fetch_too_large`, `fetch_scheme` and `ipfs_unsupported`, `manifest_unreadable`; those of
    /// `types::parse_manifest` that say what the operator must do keep their kind and code.
    async::Task<base::Result<FetchedManifest>> fetch_manifest(std::string uri);

    /// Returns when the bytes are in the store, at once when they are there already: then the
    /// source is not contacted. Bytes with another digest are never stored. Codes as above, and
    /// `component_not_stored`, `component_digest`, `registry_unsupported`.
    async::Task<base::Result<void>> make_available(types::ComponentSource source);

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace wavs::sources
