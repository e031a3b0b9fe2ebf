// SPDX-License-Identifier: Apache-2.0
#include "node_program.hpp"

#include "wavs/cli/embedded.hpp"
#include "wavs/cli/programs.hpp"

namespace wavs::bench {
namespace {

async::Task<base::Result<void>> stop(cli::Devnet& devnet) {
    co_await devnet.stop();
    co_return base::ok();
}

}  // namespace

std::unique_ptr<cli::NodeProcess> start_program(ClientSide& side, const Settings& settings,
                                                const std::filesystem::path& folder) {
    cli::NodeProcessOptions options;
    options.program = settings.wavs_program.string();
    options.setup.folder = folder;
    options.setup.chain_http_url = kDeadHttp;
    options.setup.chain_ws_url = kDeadWs;
    options.setup.signing_mnemonic = must(cli::node_mnemonic(0));
    options.setup.evm_credential = cli::node_wallet(0);
    // The line that names the port is on level info.
    options.setup.log_level = {"error", "aggregator=off", "app=info"};
    return side.must(cli::NodeProcess::start(side.tools(), std::move(options)));
}

ChainNode::ChainNode(ClientSide& side, const Settings& settings,
                     const std::filesystem::path& folder, ChainOptions options)
    : side_(side) {
    cli::DevnetOptions devnet;
    devnet.folder = folder;
    devnet.anvil_program = must(cli::find_anvil({WAVS_SOURCE_DIR, WAVS_SOURCE_DIR, ""}, {}));
    devnet.wavs_program = settings.wavs_program.string();
    devnet.anvil_args = std::move(options.chain_args);
    devnet.node_config = std::move(options.node_config);
    devnet.log_level = {std::string(options.log_level), "app=info"};
    devnet.patience = std::chrono::seconds(60);
    devnet_ = std::make_unique<cli::Devnet>(std::move(devnet), side.tools());
    side.must(devnet_->start_chain());
    contracts_ = side.must(devnet_->deploy_contracts());
    side.must(devnet_->start_node());
    auto& client = devnet_->node().client();
    service_ =
        cli::make_manifest({.name = "bench",
                            .chain = cli::Devnet::chain(),
                            .manager = contracts_.manager,
                            .trigger = contracts_.trigger,
                            .handler = contracts_.handler,
                            .operator_component = upload(side, client, "echo"),
                            .aggregator_component = upload(side, client, options.aggregator)});
    auto& submit = service_.workflows.at(types::WorkflowId()).submit;
    std::get<types::SubmitAggregator>(submit).component.config.merge(options.aggregator_config);
    side.must(devnet_->publish(service_));
    side.must(devnet_->register_service(service_));
    side.must(devnet_->register_operator(contracts_.manager));
    side.must(devnet_->wait_subscribed(contracts_.trigger));
    side.must(devnet_->anvil().mine_every(options.block_time));
}

ChainNode::~ChainNode() { side_.must(stop(*devnet_)); }

}  // namespace wavs::bench
