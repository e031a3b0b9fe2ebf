// SPDX-License-Identifier: Apache-2.0
#include "wavs/sources/sources.hpp"

#include "fetch.hpp"
#include "slots.hpp"
#include "wavs/async/mutex.hpp"
#include "wavs/async/runtime.hpp"
#include "wavs/telemetry/log.hpp"

#include <boost/asio/this_coro.hpp>

#include <map>
#include <mutex>
#include <optional>

namespace wavs::sources {
namespace {

/// Everyone who wants the same component at the same time: one downloads, the others wait for how
/// it ends.
struct Flight {
    explicit Flight(const async::Executor& executor) : turn(executor) {}
    async::Mutex turn;
    std::mutex mutex;
    /// Failures so far, cancelled ones not counted, and the last one.
    unsigned failures = 0;
    std::optional<base::Error> last_error;
};

base::Error digest_mismatch(const types::ComponentDigest& wanted,
                            const types::ComponentDigest& got) {
    return {base::ErrorKind::Invalid, "component_digest",
            "Engine: Storage error: Downloaded component digest does not match expected digest",
            fmt::format("the manifest names {}, the bytes there are {}", types::to_string(wanted),
                        types::to_string(got))};
}

base::Error not_stored(const types::ComponentDigest& digest) {
    return {base::ErrorKind::NotFound, "component_not_stored",
            "Engine: No wasm found for digest " + types::to_string(digest),
            "upload it to this node first, or give the manifest a download source"};
}

base::Error registry_error(const types::RegistrySource& source) {
    return {base::ErrorKind::Unsupported, "registry_unsupported",
            fmt::format("Engine: Registry: package {} cannot be fetched: component registries are "
                        "not yet supported by this node",
                        source.package),
            fmt::format("use a download source, or upload the component with digest {}",
                        types::to_string(source.digest))};
}

// Faults of the manifest itself are the fetched server's fault for the caller; what only this
// node's operator can change keeps its own kind and code.
base::Error unreadable(base::Error cause) {
    const bool text_is_wrong = cause.code() == base::ErrorCode("json_syntax") ||
                               cause.code() == base::ErrorCode("json_shape");
    if (!text_is_wrong) {
        return std::move(cause).with("Failed to fetch service");
    }
    return {base::ErrorKind::Unavailable, "manifest_unreadable",
            "Failed to fetch service: Failed to parse response as JSON: error decoding response "
            "body: " +
                cause.message(),
            "publish a valid manifest at this address"};
}

}  // namespace

struct Sources::Impl {
    Impl(SourcesOptions o, SourcesDeps d)
        : options(std::move(o)),
          deps(std::move(d)),
          downloads(options.max_downloads),
          manifests_ok(outcome("manifest", "ok")),
          manifests_failed(outcome("manifest", "error")),
          components_ok(outcome("component", "ok")),
          components_failed(outcome("component", "error")),
          component_bytes(deps.metrics.counter("wavs_sources_component_bytes_total",
                                               "Bytes of components that were downloaded")) {}

    telemetry::Counter outcome(const std::string& what, const std::string& result) {
        return deps.metrics.counter("wavs_sources_fetches_total",
                                    "Manifests and components that were fetched",
                                    {{"what", what}, {"result", result}});
    }

    FetchPlan plan(std::string url) const {
        return {.url = std::move(url),
                .connect_timeout = options.connect_timeout,
                .total_timeout = options.component_timeout,
                .max_bytes = options.max_component_bytes,
                .max_redirects = options.max_redirects,
                .retries = options.retries,
                .first_pause = options.first_pause,
                .broken_body = "Failed to read response bytes"};
    }

    std::shared_ptr<Flight> flight_of(const types::ComponentDigest& digest);
    async::Task<base::Result<bool>> stored(types::ComponentDigest digest);
    async::Task<base::Result<FetchedManifest>> manifest(std::string uri);
    async::Task<base::Result<void>> shared_download(types::DownloadSource source);
    async::Task<base::Result<void>> download(const types::DownloadSource& source);

    const SourcesOptions options;
    SourcesDeps deps;
    Slots downloads;
    telemetry::Counter manifests_ok;
    telemetry::Counter manifests_failed;
    telemetry::Counter components_ok;
    telemetry::Counter components_failed;
    telemetry::Counter component_bytes;
    std::mutex mutex;
    std::map<types::ComponentDigest, std::weak_ptr<Flight>> flights;
};

std::shared_ptr<Flight> Sources::Impl::flight_of(const types::ComponentDigest& digest) {
    const std::lock_guard lock(mutex);
    std::erase_if(flights, [](const auto& entry) { return entry.second.expired(); });
    auto flight = flights[digest].lock();
    if (!flight) {
        flight = std::make_shared<Flight>(deps.blocking);
        flights[digest] = flight;
    }
    return flight;
}

async::Task<base::Result<bool>> Sources::Impl::stored(types::ComponentDigest digest) {
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    auto look = [&blobs = deps.blobs, digest]() -> base::Result<bool> {
        return blobs.contains(digest);
    };
    co_return co_await async::run_blocking(deps.blocking, executor, std::move(look));
}

async::Task<base::Result<FetchedManifest>> Sources::Impl::manifest(std::string uri) {
    WAVS_CO_TRY(check_uri(uri));
    if (auto good = check_scheme(uri); !good.has_value()) {
        co_return std::move(good).error().with("Failed to fetch service");
    }
    auto how = plan(std::move(uri));
    how.total_timeout = options.manifest_timeout;
    how.max_bytes = options.manifest.max_bytes;
    how.broken_body = "Failed to parse response as JSON";
    auto body = co_await fetch(deps.http, deps.timers, std::move(how));
    if (!body.has_value()) {
        co_return std::move(body).error().with("Failed to fetch service");
    }
    auto parsed = types::parse_manifest(body.value().bytes, options.manifest);
    if (!parsed.has_value()) {
        co_return unreadable(std::move(parsed).error());
    }
    co_return FetchedManifest{std::move(parsed).value(), body.value().bytes.size()};
}

async::Task<base::Result<void>> Sources::Impl::download(const types::DownloadSource& source) {
    constexpr auto kWhere = "Engine: Storage error: Failed to download from url";
    if (auto good = check_uri(source.uri); !good.has_value()) {
        co_return std::move(good).error().with(kWhere);
    }
    if (auto good = check_scheme(source.uri); !good.has_value()) {
        co_return std::move(good).error().with(kWhere);
    }
    WAVS_CO_TRY(auto slot, co_await downloads.acquire());
    auto body = co_await fetch(deps.http, deps.timers, plan(source.uri));
    if (!body.has_value()) {
        co_return std::move(body).error().with(kWhere);
    }
    const types::ComponentDigest got(body.value().sha256);
    if (got != source.digest) {
        co_return digest_mismatch(source.digest, got);
    }
    component_bytes.add(static_cast<double>(body.value().bytes.size()));
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    auto put = [&blobs = deps.blobs, bytes = std::move(body.value().bytes)] {
        return blobs.put(base::as_bytes(bytes));
    };
    WAVS_CO_TRY(co_await async::run_blocking(deps.blocking, executor, std::move(put)));
    telemetry::log_info("sources", "component downloaded",
                        {{"digest", types::to_string(source.digest)}});
    co_return base::ok();
}

async::Task<base::Result<void>> Sources::Impl::shared_download(types::DownloadSource source) {
    const auto flight = flight_of(source.digest);
    unsigned seen = 0;
    {
        const std::lock_guard lock(flight->mutex);
        seen = flight->failures;
    }
    WAVS_CO_TRY(auto turn, co_await flight->turn.lock());
    {
        // Whoever went first failed while we waited: its answer is ours.
        const std::lock_guard lock(flight->mutex);
        if (flight->failures != seen) {
            co_return *flight->last_error;
        }
    }
    WAVS_CO_TRY(const bool there, co_await stored(source.digest));
    if (there) {
        co_return base::ok();
    }
    auto result = co_await download(source);
    (result.has_value() ? components_ok : components_failed).add();
    if (!result.has_value() && result.error().kind() != base::ErrorKind::Cancelled) {
        const std::lock_guard lock(flight->mutex);
        ++flight->failures;
        flight->last_error = result.error();
    }
    co_return result;
}

Sources::Sources(SourcesOptions options, SourcesDeps deps)
    : impl_(std::make_shared<Impl>(std::move(options), std::move(deps))) {}
Sources::~Sources() = default;

async::Task<base::Result<FetchedManifest>> Sources::fetch_manifest(std::string uri) {
    auto impl = impl_;
    auto result = co_await impl->manifest(std::move(uri));
    (result.has_value() ? impl->manifests_ok : impl->manifests_failed).add();
    co_return result;
}

async::Task<base::Result<void>> Sources::make_available(types::ComponentSource source) {
    auto impl = impl_;
    WAVS_CO_TRY(const bool there, co_await impl->stored(types::digest_of(source)));
    if (there) {
        co_return base::ok();
    }
    if (const auto* registry = std::get_if<types::RegistrySource>(&source)) {
        co_return registry_error(*registry);
    }
    if (auto* where = std::get_if<types::DownloadSource>(&source)) {
        auto wanted = std::move(*where);
        co_return co_await impl->shared_download(std::move(wanted));
    }
    co_return not_stored(types::digest_of(source));
}

}  // namespace wavs::sources
