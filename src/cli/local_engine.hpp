// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/storage/memory_store.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace wavs::cli {

/// The node's engine on its own, for commands that run a component without a node: a store in
/// memory, a folder that is gone with it. Owned by the command; used on one thread.
class LocalEngine {
public:
    /// `environment`: that of the process, of which a component sees what begins with WAVS_ENV.
    static base::Result<std::unique_ptr<LocalEngine>> make(
        std::map<std::string, std::string> environment);
    ~LocalEngine();
    LocalEngine(const LocalEngine&) = delete;
    LocalEngine& operator=(const LocalEngine&) = delete;

    engine::Engine& engine() { return *engine_; }
    /// Reads a component and keeps it for runs.
    base::Result<types::ComponentDigest> add_component(const std::filesystem::path& file);
    /// A recorded run again, of a component that was added.
    base::Result<rt::RunOutcome> replay(base::Bytes record);
    /// Forgets what the service has stored: keys and files.
    base::Result<void> forget(const types::ServiceId& service);

    template <typename T>
    T run(async::Task<T> task) {
        std::optional<T> out;
        runtime_.run(keep(std::move(task), out));
        return std::move(*out);
    }

private:
    template <typename T>
    static async::Task<int> keep(async::Task<T> task, std::optional<T>& out) {
        out.emplace(co_await std::move(task));
        co_return 0;
    }
    explicit LocalEngine(std::filesystem::path root);

    std::filesystem::path root_;
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 1}};
    telemetry::Metrics metrics_;
    storage::MemoryStore store_;
    base::SystemClock clock_;
    storage::BlobStore blobs_;
    std::unique_ptr<engine::Quarantine> quarantine_;
    std::unique_ptr<engine::Engine> engine_;
};

}  // namespace wavs::cli
