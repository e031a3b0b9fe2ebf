// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

namespace wavs::bench {
namespace {

constexpr auto kSettle = std::chrono::seconds(5);
constexpr auto kWindow = std::chrono::seconds(10);
constexpr auto kBlockTime = std::chrono::seconds(2);

}  // namespace

void idle(const Settings& settings) {
    const auto folder = fresh_folder(settings, "idle");
    ClientSide side;
    ChainNode chain(side, settings, folder, {.block_time = kBlockTime});
    const auto pid = chain.devnet().node().pid();
    side.pause(kSettle);
    std::vector<double> rss;
    std::vector<double> cpu;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const auto before = usage_of(pid);
        side.pause(kWindow);
        const auto after = usage_of(pid);
        const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
        rss.push_back(after.rss_mb);
        cpu.push_back(100 * (after.cpu_seconds - before.cpu_seconds) / seconds);
    }
    Line("idle")
        .add("rss_mb", median(std::move(rss)), 1)
        .add("cpu_percent", median(std::move(cpu)), 2)
        .print();
}

}  // namespace wavs::bench
