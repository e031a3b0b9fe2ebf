// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "load.hpp"
#include "node_program.hpp"
#include "wavs/async/as_flow.hpp"

#include <fmt/format.h>

#include <thread>

namespace wavs::bench {
namespace {

async::Task<base::Result<void>> fire_over_http(cli::NodeClient& node, types::TriggerAction action) {
    cli::SimulatedTrigger trigger;
    trigger.action = std::move(action);
    co_return co_await node.simulate_trigger(std::move(trigger));
}

}  // namespace

void http_trigger(const Settings& settings) {
    const auto folder = fresh_folder(settings, "http_trigger");
    ClientSide side;
    const auto program = start_program(side, settings, folder);
    const auto config = config_of(register_bench_service(side, program->client()));
    async::Runtime threads({.io_threads = 1, .blocking_threads = 1});
    // Its connections live on those threads, and go before them.
    const auto http = side.another_client(settings.in_flight);
    cli::NodeClient client(*http, program->url());
    async::TaskGroup requests(threads.io(), "requests");
    Load load(config, [&](types::TriggerAction action) {
        return async::as_flow(requests, "request", fire_over_http(client, std::move(action)));
    });
    load.start(settings.in_flight);
    std::this_thread::sleep_for(settings.warm_up);
    std::vector<double> rates;
    std::vector<double> p50;
    std::vector<double> p99;
    for (unsigned i = 0; i < settings.runs; ++i) {
        load.begin_window();
        const auto start = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(settings.window);
        auto latencies = load.end_window();
        const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
        rates.push_back(static_cast<double>(latencies.size()) / seconds);
        p50.push_back(percentile(latencies, 0.5));
        p99.push_back(percentile(latencies, 0.99));
    }
    load.stop();
    threads.stop();
    side.must(program->stop());
    Line("http_trigger")
        .add("events_per_s", median(std::move(rates)))
        .add("p50_us", median(std::move(p50)))
        .add("p99_us", median(std::move(p99)))
        .print();
}

}  // namespace wavs::bench
