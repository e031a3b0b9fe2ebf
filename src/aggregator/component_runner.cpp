// SPDX-License-Identifier: Apache-2.0
#include "wavs/aggregator/component_runner.hpp"

namespace wavs::aggregator {
namespace {

engine::AggregatorJob job_of(const Input& input) {
    const auto& submission = input.submission;
    engine::AggregatorJob job;
    // Aliases share the owner: nothing is copied per run.
    job.service = {std::shared_ptr<const types::Service>(input.service, &input.service->service),
                   input.service->id, input.service->digest};
    job.action =
        std::shared_ptr<const types::TriggerAction>(submission, &submission->trigger_action);
    job.response =
        std::shared_ptr<const types::WasmResponse>(submission, &submission->operator_response);
    job.event_id = submission->event_id;
    job.trace_id = input.trace_id;
    return job;
}

}  // namespace

async::Task<base::Result<std::vector<types::AggregatorAction>>> EngineRunner::process_input(
    Input input) {
    auto job = job_of(input);
    co_return co_await engine_.process_input(std::move(job));
}

async::Task<base::Result<std::vector<types::AggregatorAction>>> EngineRunner::timer_callback(
    Input input) {
    auto job = job_of(input);
    co_return co_await engine_.handle_timer_callback(std::move(job));
}

async::Task<base::Result<void>> EngineRunner::submit_callback(Input input, SubmitResult result) {
    auto job = job_of(input);
    co_return co_await engine_.handle_submit_callback(std::move(job), std::move(result));
}

async::Task<base::Result<bool>> EngineRunner::selects(Input input) {
    auto job = job_of(input);
    co_return co_await engine_.selects(std::move(job));
}

async::Task<base::Result<std::optional<std::vector<std::uint32_t>>>> EngineRunner::select(
    Input input, types::SubmitAction action, std::vector<QuorumEntry> entries) {
    auto job = job_of(input);
    co_return co_await engine_.select(std::move(job), std::move(action), std::move(entries));
}

}  // namespace wavs::aggregator
