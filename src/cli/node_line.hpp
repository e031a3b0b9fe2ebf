// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/async/runtime.hpp"
#include "wavs/cli/command.hpp"
#include "wavs/cli/node_client.hpp"

#include <optional>
#include <span>

namespace wavs::cli {

/// The common flags of commands that ask a node.
std::span<const Flag> node_common_flags();

/// A node's interface, for as long as one question takes.
class NodeLine {
public:
    explicit NodeLine(const config::CliConfig& config);
    const NodeClient& node() const { return *node_; }
    /// Runs the command's task; its exit status.
    int run(async::Task<int> task);

private:
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 1}};
    async::SystemTimers timers_;
    base::SystemClock clock_;
    net::SystemResolver resolver_{runtime_.blocking()};
    net::HttpClient http_{net::DialContext{timers_, clock_, resolver_, {}, {}}};
    std::optional<NodeClient> node_;
};

}  // namespace wavs::cli
