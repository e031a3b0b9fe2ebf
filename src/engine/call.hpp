// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "revisions.hpp"
#include "wavs/engine/engine.hpp"

namespace wavs::engine {

/// One call of one export, before it has a turn.
struct Call {
    rt::Export entry = rt::Export::Run;
    ServiceSnapshot service;
    std::shared_ptr<const types::TriggerAction> action;
    std::shared_ptr<const types::WasmResponse> response;
    types::EventId event_id;
    types::TraceId trace_id;
    SubmitResult submitted;
    /// The input of `select`; empty for the others.
    base::Bytes selection;
    std::uint64_t record_bytes = 0;
    std::uint64_t seed = 0;
};

Call call_of(rt::Export entry, AggregatorJob job);
Call call_of(OperatorJob job);
/// As the library wants it, with what manifest and node allow.
rt::RunRequest request_of(const Call& call, const Setup& setup);

/// With the words that existing tools look for in front of an error that the component itself
/// returned.
base::Error prefixed(base::Error error, rt::Export entry);

}  // namespace wavs::engine
