// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "floor.hpp"
#include "local_node.hpp"

#include <fmt/format.h>

#include <thread>

namespace wavs::bench {
namespace {

struct Run {
    double events_per_s = 0;
    double cpu_us = 0;
    double p50_us = 0;
    double p99_us = 0;
    double rss_mb = 0;
    double syncs_per_s = 0;
    double open_results = 0;
    double floor = 0;
    double floor_cpu_us = 0;
};

Run measure_load(LocalNode& node, Load& load, const Settings& settings) {
    load.start(settings.in_flight);
    std::this_thread::sleep_for(settings.warm_up);
    load.begin_window();
    const auto start = std::chrono::steady_clock::now();
    const auto events_before = load.completed();
    const auto used_before = usage_of_this_process();
    const auto syncs_before = node.node().store().sync_count();
    std::this_thread::sleep_for(settings.window);
    const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
    const auto events = static_cast<double>(load.completed() - events_before);
    const auto used = usage_of_this_process();
    const auto syncs = static_cast<double>(node.node().store().sync_count() - syncs_before);
    Run run;
    run.open_results = static_cast<double>(node.open_results());
    auto latencies = load.end_window();
    load.stop();
    run.events_per_s = events / seconds;
    run.cpu_us = (used.cpu_seconds - used_before.cpu_seconds) * 1e6 / events;
    run.p50_us = percentile(latencies, 0.5);
    run.p99_us = percentile(latencies, 0.99);
    run.rss_mb = used.rss_mb;
    run.syncs_per_s = syncs / seconds;
    return run;
}

Floor::Rate measure_floor(const Settings& settings, const std::filesystem::path& folder) {
    return Floor(folder / "cwasm").measure(settings.window / 2);
}

double median_of(const std::vector<Run>& runs, double Run::* figure) {
    std::vector<double> values;
    for (const auto& run : runs) {
        values.push_back(run.*figure);
    }
    return median(std::move(values));
}

// Of the ratios, not of the two figures: on a busy machine only figures of one moment compare.
double median_ratio(const std::vector<Run>& runs, double Run::* part, double Run::* whole) {
    std::vector<double> values;
    for (const auto& run : runs) {
        values.push_back((run.*part) / (run.*whole));
    }
    return median(std::move(values));
}

}  // namespace

void pipeline(const Settings& settings) {
    const auto folder = fresh_folder(settings, "pipeline");
    ClientSide side;
    LocalNode node(folder / "node");
    cli::NodeClient client(side.http(), node.url());
    const auto config = config_of(register_bench_service(side, client));
    Load load(config, node.fire());
    std::vector<Run> runs;
    for (unsigned i = 0; i < settings.runs; ++i) {
        auto run = measure_load(node, load, settings);
        const auto floor = measure_floor(settings, folder);
        run.floor = floor.events_per_s;
        run.floor_cpu_us = floor.cpu_us;
        note(
            fmt::format("pipeline: {:.0f} events/s, {:.0f} us of CPU each; floor {:.0f}, {:.0f} us",
                        run.events_per_s, run.cpu_us, run.floor, run.floor_cpu_us));
        runs.push_back(run);
    }
    Line("pipeline")
        .add("events_per_s", median_of(runs, &Run::events_per_s))
        .add("cpu_us_per_event", median_of(runs, &Run::cpu_us), 1)
        .add("p50_us", median_of(runs, &Run::p50_us))
        .add("p99_us", median_of(runs, &Run::p99_us))
        .add("rss_mb", median_of(runs, &Run::rss_mb), 1)
        .add("syncs_per_s", median_of(runs, &Run::syncs_per_s))
        .add("open_results", median_of(runs, &Run::open_results))
        .add("floor_events_per_s", median_of(runs, &Run::floor))
        .add("floor_cpu_us_per_event", median_of(runs, &Run::floor_cpu_us), 1)
        .add("ratio", median_ratio(runs, &Run::events_per_s, &Run::floor), 3)
        .add("cpu_ratio", median_ratio(runs, &Run::floor_cpu_us, &Run::cpu_us), 3)
        .print();
}

}  // namespace wavs::bench
