// SPDX-License-Identifier: Apache-2.0
// Runs of components by the engine alone.
#include "engine_bed.hpp"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <thread>

namespace wavs::bench {
namespace {

constexpr std::uint32_t kHotRuns = 5'000;
constexpr unsigned kInFlight = 64;
constexpr unsigned kSleepers = 100;
constexpr unsigned kSleepMs = 500;

// The same event again and again: making one is not what is measured here.
JobOf one_event(const engine::ServiceSnapshot& service) {
    return
        [job = job_of(service, "event number 0000000000000000001")](std::uint64_t) { return job; };
}

struct Cost {
    double us = 0;
    double cpu_us = 0;
};
// Of one run, when `runs` does all of them.
Cost cost_of(const std::function<void()>& runs) {
    const auto start = std::chrono::steady_clock::now();
    const auto before = usage_of(::getpid());
    runs();
    const auto cpu = usage_of(::getpid()).cpu_seconds - before.cpu_seconds;
    const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
    return {seconds * 1e6 / kHotRuns, cpu * 1e6 / kHotRuns};
}

// Highest number of runs in flight while so many sleep, and how long it took until all had ended.
struct Slept {
    double seconds = 0;
    double peak = 0;
};
Slept sleep_all(EngineBed& bed) {
    const auto service =
        bed.service("echo", {{"sleep-ms", std::to_string(kSleepMs)}, {"sleep-kind", "async"}});
    Lanes lanes(bed.engine(), one_event(service));
    std::atomic<bool> over{false};
    Slept slept;
    std::thread watcher([&] {
        while (!over) {
            slept.peak = std::max(slept.peak, static_cast<double>(bed.engine().status().running));
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    });
    const auto start = std::chrono::steady_clock::now();
    lanes.run(kSleepers, kSleepers);
    slept.seconds = seconds_between(start, std::chrono::steady_clock::now());
    over = true;
    watcher.join();
    return slept;
}

}  // namespace

void engine_hot(const Settings& settings) {
    const auto folder = fresh_folder(settings, "engine_hot");
    EngineBed bed(folder);
    const auto service = bed.service("echo");
    Bare bare("echo", Bare::Metering::On);
    const auto event = one_event(service);
    const auto job = event(0);
    Lanes lanes(bed.engine(), event);
    const auto our_runs = [&] { lanes.run(1, kHotRuns); };
    const auto bare_runs = [&] { (void)bare.seconds(job, kHotRuns); };
    our_runs();
    bare_runs();
    std::vector<double> ours;
    std::vector<double> floor;
    std::vector<double> ratios;
    std::vector<double> cpu_ratios;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto our_cost = cost_of(our_runs);
        const auto bare_cost = cost_of(bare_runs);
        ours.push_back(our_cost.us);
        floor.push_back(bare_cost.us);
        ratios.push_back(our_cost.us / bare_cost.us);
        cpu_ratios.push_back(our_cost.cpu_us / bare_cost.cpu_us);
        note(fmt::format("engine_hot: {:.1f} us, {:.1f} us of CPU; bare {:.1f} us, {:.1f} us",
                         our_cost.us, our_cost.cpu_us, bare_cost.us, bare_cost.cpu_us));
    }
    Line("engine_hot")
        .add("us_per_run", median(std::move(ours)), 1)
        .add("bare_us_per_run", median(std::move(floor)), 1)
        .add("ratio", median(std::move(ratios)), 2)
        .add("cpu_ratio", median(std::move(cpu_ratios)), 2)
        .print();
}

void engine_scaling(const Settings& settings) {
    const auto folder = fresh_folder(settings, "engine_scaling");
    EngineBed one(folder / "one", {.guest_threads = 1});
    EngineBed two(folder / "two", {.guest_threads = 2});
    Lanes alone(one.engine(), one_event(one.service("echo")));
    Lanes both(two.engine(), one_event(two.service("echo")));
    std::vector<double> ones;
    std::vector<double> twos;
    std::vector<double> ratios;
    std::vector<double> cpu_ratios;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto slow = alone.rate(kInFlight, settings.window / 4);
        const auto fast = both.rate(kInFlight, settings.window / 4);
        ones.push_back(slow.runs_per_s);
        twos.push_back(fast.runs_per_s);
        ratios.push_back(fast.runs_per_s / slow.runs_per_s);
        cpu_ratios.push_back(2 * slow.cpu_us / fast.cpu_us);
        note(
            fmt::format("engine_scaling: {:.0f} runs/s, {:.1f} us of CPU; with two threads {:.0f}, "
                        "{:.1f} us",
                        slow.runs_per_s, slow.cpu_us, fast.runs_per_s, fast.cpu_us));
    }
    const auto slept = sleep_all(two);
    Line("engine_scaling")
        .add("runs_per_s_1", median(std::move(ones)))
        .add("runs_per_s_2", median(std::move(twos)))
        .add("ratio", median(std::move(ratios)), 2)
        .add("cpu_ratio", median(std::move(cpu_ratios)), 2)
        .add("sleeping_100_s", slept.seconds, 3)
        .add("sleeping_100_peak", slept.peak)
        .print();
}

}  // namespace wavs::bench
