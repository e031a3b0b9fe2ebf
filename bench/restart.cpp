// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "local_node.hpp"

#include <fmt/format.h>

#include <thread>

namespace wavs::bench {
namespace {

constexpr std::uint64_t kEvents = 100'000;

void make_events(const Settings& settings, const std::filesystem::path& data) {
    ClientSide side;
    LocalNode node(data);
    cli::NodeClient client(side.http(), node.url());
    Load load(config_of(register_bench_service(side, client)), node.fire());
    load.start(settings.in_flight);
    while (load.completed() < kEvents && load.running()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    load.stop();
}

}  // namespace

void restart(const Settings& settings) {
    const auto data = fresh_folder(settings, "restart") / "node";
    note(fmt::format("restart: making {} events", kEvents));
    make_events(settings, data);
    std::vector<double> times;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const LocalNode node(data);
        times.push_back(seconds_between(start, std::chrono::steady_clock::now()));
    }
    Line("restart")
        .add("ready_s", median(std::move(times)), 3)
        .add("events", static_cast<double>(kEvents))
        .print();
}

}  // namespace wavs::bench
