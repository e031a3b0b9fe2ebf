// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "engine_bed.hpp"
#include "load.hpp"

#include "wavs/types/event_id.hpp"

#include <thread>

namespace wavs::bench {
namespace {

constexpr unsigned kInnocents = 8;
constexpr unsigned kLoopers = 4;
constexpr unsigned kHogs = 2;
constexpr unsigned kFlooders = 2;

constexpr std::uint64_t kMemory = 64U << 20;
constexpr std::uint64_t kSeconds = 1;

async::Flow<base::Result<void>> run(EngineBed& bed, engine::ServiceSnapshot service,
                                    types::TriggerAction action) {
    const auto event = types::default_event_id(action);
    WAVS_CO_TRY(co_await bed.engine().run_operator(
        {.service = std::move(service),
         .action = std::make_shared<const types::TriggerAction>(std::move(action)),
         .event_id = event,
         .trace_id = types::trace_id_of(event)}));
    co_return base::ok();
}

// As above, with a command for the component; its run is meant to fail.
async::Flow<base::Result<void>> attack(EngineBed& bed, engine::ServiceSnapshot service,
                                       types::TriggerAction action, std::string_view command) {
    action.data = types::RawData{base::to_bytes(command)};
    (void)co_await run(bed, std::move(service), std::move(action));
    co_return base::ok();
}

types::TriggerConfig config_of(const engine::ServiceSnapshot& service) {
    return bench::config_of(*service.service);
}

Load attackers(EngineBed& bed, const engine::ServiceSnapshot& service, std::string_view command) {
    return {config_of(service), [&bed, service, command](types::TriggerAction action) {
                return attack(bed, service, std::move(action), command);
            }};
}

double p99_of(Load& load, const Settings& settings) {
    std::this_thread::sleep_for(settings.warm_up / 4);
    load.begin_window();
    std::this_thread::sleep_for(settings.window / 5);
    auto latencies = load.end_window();
    return percentile(latencies, 0.99);
}

}  // namespace

void hostile_neighbours(const Settings& settings) {
    EngineBed bed(fresh_folder(settings, "hostile_neighbours"), {.memory_bytes = kMemory});
    const auto echo = bed.service("echo", {}, kSeconds);
    const auto hostile = bed.service("hostile", {}, kSeconds);
    std::vector<double> quiet;
    std::vector<double> loud;
    std::vector<double> ratios;
    for (unsigned i = 0; i < settings.runs; ++i) {
        Load innocents(config_of(echo), [&](types::TriggerAction action) {
            return run(bed, echo, std::move(action));
        });
        innocents.start(kInnocents);
        quiet.push_back(p99_of(innocents, settings));
        Load loops = attackers(bed, hostile, "spin");
        Load hogs = attackers(bed, hostile, "hog");
        Load floods = attackers(bed, hostile, "flood-log:1000");
        loops.start(kLoopers);
        hogs.start(kHogs);
        floods.start(kFlooders);
        loud.push_back(p99_of(innocents, settings));
        innocents.stop();
        for (auto* load : {&loops, &hogs, &floods}) {
            load->stop();
        }
        ratios.push_back(loud.back() / quiet.back());
    }
    Line("hostile_neighbours")
        .add("quiet_p99_us", median(std::move(quiet)))
        .add("loud_p99_us", median(std::move(loud)))
        .add("ratio", median(std::move(ratios)), 1)
        .print();
}

}  // namespace wavs::bench
