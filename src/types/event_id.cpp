// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/event_id.hpp"

#include "wavs/hash/hash.hpp"
#include "wavs/types/b2.hpp"

namespace wavs::types {

EventId event_id(const ServiceId& service, const WorkflowId& workflow, base::ByteView salt) {
    base::Bytes image = base::to_bytes(service.view());
    base::append(image, base::as_bytes(workflow.str()));
    base::append(image, salt);
    return EventId(hash::ripemd160(image));
}

base::Bytes default_salt(const TriggerData& data) {
    const auto* at_proto = std::get_if<AtProtoData>(&data);
    return at_proto != nullptr ? b2_encode_identity(*at_proto) : b2_encode(data);
}

EventId default_event_id(const TriggerAction& action) {
    return event_id(action.config.service_id, action.config.workflow_id, default_salt(action.data));
}

EventId event_id_of(const TriggerAction& action, const WasmResponse& response) {
    return response.event_id_salt.has_value()
               ? event_id(action.config.service_id, action.config.workflow_id,
                          *response.event_id_salt)
               : default_event_id(action);
}

TraceId trace_id_of(const EventId& default_id) {
    return TraceId::from(std::span(default_id.array()).first<TraceId::kSize>());
}

}  // namespace wavs::types
