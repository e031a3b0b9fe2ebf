// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/mutex.hpp"
#include "wavs/engine/jobs.hpp"
#include "wavs/engine/options.hpp"

#include <map>
#include <mutex>

namespace wavs::engine {

/// Brings component bytes into the library: from its caches, from the store of component files, or
/// the aggregator that is built in. Loads of one component wait for each other, so that its file is
/// read once. Thread-safe; owned by the engine.
class Components {
public:
    Components(const Options& options, const Ports& ports, rt::Engine& library,
               const types::ComponentDigest& embedded);

    async::Task<base::Result<ComponentInfo>> load(types::ComponentDigest digest, World world,
                                                  rt::Pin pin);
    /// As `load`, pinned until as many `release()` as successes.
    async::Task<base::Result<ComponentInfo>> prepare(types::ComponentDigest digest, World world);
    void release(const types::ComponentDigest& digest);

    async::Task<base::Result<ComponentInfo>> validate(std::shared_ptr<const base::Bytes> wasm,
                                                      std::optional<World> world);

private:
    std::shared_ptr<async::Mutex> mutex_of(const types::ComponentDigest& digest);
    async::Task<base::Result<std::shared_ptr<const base::Bytes>>> read(
        types::ComponentDigest digest);
    async::Task<base::Result<ComponentInfo>> check(std::shared_ptr<const base::Bytes> wasm,
                                                   types::ComponentDigest digest, World world);

    const async::Executor blocking_;
    storage::BlobStore& blobs_;
    rt::Engine& library_;
    const std::shared_ptr<const base::Bytes> embedded_;
    const types::ComponentDigest embedded_digest_;
    std::mutex mutex_;
    std::map<types::ComponentDigest, std::weak_ptr<async::Mutex>> loading_;
    std::map<types::ComponentDigest, std::size_t> references_;
};

/// The digest of the built-in aggregator's bytes; zero when there is none.
types::ComponentDigest embedded_digest(const Options& options);

}  // namespace wavs::engine
