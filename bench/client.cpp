// SPDX-License-Identifier: Apache-2.0
#include "client.hpp"

#include "wavs/cli/devnet.hpp"
#include "wavs/cli/embedded.hpp"

namespace wavs::bench {

types::ComponentDigest upload(ClientSide& side, cli::NodeClient& node, std::string_view name) {
    const auto bytes = must(cli::embedded_component(name));
    return side.must(node.upload_component(base::to_bytes(bytes)));
}

ClientSide::ClientSide(std::size_t connections)
    : http_(dial_, {.max_idle_per_origin = connections, .max_idle = connections}),
      tools_{context_.get_executor(), timers_, clock_, random_, http_} {}

std::unique_ptr<net::HttpClient> ClientSide::another_client(std::size_t connections) const {
    const net::HttpClient::Options options{.max_idle_per_origin = connections,
                                           .max_idle = connections};
    return std::make_unique<net::HttpClient>(dial_, options);
}

types::Service register_bench_service(ClientSide& side, cli::NodeClient& node) {
    // Out of reach, so the results stay where this benchmark ends: stored, waiting for their chain.
    const auto& chain = cli::Devnet::chain();
    types::SubmitAggregator submit;
    submit.component.source = types::DigestSource{upload(side, node, "simple_aggregator")};
    submit.component.config = {{"chain", chain.str()},
                               {"service_handler", "0x00000000000000000000000000000000000000aa"}};
    submit.signature_kind = types::kEvmSignatureKind;
    types::Workflow workflow;
    workflow.trigger = types::ManualTrigger{};
    workflow.component.source = types::DigestSource{upload(side, node, "echo")};
    workflow.submit = std::move(submit);
    types::Service service;
    service.name = "bench";
    service.workflows.emplace(types::WorkflowId(), std::move(workflow));
    service.manager = types::EvmManager{
        cli::Devnet::chain(),
        must(types::parse_evm_address("0x00000000000000000000000000000000000000bb"))};
    const auto digest = side.must(node.save_manifest(service));
    side.must(node.register_saved(digest));
    // Nobody can be asked whether the new key has signed elsewhere: the chain is dead.
    side.must(node.accept_empty_ledger(service.id()));
    return service;
}

types::TriggerConfig config_of(const types::Service& service) {
    return {service.id(), types::WorkflowId(), types::ManualTrigger{}};
}

types::TriggerAction action_of(const types::TriggerConfig& config, std::uint64_t number) {
    return {config, types::RawData{base::to_bytes(fmt::format("event number {:019}", number))}};
}

}  // namespace wavs::bench
