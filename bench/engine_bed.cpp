// SPDX-License-Identifier: Apache-2.0
#include "engine_bed.hpp"

#include "flat.hpp"
#include "wavs/async/testing/run.hpp"
#include "wavs/cli/embedded.hpp"
#include "wavs/rt/native.hpp"
#include "wavs/types/event_id.hpp"

#include <wavs_rt.h>

#include <limits>

namespace wavs::bench {
namespace {

base::Bytes component_bytes(std::string_view name) {
    return base::to_bytes(must(cli::embedded_component(name)));
}

template <typename Bytes>
wavs_rt_slice slice_of(const Bytes& bytes) {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

[[noreturn]] void throw_message(wavs_rt_error error) {
    const std::string text(reinterpret_cast<const char*>(error.message.data), error.message.len);
    wavs_rt_buf_release(error.message);
    throw std::runtime_error(text);
}

}  // namespace

EngineBed::EngineBed(const std::filesystem::path& data, EngineBedOptions of)
    : blobs_(data / "ca"), store_(must(storage::RocksdbStore::open(data / "db"))) {
    quarantine_ = must(engine::Quarantine::open(data / "strikes", clock_, metrics_));
    engine::Options options;
    options.data = data;
    options.guest_threads = of.guest_threads;
    options.limits.memory_bytes = of.memory_bytes;
    engine_ = must(engine::Engine::create(std::move(options), {.blocking = runtime_.blocking(),
                                                               .metrics = metrics_,
                                                               .store = *store_,
                                                               .blobs = blobs_,
                                                               .library = rt::native_library(),
                                                               .quarantine = *quarantine_}));
}

EngineBed::~EngineBed() {
    engine_.reset();
    runtime_.stop();
}

engine::ServiceSnapshot EngineBed::service(std::string_view component,
                                           std::map<std::string, std::string> config,
                                           std::optional<std::uint64_t> time_limit_seconds) {
    const auto digest = must(blobs_.put(component_bytes(component)));
    must(async::testing::run(context_, engine_->prepare(digest, engine::World::Operator)));
    types::Workflow workflow;
    workflow.trigger = types::ManualTrigger{};
    workflow.component.source = types::DigestSource{digest};
    workflow.component.config = std::move(config);
    workflow.component.time_limit_seconds = time_limit_seconds;
    auto service = std::make_shared<types::Service>();
    service->name = "bench";
    service->workflows.emplace(types::WorkflowId(), std::move(workflow));
    service->manager =
        types::EvmManager{must(types::ChainKey::parse("evm:31337")),
                          must(types::parse_evm_address(fmt::format("0x{:040x}", ++services_)))};
    return engine::make_snapshot(std::move(service));
}

engine::OperatorOutcome EngineBed::run(const engine::ServiceSnapshot& service,
                                       std::string_view data) {
    return must(async::testing::run(context_,
                                    async::as_task(engine_->run_operator(job_of(service, data)))));
}

engine::OperatorJob job_of(const engine::ServiceSnapshot& service, std::string_view data) {
    auto action = std::make_shared<const types::TriggerAction>(
        types::TriggerAction{{service.id, types::WorkflowId(), types::ManualTrigger{}},
                             types::RawData{base::to_bytes(data)}});
    const auto event = types::default_event_id(*action);
    return {.service = service,
            .action = std::move(action),
            .event_id = event,
            .trace_id = types::trace_id_of(event)};
}

void Lanes::run(unsigned lanes, std::uint64_t runs) {
    end_ = next_ + runs;
    start(lanes);
    wait();
}

Lanes::Rate Lanes::rate(unsigned lanes, std::chrono::milliseconds window) {
    end_ = std::numeric_limits<std::uint64_t>::max();
    start(lanes);
    std::this_thread::sleep_for(window / 5);
    const auto before = completed_.load();
    const auto used_before = usage_of_this_process().cpu_seconds;
    const auto start = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(window);
    const auto runs = static_cast<double>(completed_.load() - before);
    const auto cpu = usage_of_this_process().cpu_seconds - used_before;
    const auto seconds = seconds_between(start, std::chrono::steady_clock::now());
    end_ = 0;
    wait();
    return {runs / seconds, cpu * 1e6 / runs};
}

void Lanes::start(unsigned lanes) {
    running_ = lanes;
    for (unsigned i = 0; i < lanes; ++i) {
        async::start(lane(), [this](const auto& end) {
            if (!end.value || !end.value->has_value()) {
                const std::lock_guard lock(mutex_);
                failure_ = end.value ? end.value->error() : async::cancelled_error("run");
            }
            if (--running_ == 0) {
                running_.notify_all();
            }
        });
    }
}

void Lanes::wait() {
    for (auto left = running_.load(); left > 0; left = running_.load()) {
        running_.wait(left);
    }
    const std::lock_guard lock(mutex_);
    if (failure_) {
        throw std::runtime_error(failure_->full_text());
    }
}

async::Flow<base::Result<void>> Lanes::lane() {
    for (auto number = next_.fetch_add(1); number < end_; number = next_.fetch_add(1)) {
        WAVS_CO_TRY(co_await engine_.run_operator(job_(number)));
        completed_.fetch_add(1);
    }
    co_return base::ok();
}

Bare::Bare(std::string_view component, Metering metering) {
    const auto wasm = component_bytes(component);
    wavs_rt_error error{};
    bare_ = wavs_rt_bare_new(slice_of(wasm), static_cast<std::uint32_t>(metering), &error);
    if (bare_ == nullptr) {
        throw_message(error);
    }
}

Bare::~Bare() { wavs_rt_bare_free(bare_); }

double Bare::seconds(const engine::OperatorJob& job, std::uint32_t runs) {
    const auto input = engine::flat_trigger_action(*job.action);
    wavs_rt_error error{};
    const auto nanos = wavs_rt_bare_run(bare_, slice_of(input), runs, &error);
    if (nanos == 0) {
        throw_message(error);
    }
    return static_cast<double>(nanos) / 1e9;
}

}  // namespace wavs::bench
