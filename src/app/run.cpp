// SPDX-License-Identifier: Apache-2.0
#include "wavs/app/run.hpp"

#include "ledger_command.hpp"
#include "wavs/app/node.hpp"
#include "wavs/base/fault.hpp"
#include "wavs/base/version.hpp"
#include "wavs/config/load.hpp"
#include "wavs/crypto/keyring.hpp"
#include "wavs/telemetry/log.hpp"

#include <sys/resource.h>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace wavs::app {
namespace {

constexpr int kConfigError = 2;
constexpr int kSecondSignal = 130;

void print(std::FILE* to, std::string_view text) { std::fwrite(text.data(), 1, text.size(), to); }

async::Task<void> wait_for_signal(boost::asio::signal_set& signals) {
    co_await signals.async_wait(boost::asio::use_awaitable);
}

// From the first signal on, a second one ends the process at once.
void second_signal_ends(int /*signal*/) { std::_Exit(kSecondSignal); }

async::Task<int> serve(Node& node) {
    boost::asio::signal_set signals(co_await boost::asio::this_coro::executor, SIGINT, SIGTERM);
    auto started = co_await node.start();
    int status = EXIT_SUCCESS;
    if (started.has_value()) {
        co_await wait_for_signal(signals);
        telemetry::log_info("app", "stopping");
    } else {
        print(stderr, "wavs: " + started.error().full_text() + "\n");
        status = EXIT_FAILURE;
    }
    signals.clear();
    std::signal(SIGINT, second_signal_ends);
    std::signal(SIGTERM, second_signal_ends);
    co_await node.stop();
    co_return status;
}

int serve_until_signal(config::LoadedNode loaded) {
    for (const auto& warning : loaded.warnings) {
        telemetry::log_warn("config", warning);
    }
    if (const char* faults = std::getenv("WAVS_FAULT"); faults != nullptr && *faults != '\0') {
        if (!loaded.config.dev_endpoints_enabled) {
            print(stderr, "wavs: WAVS_FAULT is for tests: it needs dev_endpoints_enabled\n");
            return kConfigError;
        }
        if (auto armed = base::Faults::instance().arm(faults); !armed.has_value()) {
            print(stderr, "wavs: " + armed.error().full_text() + "\n");
            return kConfigError;
        }
        telemetry::log_warn("app", "faults are armed", {{"faults", faults}});
    }
    // Guests have a thread per core; more for I/O would only take turns with them.
    async::Runtime runtime({.io_threads = std::max(1U, std::thread::hardware_concurrency() / 2),
                            .blocking_threads = 4});
    auto node = Node::create(std::move(loaded.config), std::move(loaded.environment), runtime);
    if (!node.has_value()) {
        print(stderr, "wavs: " + node.error().full_text() + "\n");
        return EXIT_FAILURE;
    }
    const int status = runtime.run(serve(*node.value()));
    // The threads end before the modules do, so that nothing of theirs runs on what is gone.
    runtime.stop();
    return status;
}

// "ledger" and the words behind it, up to the first flag; empty when the node is to run.
std::vector<std::string> take_command(std::vector<std::string>& argv) {
    if (argv.empty() || argv.front() != "ledger") {
        return {};
    }
    const auto end = std::find_if(argv.begin(), argv.end(),
                                  [](const auto& word) { return word.starts_with("-"); });
    std::vector<std::string> out(argv.begin(), end);
    argv.erase(argv.begin(), end);
    return out;
}

// Sockets and files of components come on top of the node's own.
void allow_all_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

}  // namespace

int run_node(int argc, const char* const* argv) {
    std::signal(SIGPIPE, SIG_IGN);
    allow_all_descriptors();
    auto inputs = config::system_inputs(argc, argv);
    inputs.check_credential = [](std::string_view credential) {
        return crypto::check_credential(credential);
    };
    auto command = take_command(inputs.argv);
    auto loaded = config::load_node(std::move(inputs));
    if (loaded.action == config::Action::Help) {
        print(stdout, config::node_help());
        return EXIT_SUCCESS;
    }
    if (loaded.action == config::Action::Version) {
        print(stdout, fmt::format("wavs {} (protocol {})\n", base::kVersion, base::kProtocolLevel));
        return EXIT_SUCCESS;
    }
    if (!loaded.ok()) {
        for (const auto& error : loaded.errors) {
            print(stderr, "wavs: " + error + "\n");
        }
        return kConfigError;
    }
    if (loaded.action == config::Action::PrintConfig) {
        print(stdout, config::print_config(loaded.settings));
        return EXIT_SUCCESS;
    }
    telemetry::LogOptions log;
    log.directives = loaded.config.log_level;
    log.format = loaded.config.log_format == config::LogFormat::Json ? telemetry::LogFormat::Json
                                                                     : telemetry::LogFormat::Text;
    if (auto configured = telemetry::configure_log(log); !configured.has_value()) {
        print(stderr, "wavs: " + configured.error().full_text() + "\n");
        return kConfigError;
    }
    if (!command.empty()) {
        command.erase(command.begin());
        return run_ledger_command(command, loaded.config);
    }
    return serve_until_signal(std::move(loaded));
}

}  // namespace wavs::app
