// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/async/task.hpp"
#include "wavs/config/config.hpp"
#include "wavs/dispatcher/dispatcher.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace wavs::app {

/// One node with everything in it: the composition root. Modules are built lowest first, started so
/// that nothing arrives before its receiver is ready, and stopped the other way round.
class Node {
public:
    /// Opens the data directory and builds every module; nothing runs yet. Blocking. `environment`
    /// is what components may be shown.
    static base::Result<std::unique_ptr<Node>> create(
        config::Config config, std::map<std::string, std::string> environment,
        async::Runtime& runtime);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    /// Restores services and unfinished work, then opens the HTTP port.
    async::Task<base::Result<void>> start();
    /// Stops in order; what is unfinished is journaled and goes on after the next start.
    async::Task<void> stop();

    /// "http://127.0.0.1:8000"; empty before `start()`.
    std::string url() const;

    /// What `POST /dev/triggers` calls, for programs that hold a node: benchmarks.
    async::Flow<base::Result<void>> trigger(dispatcher::ManualRequest request);
    const storage::Store& store() const;

private:
    struct Impl;
    explicit Node(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace wavs::app
