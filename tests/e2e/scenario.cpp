// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/cli/programs.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

namespace wavs::e2e {

Scenario::Scenario() {
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("wavs-e2e-{}-{}", ::getpid(),
                          ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    const char* program = std::getenv("WAVS_NODE");
    node_program_ =
        program == nullptr ? std::string(WAVS_SOURCE_DIR) + "/build/check/bin/wavs" : program;
}

Scenario::~Scenario() {
    if (HasFailure()) {
        std::fprintf(stderr, "%s\n", node_log().c_str());
    }
    if (devnet_) {
        run(stop());
        devnet_.reset();
    }
    threads_.stop();
    if (HasFailure() && std::getenv("WAVS_KEEP") != nullptr) {
        std::fprintf(stderr, "the nodes' folders and logs are kept in %s\n", folder_.c_str());
        return;
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

async::Task<bool> Scenario::stop() {
    co_await devnet_->stop();
    co_return true;
}

std::string Scenario::node_log() const {
    std::string out;
    for (unsigned i = 0; devnet_ && i < cli::Devnet::kMaxNodes; ++i) {
        if (devnet_->has_node(i)) {
            out += fmt::format("\n--- end of the log of node {}\n{}\n", i,
                               fmt::join(devnet_->node(i).log().tail(40), "\n"));
        }
    }
    return out;
}

void Scenario::start(Options options) {
    cli::DevnetOptions devnet;
    devnet.folder = folder_;
    devnet.anvil_program = cli::find_anvil({WAVS_SOURCE_DIR, WAVS_SOURCE_DIR, ""}, {}).value();
    devnet.wavs_program = node_program_;
    devnet.node_config = std::move(options.node_config);
    devnet.node_env = std::move(options.node_env);
    devnet.anvil_args = std::move(options.anvil_args);
    devnet.peers = options.peers;
    if (const char* level = std::getenv("WAVS_NODE_LOG")) {
        devnet.log_level = {level};
    }
    devnet.patience = std::chrono::seconds(60);
    devnet_ = std::make_unique<cli::Devnet>(std::move(devnet), tools_);
    must(devnet_->start_chain());
    contracts_ = must(devnet_->deploy_contracts(options.quorum));
    must(devnet_->start_node());
}

types::ComponentDigest Scenario::upload(std::string_view component) {
    const auto known = uploaded_.find(component);
    if (known != uploaded_.end()) {
        return known->second;
    }
    const auto bytes = cli::embedded_component(component).value();
    const auto digest = must(devnet_->upload_component(base::to_bytes(bytes)));
    uploaded_.emplace(component, digest);
    return digest;
}

types::Workflow Scenario::workflow(std::string_view component, const cli::Contracts& contracts) {
    const auto manifest = cli::make_manifest({.chain = cli::Devnet::chain(),
                                              .manager = contracts.manager,
                                              .trigger = contracts.trigger,
                                              .handler = contracts.handler,
                                              .operator_component = upload(component),
                                              .aggregator_component = upload("simple_aggregator")});
    return manifest.workflows.at(types::WorkflowId());
}

types::Workflow Scenario::manual_workflow(std::string_view component) {
    types::Workflow out;
    out.trigger = types::ManualTrigger{};
    out.component.source = types::DigestSource{upload(component)};
    out.submit = types::SubmitNone{};
    return out;
}

types::Service Scenario::service(std::map<std::string, types::Workflow> workflows) {
    types::Service out;
    out.name = "scenario";
    out.manager = types::EvmManager{cli::Devnet::chain(), contracts_.manager};
    for (auto& [name, one] : workflows) {
        out.workflows.emplace(id(name), std::move(one));
    }
    return out;
}

void Scenario::opt_in(const types::Service& service) {
    must(devnet_->publish(service));
    must(devnet_->register_service(service));
    must(devnet_->register_operator(contracts_.manager));
    for (const auto& [name, one] : service.workflows) {
        if (const auto* trigger = std::get_if<types::EvmEventTrigger>(&one.trigger)) {
            must(devnet_->wait_subscribed(trigger->address));
        }
    }
}

void Scenario::update(const types::Service& service) {
    const auto digest = must(devnet_->publish(service));
    wait_until("the node runs the new manifest", [&] {
        const auto now = must(client().service(service.manager));
        return now && types::service_digest(*now) == digest;
    });
    for (const auto& [name, one] : service.workflows) {
        if (const auto* trigger = std::get_if<types::EvmEventTrigger>(&one.trigger)) {
            must(devnet_->wait_subscribed(trigger->address));
        }
    }
}

std::string Scenario::fire_and_wait(const cli::Contracts& contracts, std::string_view input) {
    const auto event = must(devnet_->fire(contracts.trigger, base::to_bytes(input)));
    must(devnet_->wait_handled(contracts.handler, event));
    return std::string(
        base::as_text(must(devnet_->read_result(contracts.handler, event.trigger_id))));
}

std::string Scenario::trigger_by_hand(const types::Service& service, std::string_view input,
                                      std::string_view workflow) {
    const auto name = id(workflow);
    types::TriggerAction action{{service.id(), name, service.workflows.at(name).trigger},
                                types::RawData{base::to_bytes(input)}};
    const auto answer = run(client().simulate_trigger({.action = std::move(action)}));
    return answer.has_value() ? std::string() : answer.error().message();
}

double Scenario::metric(std::string_view name, unsigned node) {
    std::istringstream page(
        must(devnet_->node(node).client().expect_success({.target = "/metrics"})));
    double sum = 0;
    for (std::string line; std::getline(page, line);) {
        const auto end = line.find_first_of("{ ");
        if (end != std::string::npos && line.substr(0, end) == name) {
            sum += std::strtod(line.c_str() + line.rfind(' '), nullptr);
        }
    }
    return sum;
}

void Scenario::wait_until(std::string what, const std::function<bool()>& done,
                          base::Duration patience) {
    cli::Poller poller(tools_, patience, std::move(what));
    while (!done()) {
        must(poller.pause());
    }
}

std::size_t Scenario::handled_count(const types::EvmAddress& handler) {
    return must(devnet_->handled(handler)).size();
}

}  // namespace wavs::e2e
