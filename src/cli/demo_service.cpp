// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/demo_service.hpp"

#include "wavs/cli/contracts.hpp"

namespace wavs::cli {

types::Service make_manifest(const DemoService& demo) {
    types::SubmitAggregator submit;
    submit.component.source = types::DigestSource{demo.aggregator_component};
    submit.component.config = {{"chain", demo.chain.str()},
                               {"service_handler", types::to_string(demo.handler)}};
    submit.signature_kind = types::kEvmSignatureKind;

    types::Workflow workflow;
    workflow.trigger = types::EvmEventTrigger{demo.trigger, demo.chain, new_trigger_topic()};
    workflow.component.source = types::DigestSource{demo.operator_component};
    workflow.submit = std::move(submit);

    types::Service out;
    out.name = demo.name;
    out.workflows.emplace(types::WorkflowId(), std::move(workflow));
    out.manager = types::EvmManager{demo.chain, demo.manager};
    return out;
}

}  // namespace wavs::cli
