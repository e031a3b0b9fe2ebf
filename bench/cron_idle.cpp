// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

#include "wavs/cli/embedded.hpp"

namespace wavs::bench {
namespace {

// A service has at most 256 workflows.
constexpr unsigned kServices = 40;
constexpr unsigned kWorkflows = 250;
constexpr auto kSettle = std::chrono::seconds(5);
constexpr auto kWindow = std::chrono::seconds(10);
constexpr auto kBlockTime = std::chrono::seconds(2);

types::Service service_of(const types::ComponentDigest& component, unsigned number) {
    types::Service service;
    service.name = fmt::format("cron {}", number);
    service.manager = types::EvmManager{
        cli::Devnet::chain(), must(types::parse_evm_address(fmt::format("0x{:040x}", number + 1)))};
    for (unsigned i = 0; i < kWorkflows; ++i) {
        types::Workflow workflow;
        workflow.trigger =
            types::CronTrigger{fmt::format("{} {} 3 1 1 * 2099", i % 60, number), {}, {}};
        workflow.component.source = types::DigestSource{component};
        service.workflows.emplace(must(types::WorkflowId::parse(fmt::format("cron-{}", i))),
                                  std::move(workflow));
    }
    return service;
}

}  // namespace

void cron_idle(const Settings& settings) {
    const auto folder = fresh_folder(settings, "cron_idle");
    ClientSide side;
    ChainNode chain(side, settings, folder, {.block_time = kBlockTime});
    auto& node = chain.devnet().node();
    const auto component = side.must(
        node.client().upload_component(base::to_bytes(must(cli::embedded_component("echo")))));
    const auto start = std::chrono::steady_clock::now();
    for (unsigned i = 0; i < kServices; ++i) {
        const auto manifest = side.must(node.client().save_manifest(service_of(component, i)));
        side.must(node.client().register_saved(manifest));
    }
    const auto registering = seconds_between(start, std::chrono::steady_clock::now());
    side.pause(kSettle);
    std::vector<double> rss;
    std::vector<double> cpu;
    for (unsigned i = 0; i < settings.runs; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        const auto before = usage_of(node.pid());
        side.pause(kWindow);
        const auto after = usage_of(node.pid());
        const auto seconds = seconds_between(begin, std::chrono::steady_clock::now());
        rss.push_back(after.rss_mb);
        cpu.push_back(100 * (after.cpu_seconds - before.cpu_seconds) / seconds);
    }
    Line("cron_idle")
        .add("workflows", kServices * kWorkflows, 0)
        .add("register_s", registering, 2)
        .add("rss_mb", median(std::move(rss)), 1)
        .add("cpu_percent", median(std::move(cpu)), 2)
        .print();
}

}  // namespace wavs::bench
