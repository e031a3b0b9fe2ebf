// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/cli/line_log.hpp"
#include "wavs/cli/node_client.hpp"
#include "wavs/cli/tools.hpp"
#include "wavs/net/child_process.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace wavs::cli {

/// A node among peers.
struct PeerSetup {
    /// 0: any free one.
    std::uint16_t listen_port = 0;
    std::vector<std::string> bootstrap_nodes;
};

/// What a node of a devnet is told in its `wavs.toml`.
struct NodeSetup {
    /// Home of the node: its `wavs.toml`, log and data.
    std::filesystem::path folder;
    /// 0: any free one.
    std::uint16_t port = 0;
    std::string chain_http_url;
    std::string chain_ws_url;
    std::string signing_mnemonic;
    /// "0x" and a private key.
    std::string evm_credential;
    std::vector<std::string> log_level{"info"};
    /// None: no port for peers is opened.
    std::optional<PeerSetup> peers;
    /// Further tables, such as "[wavs.aggregator]".
    std::string extra_config;
};
std::string render_config(const NodeSetup& setup);

struct NodeProcessOptions {
    std::string program;
    NodeSetup setup;
    std::vector<std::string> args;
    std::vector<std::pair<std::string, std::string>> env;
    base::Duration start_limit = std::chrono::seconds(30);
    /// Each line the node writes, besides its log file.
    std::function<void(std::string_view)> on_line;
};

/// A running node. Of this process's environment it sees only PATH, HOME, sanitizer options and
/// `WAVS_ENV*`, so that a devnet is the same everywhere. Killed when destroyed. Use from the strand
/// of its tools.
class NodeProcess {
public:
    /// Ends when the node answers `/livez`. `node_failed` carries its last lines.
    static async::Task<base::Result<std::unique_ptr<NodeProcess>>> start(
        Tools tools, NodeProcessOptions options);

    std::uint16_t port() const { return port_; }
    const std::string& url() const { return client_.base_url(); }
    NodeClient& client() { return client_; }
    const LineLog& log() const { return *log_; }
    bool running() const { return child_->running(); }
    int pid() const { return child_->pid(); }

    void signal(int number) { child_->signal(number); }
    /// As a crash: SIGKILL.
    async::Task<base::Result<net::ExitStatus>> kill();
    /// SIGTERM; SIGKILL when it does not end.
    async::Task<base::Result<net::ExitStatus>> stop();

private:
    NodeProcess(Tools tools, std::shared_ptr<LineLog> log, std::unique_ptr<net::ChildProcess> child,
                std::uint16_t port);

    Tools tools_;
    std::shared_ptr<LineLog> log_;
    std::unique_ptr<net::ChildProcess> child_;
    std::uint16_t port_;
    NodeClient client_;
};

}  // namespace wavs::cli
