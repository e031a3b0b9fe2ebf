// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"

#include "wavs/telemetry/log.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <span>

namespace wavs::bench {
namespace {

struct Named {
    std::string_view name;
    void (*run)(const Settings& settings);
    /// Also when no name is given.
    bool by_default = true;
};
constexpr std::array<Named, 19> kAll = {{{"pipeline", pipeline},
                                         {"http_trigger", http_trigger},
                                         {"latency_idle", latency_idle},
                                         {"posting", posting},
                                         {"idle", idle},
                                         {"cron_idle", cron_idle},
                                         {"restart", restart},
                                         {"catch_up", catch_up},
                                         {"services_200", services_200},
                                         {"engine_hot", engine_hot},
                                         {"engine_scaling", engine_scaling},
                                         {"kv", kv},
                                         {"guest_native", guest_native},
                                         {"quorum_3", quorum_3},
                                         {"quorum_10", quorum_10},
                                         {"verify", verify},
                                         {"queues_10000", queues_10000},
                                         {"hostile_neighbours", hostile_neighbours},
                                         {"soak", soak, false}}};

constexpr int kUsage = 2;

const Named* find(std::string_view name) {
    for (const auto& one : kAll) {
        if (one.name == name) {
            return &one;
        }
    }
    return nullptr;
}

int usage() {
    std::fputs("usage: wavs_node_bench [--folder DIR] [--runs N] [--window-ms N] [NAME...]\nnames:",
               stderr);
    for (const auto& one : kAll) {
        std::fprintf(stderr, " %s", one.name.data());
    }
    std::fputs("\n", stderr);
    return kUsage;
}

// Each result ends with an error of the aggregator component (docs/bench.md); saying so so many
// times would be measured too. And `hostile_neighbours` has a component that floods the log.
void quiet_log() {
    must(telemetry::configure_log({.directives = {"error", "aggregator=off", "component=off"}}));
}

int run_all(const Settings& settings, const std::vector<const Named*>& wanted) {
    int status = EXIT_SUCCESS;
    for (const auto* one : wanted) {
        try {
            one->run(settings);
        } catch (const std::exception& error) {
            note(fmt::format("{}: {}", one->name, error.what()));
            status = EXIT_FAILURE;
        }
    }
    std::error_code ignored;
    std::filesystem::remove_all(settings.folder, ignored);
    return status;
}

int run_program(std::span<const char* const> words) {
    Settings settings;
    const auto own = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    settings.wavs_program = own / "wavs";
    // Of its own, so that two runs of one build do not disturb each other's files.
    settings.folder = own.parent_path() / fmt::format("bench-data-{}", ::getpid());
    std::vector<const Named*> wanted;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const bool is_option = word.starts_with("--");
        if (is_option && i + 1 == words.size()) {
            return usage();
        }
        if (word == "--folder") {
            settings.folder = words[++i];
        } else if (word == "--runs") {
            settings.runs = static_cast<unsigned>(std::max(1, std::atoi(words[++i])));
        } else if (word == "--window-ms") {
            settings.window = std::chrono::milliseconds(std::max(1, std::atoi(words[++i])));
        } else if (const auto* one = find(word); one != nullptr) {
            wanted.push_back(one);
        } else {
            return usage();
        }
    }
    if (wanted.empty()) {
        for (const auto& one : kAll) {
            if (one.by_default) {
                wanted.push_back(&one);
            }
        }
    }
    quiet_log();
    return run_all(settings, wanted);
}

}  // namespace
}  // namespace wavs::bench

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return wavs::bench::run_program({argv, static_cast<std::size_t>(argc)});
    } catch (const std::exception& error) {
        std::fprintf(stderr, "wavs_node_bench: %s\n", error.what());
        return EXIT_FAILURE;
    }
}
