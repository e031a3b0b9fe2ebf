// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/ids.hpp"
#include "wavs/types/response.hpp"
#include "wavs/types/trigger_data.hpp"

namespace wavs::types {

/// Event ids: docs/protocol/01-values.md 7.
EventId event_id(const ServiceId& service, const WorkflowId& workflow, base::ByteView salt);

/// The salt of an event whose component gave none.
base::Bytes default_salt(const TriggerData& data);
/// Known before the component runs; equal on all operators.
EventId default_event_id(const TriggerAction& action);
/// The id of one response: its own salt if it has one, else the default id.
EventId event_id_of(const TriggerAction& action, const WasmResponse& response);

TraceId trace_id_of(const EventId& default_id);
inline TraceId trace_id_of(const TriggerAction& action) {
    return trace_id_of(default_event_id(action));
}

}  // namespace wavs::types
