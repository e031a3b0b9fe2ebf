// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/node_process.hpp"

#include "wavs/storage/data_dir.hpp"
#include "wavs/types/json.hpp"

#include <unistd.h>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <optional>

namespace wavs::cli {
namespace {

constexpr std::string_view kListening = "listening on http://";

/// A basic string of TOML has the escapes of JSON.
std::string toml_string(std::string_view text) {
    std::string out;
    types::json::Writer(out).string(text);
    return out;
}

std::string toml_list(const std::vector<std::string>& texts) {
    std::string out;
    for (const auto& text : texts) {
        out += (out.empty() ? "" : ", ") + toml_string(text);
    }
    return "[" + out + "]";
}

/// Of "... listening on http://127.0.0.1:8000 ..."; none in another line.
std::optional<std::uint16_t> announced_port(std::string_view line) {
    const auto start = line.find(kListening);
    if (start == std::string_view::npos) {
        return std::nullopt;
    }
    const auto address = line.substr(start + kListening.size());
    const auto digits = address.substr(address.find(':') + 1);
    std::uint16_t port = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), port);
    return port == 0 ? std::nullopt : std::optional(port);
}

std::vector<std::pair<std::string, std::string>> node_environment(
    std::vector<std::pair<std::string, std::string>> wanted) {
    for (char** item = environ; item != nullptr && *item != nullptr; ++item) {
        const std::string_view entry(*item);
        const auto name = entry.substr(0, entry.find('='));
        if (name == "HOME" || name.starts_with("WAVS_ENV") || name.ends_with("SAN_OPTIONS")) {
            wanted.emplace_back(name, entry.substr(std::min(name.size() + 1, entry.size())));
        }
    }
    return wanted;
}

base::Error node_failed(const LineLog& log, std::string_view what) {
    return {base::ErrorKind::Unavailable, "node_failed",
            fmt::format("the node {}\n{}", what, fmt::join(log.tail(20), "\n")),
            "its log: " + log.path().string()};
}

// Nodes of one machine find each other at once, or a devnet would take a minute to come up.
std::string peers_table(const std::optional<PeerSetup>& peers) {
    return peers ? fmt::format(
                       "\n[wavs.p2p.remote]\n"
                       "listen_port = {}\n"
                       "bootstrap_nodes = {}\n"
                       "kademlia_discovery_interval_secs = 1\n",
                       peers->listen_port, toml_list(peers->bootstrap_nodes))
                 : std::string();
}

}  // namespace

std::string render_config(const NodeSetup& setup) {
    // The manifest is fetched from the node itself, on loopback.
    return fmt::format(
        "[wavs]\n"
        "host = \"127.0.0.1\"\n"
        "port = {}\n"
        "data = {}\n"
        "log_level = {}\n"
        "dev_endpoints_enabled = true\n"
        "max_body_size_mb = 64\n"
        "health_check_mode = \"bypass\"\n"
        "signing_mnemonic = {}\n"
        "aggregator_evm_credential = {}\n"
        "\n[wavs.fetch]\n"
        "deny_private_networks = false\n"
        "\n[wavs.chains.evm.31337]\n"
        "http_endpoint = {}\n"
        "ws_endpoints = [{}]\n"
        "{}\n{}",
        setup.port, toml_string((setup.folder / "data").string()), toml_list(setup.log_level),
        toml_string(setup.signing_mnemonic), toml_string(setup.evm_credential),
        toml_string(setup.chain_http_url), toml_string(setup.chain_ws_url),
        peers_table(setup.peers), setup.extra_config);
}

NodeProcess::NodeProcess(Tools tools, std::shared_ptr<LineLog> log,
                         std::unique_ptr<net::ChildProcess> child, std::uint16_t port)
    : tools_(std::move(tools)),
      log_(std::move(log)),
      child_(std::move(child)),
      port_(port),
      client_(tools_.http, fmt::format("http://127.0.0.1:{}", port)) {}

async::Task<base::Result<std::unique_ptr<NodeProcess>>> NodeProcess::start(
    Tools tools, NodeProcessOptions options) {
    const auto folder = options.setup.folder;
    auto config = render_config(options.setup);
    WAVS_CO_TRY(storage::write_file_atomically(folder / "wavs.toml", config));

    auto log = std::make_shared<LineLog>(folder / "node.log");
    auto port = std::make_shared<std::optional<std::uint16_t>>();
    const auto on_line = [log, port, listener = options.on_line](std::string_view line) {
        if (!*port) {
            *port = announced_port(line);
        }
        log->add(line);
        if (listener) {
            listener(line);
        }
    };
    net::ChildOptions child_options;
    child_options.program = options.program;
    child_options.args = {"--home", folder.string()};
    child_options.args.insert(child_options.args.end(), options.args.begin(), options.args.end());
    child_options.env = node_environment(std::move(options.env));
    child_options.clear_env = true;
    // So that no `.env` of the caller's folder takes part.
    child_options.working_directory = folder.string();
    child_options.on_stdout = on_line;
    child_options.on_stderr = on_line;
    WAVS_CO_TRY(auto child, net::ChildProcess::start(tools.executor, std::move(child_options)));
    child->close_stdin();

    Poller poller(tools, options.start_limit, "start of the node");
    while (true) {
        if (!child->running()) {
            WAVS_CO_TRY(const auto status, co_await child->wait());
            co_return node_failed(*log, "ended at its start with " + status.text());
        }
        if (*port) {
            NodeClient client(tools.http, fmt::format("http://127.0.0.1:{}", **port));
            auto alive = co_await client.livez();
            if (alive.has_value()) {
                break;
            }
        }
        if (auto more = co_await poller.pause(); !more.has_value()) {
            co_return node_failed(*log, more.error().message());
        }
    }
    co_return std::unique_ptr<NodeProcess>(
        new NodeProcess(std::move(tools), std::move(log), std::move(child), **port));
}

async::Task<base::Result<net::ExitStatus>> NodeProcess::kill() {
    child_->signal(SIGKILL);
    co_return co_await child_->wait();
}

async::Task<base::Result<net::ExitStatus>> NodeProcess::stop() {
    co_return co_await child_->terminate(tools_.timers, std::chrono::seconds(8));
}

}  // namespace wavs::cli
