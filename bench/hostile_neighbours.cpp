// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"
#include "load.hpp"

#include "wavs/async/runtime.hpp"
#include "wavs/engine/engine.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/storage/rocksdb_store.hpp"
#include "wavs/types/event_id.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <thread>

namespace wavs::bench {
namespace {

constexpr unsigned kInnocents = 8;
constexpr unsigned kLoopers = 4;
constexpr unsigned kHogs = 2;
constexpr unsigned kFlooders = 2;

base::Bytes component(std::string_view name) {
    const auto path = std::filesystem::path(WAVS_SOURCE_DIR) / "examples/components/prebuilt" /
                      fmt::format("{}.wasm", name);
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        throw std::runtime_error(fmt::format("cannot read {}", path.string()));
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

// The engine as the node has it; what stands before and after a run is left out.
class Bed {
public:
    explicit Bed(const std::filesystem::path& data)
        : blobs_(data / "ca"), store_(must(storage::RocksdbStore::open(data / "db"))) {
        quarantine_ = must(engine::Quarantine::open(data / "strikes", clock_, metrics_));
        engine::Options options;
        options.data = data;
        options.limits.memory_bytes = 64U << 20;
        engine_ = must(engine::Engine::create(std::move(options), {.blocking = runtime_.blocking(),
                                                                   .metrics = metrics_,
                                                                   .store = *store_,
                                                                   .blobs = blobs_,
                                                                   .library = rt::native_library(),
                                                                   .quarantine = *quarantine_}));
    }
    ~Bed() {
        engine_.reset();
        runtime_.stop();
    }
    Bed(const Bed&) = delete;
    Bed& operator=(const Bed&) = delete;

    engine::ServiceSnapshot service(std::string_view name) {
        types::Workflow workflow;
        workflow.trigger = types::ManualTrigger{};
        workflow.component.source = types::DigestSource{must(blobs_.put(component(name)))};
        workflow.component.time_limit_seconds = 1;
        types::Service service;
        service.name = name;
        service.workflows.emplace(types::WorkflowId(), std::move(workflow));
        service.manager = types::EvmManager{
            must(types::ChainKey::parse("evm:31337")),
            must(types::parse_evm_address(fmt::format("0x{:040x}", ++services_)))};
        return engine::make_snapshot(std::make_shared<const types::Service>(std::move(service)));
    }

    async::Flow<base::Result<void>> run(engine::ServiceSnapshot service,
                                        types::TriggerAction action) {
        const auto event = types::default_event_id(action);
        WAVS_CO_TRY(co_await engine_->run_operator(
            {.service = std::move(service),
             .action = std::make_shared<const types::TriggerAction>(std::move(action)),
             .event_id = event,
             .trace_id = types::trace_id_of(event)}));
        co_return base::ok();
    }

    // As above, with a command for the component; its run is meant to fail.
    async::Flow<base::Result<void>> attack(engine::ServiceSnapshot service,
                                           types::TriggerAction action, std::string_view command) {
        action.data = types::RawData{base::to_bytes(command)};
        (void)co_await run(std::move(service), std::move(action));
        co_return base::ok();
    }

private:
    async::Runtime runtime_{{.io_threads = 1, .blocking_threads = 4}};
    telemetry::Metrics metrics_;
    storage::BlobStore blobs_;
    std::unique_ptr<storage::RocksdbStore> store_;
    base::SystemClock clock_;
    std::unique_ptr<engine::Quarantine> quarantine_;
    std::unique_ptr<engine::Engine> engine_;
    unsigned services_ = 0;
};

types::TriggerConfig config_of(const engine::ServiceSnapshot& service) {
    return bench::config_of(*service.service);
}

Load attackers(Bed& bed, const engine::ServiceSnapshot& service, std::string_view command) {
    return {config_of(service), [&bed, service, command](types::TriggerAction action) {
                return bed.attack(service, std::move(action), command);
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
    Bed bed(fresh_folder(settings, "hostile_neighbours"));
    const auto echo = bed.service("echo");
    const auto hostile = bed.service("hostile");
    std::vector<double> quiet;
    std::vector<double> loud;
    std::vector<double> ratios;
    for (unsigned i = 0; i < settings.runs; ++i) {
        Load innocents(config_of(echo), [&](types::TriggerAction action) {
            return bed.run(echo, std::move(action));
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
