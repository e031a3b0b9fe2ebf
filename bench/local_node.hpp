// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bench.hpp"
#include "load.hpp"

#include "wavs/app/node.hpp"

namespace wavs::bench {

/// A whole node in this process, with the threads the program `wavs` gives it.
class LocalNode {
public:
    /// Ready when it returns. `data` is kept, so the next one on it is a restart.
    explicit LocalNode(const std::filesystem::path& data);
    ~LocalNode();
    LocalNode(const LocalNode&) = delete;
    LocalNode& operator=(const LocalNode&) = delete;

    const app::Node& node() const { return *node_; }
    async::Executor io() const { return runtime_.io(); }
    std::string url() const { return node_->url(); }
    /// On the node's threads, to its end.
    void run(async::Task<int> task) { runtime_.run(std::move(task)); }
    /// The port behind `POST /dev/triggers`, waiting for the stored result.
    Fire fire();
    /// Stored results that have not come to their end.
    std::size_t open_results() const;

private:
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 4}};
    std::unique_ptr<app::Node> node_;
};

}  // namespace wavs::bench
