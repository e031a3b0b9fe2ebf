// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/engine/jobs.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/types/event_id.hpp"

#include <filesystem>
#include <string>

namespace wavs::engine {

class TempDir {
public:
    TempDir() {
        auto made = storage::make_temporary_folder("wavs-engine-test");
        path_ = std::move(made.value());
    }
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

inline types::WorkflowId workflow_id(std::string_view text = "default") {
    return types::WorkflowId::parse(text).value();
}

template <typename Id>
Id id_of(std::uint8_t first) {
    Id id;
    id.array()[0] = first;
    return id;
}

inline types::Component component_of_digest(const types::ComponentDigest& digest) {
    types::Component component;
    component.source = types::DigestSource{digest};
    return component;
}

/// A manual workflow "default"; its EVM manager has the address 01 00 ... .
inline types::Service service_with(types::Component component,
                                   types::Submit submit = types::SubmitNone{}) {
    types::Service service;
    service.name = "test";
    service.manager = types::EvmManager{.chain = types::ChainKey::parse("evm:31337").value(),
                                        .address = id_of<types::EvmAddress>(1)};
    service.workflows[workflow_id()] = types::Workflow{.trigger = types::ManualTrigger{},
                                                       .component = std::move(component),
                                                       .submit = std::move(submit)};
    return service;
}

inline ServiceSnapshot snapshot_of(types::Service service) {
    return make_snapshot(std::make_shared<const types::Service>(std::move(service)));
}

inline std::shared_ptr<const types::TriggerAction> raw_action(const ServiceSnapshot& service,
                                                              std::string_view data) {
    return std::make_shared<const types::TriggerAction>(
        types::TriggerAction{.config = {.service_id = service.id,
                                        .workflow_id = workflow_id(),
                                        .trigger = types::ManualTrigger{}},
                             .data = types::RawData{base::to_bytes(data)}});
}

inline OperatorJob operator_job(const ServiceSnapshot& service, std::string_view data = "x") {
    auto action = raw_action(service, data);
    const auto event = types::default_event_id(*action);
    return {.service = service,
            .action = std::move(action),
            .event_id = event,
            .trace_id = types::trace_id_of(event)};
}

inline AggregatorJob aggregator_job(const ServiceSnapshot& service, std::string_view data = "x") {
    auto job = operator_job(service, data);
    return {.service = service,
            .action = job.action,
            .response = std::make_shared<const types::WasmResponse>(
                types::WasmResponse{.payload = base::to_bytes("p")}),
            .event_id = job.event_id,
            .trace_id = job.trace_id};
}

}  // namespace wavs::engine
