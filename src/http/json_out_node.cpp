// SPDX-License-Identifier: Apache-2.0
// What only this node shows: docs/protocol/03-http.md, the routes under /node.
#include "json_members.hpp"
#include "json_out.hpp"
#include "wavs/base/hex.hpp"

namespace wavs::http {
namespace {

using types::json::Writer;

void write_more(Writer& json, const std::optional<AskedForMore>& more) {
    json.key("asks_for_more");
    if (!more) {
        json.null();
        return;
    }
    json.begin_object();
    text_member(json, "digest", types::to_string(more->digest));
    text_member(json, "uri", more->uri);
    json.key("in_force");
    json.boolean(more->in_force);
    text_list(json, "permissions", more->permissions);
    json.end_object();
}

/// A member with a list of objects; `write` gives the members of one.
template <typename Items, typename Write>
void object_list(Writer& json, std::string_view name, const Items& items, const Write& write) {
    json.key(name);
    json.begin_array();
    for (const auto& one : items) {
        json.begin_object();
        write(json, one);
        json.end_object();
    }
    json.end_array();
}

/// An answer that is such a list.
template <typename Items, typename Write>
std::string object_list(std::string_view name, const Items& items, const Write& write) {
    std::string out;
    Writer json(out);
    json.begin_object();
    object_list(json, name, items, write);
    json.end_object();
    return out;
}

void number_member(Writer& json, std::string_view name, std::uint64_t number) {
    json.key(name);
    json.number(number);
}

void write_state(Writer& json, const ServiceState& service) {
    text_member(json, "service_id", types::to_string(service.service));
    text_member(json, "name", service.name);
    text_member(json, "state", to_string(service.state));
    text_member(json, "reason", service.reason);
    json.key("workflows");
    json.begin_object();
    for (const WorkflowState& workflow : service.workflows) {
        json.key(workflow.workflow.str());
        json.begin_object();
        text_member(json, "state", to_string(workflow.state));
        text_member(json, "reason", workflow.reason);
        json.end_object();
    }
    json.end_object();
    text_list(json, "permissions", service.permissions);
    write_more(json, service.asks_for_more);
}

void write_stage(Writer& json, const EventStage& stage) {
    text_member(json, "stage", stage.stage);
    number_member(json, "time_ns", stage.time.nanos);
    text_member(json, "detail", stage.detail);
}

void write_event(Writer& json, const EventInfo& event) {
    number_member(json, "sequence", event.sequence);
    text_member(json, "event_id", base::hex0x(event.event_id.view()));
    text_member(json, "service_id", types::to_string(event.service));
    text_member(json, "workflow_id", event.workflow.str());
    text_member(json, "trace_id", types::to_string(event.trace));
    text_member(json, "state", event.state);
    json.key("caused_by");
    if (event.caused_by) {
        json.string(base::hex0x(event.caused_by->view()));
    } else {
        json.null();
    }
    object_list(json, "stages", event.stages, write_stage);
}

void write_signer(Writer& json, const DivergentEvent::Signer& signer) {
    text_member(json, "address", types::to_checksum_string(signer.address));
    text_member(json, "delivered_by", signer.peer);
    number_member(json, "received_at_ns", signer.received_at.nanos);
}

void write_signed_result(Writer& json, const DivergentEvent::SignedResult& result) {
    text_member(json, "digest", base::hex0x(result.digest.view()));
    text_member(json, "ordering", base::hex0x(result.ordering.view()));
    text_member(json, "payload", base::hex0x(result.payload));
    text_member(json, "form", result.form);
    text_member(json, "text", result.text);
    object_list(json, "signers", result.signers, write_signer);
}

void write_difference(Writer& json, const DivergentEvent::Difference& difference) {
    text_member(json, "place", difference.place);
    number_member(json, "other", difference.other);
    text_member(json, "left", difference.left);
    text_member(json, "right", difference.right);
}

void write_divergent_event(Writer& json, const DivergentEvent& event) {
    text_member(json, "service_id", types::to_string(event.service));
    text_member(json, "workflow_id", event.workflow.str());
    text_member(json, "event_id", "0x" + types::to_string(event.event_id));
    object_list(json, "results", event.results, write_signed_result);
    object_list(json, "differences", event.differences, write_difference);
}

void write_struck(Writer& json, const StruckComponent& component) {
    text_member(json, "digest", types::to_string(component.digest));
    json.key("quarantined");
    json.boolean(component.quarantined);
    number_member(json, "strikes", component.strikes.size());
    json.key("times_ns");
    json.begin_array();
    for (const types::Timestamp& time : component.strikes) {
        json.number(time.nanos);
    }
    json.end_array();
    json.key("service_ids");
    json.begin_array();
    for (const types::ServiceId& service : component.services) {
        json.string(types::to_string(service));
    }
    json.end_array();
}

}  // namespace

std::string to_json(const NodeInfo& info) {
    std::string out;
    Writer json(out);
    json.begin_object();
    text_member(json, "message", "wavs " + info.version);
    text_member(json, "version", info.version);
    text_member(json, "protocol", info.protocol);
    json.key("revision");
    info.revision.empty() ? json.null() : json.string(info.revision);
    json.key("uptime_secs");
    json.number(info.uptime_secs);
    json.end_object();
    return out;
}

std::string to_json(const std::vector<ServiceState>& states) {
    return object_list("services", states, write_state);
}

std::string to_json(const std::vector<EventInfo>& events) {
    return object_list("events", events, write_event);
}

std::string to_json(const std::vector<DivergentEvent>& events) {
    return object_list("divergences", events, write_divergent_event);
}

std::string to_json(const std::vector<StruckComponent>& components) {
    return object_list("components", components, write_struck);
}

}  // namespace wavs::http
