// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/envelope.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/manifest_json.hpp"
#include "wavs/types/records.hpp"

#include <benchmark/benchmark.h>

namespace wavs::types {
namespace {

TriggerAction evm_action() {
    EvmEventData data;
    data.chain = ChainKey::parse("evm:31337").value();
    data.topics.resize(2);
    data.data.resize(256);
    return {{ServiceId(), WorkflowId(), EvmEventTrigger{{}, data.chain, {}}}, std::move(data)};
}

void default_event_id_of_evm_log(benchmark::State& state) {
    const auto action = evm_action();
    for (auto _ : state) {
        benchmark::DoNotOptimize(default_event_id(action));
    }
}
BENCHMARK(default_event_id_of_evm_log);

void envelope_digest_of_256_bytes(benchmark::State& state) {
    const auto envelope = make_envelope({}, {.payload = base::Bytes(256)});
    for (auto _ : state) {
        benchmark::DoNotOptimize(envelope_digest(envelope));
    }
}
BENCHMARK(envelope_digest_of_256_bytes);

void event_record_round_trip(benchmark::State& state) {
    const auto record = make_event_record(1, evm_action(), {}, {}, "evm:31337");
    for (auto _ : state) {
        benchmark::DoNotOptimize(decode_event_record(encode(record)));
    }
}
BENCHMARK(event_record_round_trip);

void parse_manifest_of_50_workflows(benchmark::State& state) {
    Service service;
    service.manager = EvmManager{ChainKey::parse("evm:1").value(), {}};
    for (int i = 0; i < 50; ++i) {
        auto& workflow =
            service.workflows[WorkflowId::parse("workflow-" + std::to_string(i)).value()];
        workflow.component.source = DigestSource{};
    }
    const auto text = to_json(service);
    for (auto _ : state) {
        benchmark::DoNotOptimize(parse_manifest(text));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
}
BENCHMARK(parse_manifest_of_50_workflows);

}  // namespace
}  // namespace wavs::types
