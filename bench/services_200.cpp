// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

#include "wavs/cli/devnet.hpp"
#include "wavs/cli/embedded.hpp"

namespace wavs::bench {
namespace {

constexpr unsigned kServices = 200;

// The echo component with a custom section of its own, so with a digest of its own.
base::Bytes distinct_component(unsigned number) {
    auto bytes = base::to_bytes(must(cli::embedded_component("echo")));
    const auto text = fmt::format("{:08}", number);
    const std::string_view name = "bench";
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(1 + name.size() + text.size()));
    bytes.push_back(static_cast<std::uint8_t>(name.size()));
    bytes.insert(bytes.end(), name.begin(), name.end());
    bytes.insert(bytes.end(), text.begin(), text.end());
    return bytes;
}

types::Service distinct_service(const types::ComponentDigest& component, unsigned number) {
    types::Workflow workflow;
    workflow.trigger = types::ManualTrigger{};
    workflow.component.source = types::DigestSource{component};
    types::Service service;
    service.name = fmt::format("bench {}", number);
    service.workflows.emplace(types::WorkflowId(), std::move(workflow));
    service.manager = types::EvmManager{
        cli::Devnet::chain(), must(types::parse_evm_address(fmt::format("0x{:040x}", number + 1)))};
    return service;
}

void register_all(ClientSide& side, cli::NodeClient& node) {
    for (unsigned i = 0; i < kServices; ++i) {
        const auto component = side.must(node.upload_component(distinct_component(i)));
        const auto manifest = side.must(node.save_manifest(distinct_service(component, i)));
        side.must(node.register_saved(manifest));
    }
}

}  // namespace

void services_200(const Settings& settings) {
    const auto folder = fresh_folder(settings, "services_200");
    ClientSide side;
    note(fmt::format("services_200: compiling {} components", kServices));
    auto program = start_program(side, settings, folder);
    register_all(side, program->client());
    side.must(program->stop());
    std::vector<double> times;
    std::vector<double> rss;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto start = std::chrono::steady_clock::now();
        program = start_program(side, settings, folder);
        const auto found = side.must(program->client().services()).services.size();
        times.push_back(seconds_between(start, std::chrono::steady_clock::now()));
        if (found != kServices) {
            throw std::runtime_error(fmt::format("{} services after a restart", found));
        }
        rss.push_back(usage_of(program->pid()).rss_mb);
        side.must(program->stop());
    }
    Line("services_200")
        .add("start_s", median(std::move(times)), 2)
        .add("rss_mb", median(std::move(rss)), 1)
        .print();
}

}  // namespace wavs::bench
