// SPDX-License-Identifier: Apache-2.0
#include "components.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/hash/hash.hpp"

#include <boost/asio/this_coro.hpp>

namespace wavs::engine {
namespace {

ComponentInfo info_of(const types::ComponentDigest& digest, World world, rt::Loaded loaded) {
    return {.digest = digest,
            .world = world,
            .source = loaded.source,
            .wall = loaded.wall,
            .imports = std::move(loaded.imports),
            .selects = loaded.selects};
}

base::Error not_stored(const types::ComponentDigest& digest) {
    return {base::ErrorKind::NotFound, "component_not_found",
            fmt::format("component {} is not stored on this node", types::to_string(digest)),
            "upload it, or give the service a source it can be fetched from"};
}

// Bytes that somebody offers are input, not a running guest.
base::Error as_input_error(const base::Error& error) {
    const auto kind =
        error.kind() == base::ErrorKind::Guest ? base::ErrorKind::Invalid : error.kind();
    return {kind, error.code(), error.message(), error.remedy()};
}

types::ComponentDigest digest_of_bytes(base::ByteView bytes) {
    return types::ComponentDigest(hash::sha256(bytes));
}

}  // namespace

types::ComponentDigest embedded_digest(const Options& options) {
    return options.embedded_aggregator == nullptr ? types::ComponentDigest()
                                                  : digest_of_bytes(*options.embedded_aggregator);
}

Components::Components(const Options& options, const Ports& ports, rt::Engine& library,
                       const types::ComponentDigest& embedded)
    : blocking_(ports.blocking),
      blobs_(ports.blobs),
      library_(library),
      embedded_(options.embedded_aggregator),
      embedded_digest_(embedded) {}

std::shared_ptr<async::Mutex> Components::mutex_of(const types::ComponentDigest& digest) {
    const std::lock_guard lock(mutex_);
    std::erase_if(loading_, [](const auto& entry) { return entry.second.expired(); });
    auto found = loading_[digest].lock();
    if (found == nullptr) {
        found = std::make_shared<async::Mutex>(blocking_);
        loading_[digest] = found;
    }
    return found;
}

async::Task<base::Result<std::shared_ptr<const base::Bytes>>> Components::read(
    types::ComponentDigest digest) {
    if (digest == embedded_digest_ && embedded_ != nullptr) {
        co_return embedded_;
    }
    using Read = base::Result<base::Bytes>;
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    std::function<Read()> work = [&blobs = blobs_, digest] { return blobs.get(digest); };
    auto bytes = co_await async::run_blocking(blocking_, executor, std::move(work));
    if (!bytes.has_value()) {
        if (bytes.error().kind() == base::ErrorKind::NotFound) {
            co_return not_stored(digest);
        }
        co_return std::move(bytes).error();
    }
    co_return std::make_shared<const base::Bytes>(std::move(bytes.value()));
}

async::Task<base::Result<ComponentInfo>> Components::load(types::ComponentDigest digest,
                                                          World world, rt::Pin pin) {
    const auto mutex = mutex_of(digest);
    WAVS_CO_TRY(const auto guard, co_await mutex->lock());
    rt::LoadRequest cached{.world = world, .pin = pin, .digest = digest.array(), .wasm = nullptr};
    rt::LoadRequest whole = cached;
    auto found = co_await library_.load(std::move(cached));
    if (found.has_value()) {
        co_return info_of(digest, world, std::move(found.value()));
    }
    if (found.error().kind() != base::ErrorKind::NotFound) {
        co_return std::move(found).error().with("component {}", types::to_string(digest));
    }
    WAVS_CO_TRY(whole.wasm, co_await read(digest));
    auto loaded = co_await library_.load(std::move(whole));
    if (!loaded.has_value()) {
        co_return std::move(loaded).error().with("component {}", types::to_string(digest));
    }
    co_return info_of(digest, world, std::move(loaded.value()));
}

async::Task<base::Result<ComponentInfo>> Components::prepare(types::ComponentDigest digest,
                                                             World world) {
    {
        // Counted before it is loaded, so that a release in between does not evict it.
        const std::lock_guard lock(mutex_);
        ++references_[digest];
    }
    auto loaded = co_await load(digest, world, rt::Pin::Yes);
    if (!loaded.has_value()) {
        release(digest);
    }
    co_return std::move(loaded);
}

void Components::release(const types::ComponentDigest& digest) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = references_.find(digest);
        if (found == references_.end() || --found->second > 0) {
            return;
        }
        references_.erase(found);
    }
    library_.evict(digest.array());
}

async::Task<base::Result<ComponentInfo>> Components::check(std::shared_ptr<const base::Bytes> wasm,
                                                           types::ComponentDigest digest,
                                                           World world) {
    rt::LoadRequest request{
        .world = world, .pin = rt::Pin::No, .digest = digest.array(), .wasm = std::move(wasm)};
    auto loaded = co_await library_.load(std::move(request));
    if (!loaded.has_value()) {
        co_return as_input_error(loaded.error());
    }
    co_return info_of(digest, world, std::move(loaded.value()));
}

async::Task<base::Result<ComponentInfo>> Components::validate(
    std::shared_ptr<const base::Bytes> wasm, std::optional<World> world) {
    const async::Executor executor = co_await boost::asio::this_coro::executor;
    using Digest = base::Result<types::ComponentDigest>;
    std::function<Digest()> work = [wasm] { return Digest(digest_of_bytes(*wasm)); };
    WAVS_CO_TRY(const auto digest,
                co_await async::run_blocking(blocking_, executor, std::move(work)));
    if (world) {
        co_return co_await check(wasm, digest, *world);
    }
    auto as_operator = co_await check(wasm, digest, World::Operator);
    if (as_operator.has_value() || as_operator.error().code() != "instantiate") {
        co_return std::move(as_operator);
    }
    auto as_aggregator = co_await check(wasm, digest, World::Aggregator);
    if (as_aggregator.has_value() || as_aggregator.error().code() != "instantiate") {
        co_return std::move(as_aggregator);
    }
    co_return base::Error(
        base::ErrorKind::Invalid, "instantiate",
        fmt::format("neither an operator component ({}) nor an aggregator component ({})",
                    as_operator.error().message(), as_aggregator.error().message()),
        as_operator.error().remedy());
}

}  // namespace wavs::engine
