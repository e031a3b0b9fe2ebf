// SPDX-License-Identifier: Apache-2.0
#include "call.hpp"

#include "flat.hpp"

#include <fmt/format.h>

namespace wavs::engine {
namespace {

base::Bytes input_of(const Call& call) {
    switch (call.entry) {
        case rt::Export::Run:
            return flat_trigger_action(*call.action);
        case rt::Export::ProcessInput:
        case rt::Export::HandleTimerCallback:
            return flat_aggregator_input(*call.action, *call.response);
        case rt::Export::HandleSubmitCallback:
            return flat_submit_callback(*call.action, *call.response, call.submitted);
        case rt::Export::Select:
            return call.selection;
    }
    return {};
}

std::string_view prefix_of(rt::Export entry) {
    switch (entry) {
        case rt::Export::Run:
        case rt::Export::Select:
            return "";
        case rt::Export::ProcessInput:
            return "Process packet execution failed: ";
        case rt::Export::HandleTimerCallback:
            return "Timer callback execution failed: ";
        case rt::Export::HandleSubmitCallback:
            return "Submit callback execution failed: ";
    }
    return "";
}

}  // namespace

rt::RunRequest request_of(const Call& call, const Setup& setup) {
    return {.entry = call.entry,
            .raw_sockets = setup.raw_sockets,
            .dns = setup.dns,
            .digest = setup.digest.array(),
            .service_id = call.service.id.array(),
            .event_id = call.event_id.array(),
            .trace_id = call.trace_id.array(),
            .service = setup.service,
            .workflow_id = call.action->config.workflow_id.str(),
            .input = input_of(call),
            .fuel = setup.fuel,
            .time_ms = setup.time_ms,
            .max_memory_bytes = 0,
            .env = setup.env,
            .config = setup.config,
            .data_dir = setup.directory.string(),
            .record_bytes = call.record_bytes,
            .seed = call.seed};
}

Call call_of(rt::Export entry, AggregatorJob job) {
    return {.entry = entry,
            .service = std::move(job.service),
            .action = std::move(job.action),
            .response = std::move(job.response),
            .event_id = job.event_id,
            .trace_id = job.trace_id,
            .submitted = {},
            .selection = {}};
}

Call call_of(OperatorJob job) {
    return {.entry = rt::Export::Run,
            .service = std::move(job.service),
            .action = std::move(job.action),
            .response = nullptr,
            .event_id = job.event_id,
            .trace_id = job.trace_id,
            .submitted = {},
            .selection = {}};
}

base::Error prefixed(base::Error error, rt::Export entry) {
    if (error.code() != "exec_result") {
        return error;
    }
    return {error.kind(), "exec_result", fmt::format("{}{}", prefix_of(entry), error.message()),
            error.remedy()};
}

}  // namespace wavs::engine
