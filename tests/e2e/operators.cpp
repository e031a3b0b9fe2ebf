// SPDX-License-Identifier: Apache-2.0
#include "operators.hpp"

#include "wavs/base/hex.hpp"

#include <fstream>
#include <set>
#include <sstream>

namespace wavs::e2e {
namespace {

constexpr std::uint32_t kFirstHdIndex = 1;

// Creation code of a contract that answers getServiceManager() with `manager` and takes every other
// call.
base::Bytes careless_handler(const types::EvmAddress& manager) {
    const auto selector = cli::selector_for("getServiceManager()");
    const auto name = fmt::format("{:08x}", static_cast<std::uint32_t>(selector));
    const auto runtime =
        "60003560e01c63" + name + "14601057005b73" + base::hex(manager.view()) + "60005260206000f3";
    const auto size = runtime.size() / 2;
    // Copies what follows it, and returns that as the code.
    return base::parse_hex(fmt::format("60{:02x}600c60003960{:02x}6000f3", size, size) + runtime)
        .value();
}

}  // namespace

void Operators::begin(const Setup& setup) {
    start({.peers = true, .quorum = setup.quorum});
    for (unsigned i = 1; i < setup.nodes; ++i) {
        must(devnet_->start_node(i));
    }
    if (careless_) {
        auto code = careless_handler(contracts_.manager);
        const auto receipt =
            must(devnet_->anvil().send_and_wait(devnet_->owner(), std::nullopt, std::move(code)));
        contracts_.handler = receipt.contract_address.value();
    }
    service_ = service({{"default", workflow(setup.component, contracts_)}});
    must(devnet_->publish(service_));
    for (unsigned i = 0; i < setup.nodes; ++i) {
        give_service(i);
    }
    const std::vector<std::uint64_t> running(setup.weights.begin(),
                                             setup.weights.begin() + setup.nodes);
    signers_ = must(devnet_->register_operators(contracts_.manager, running));
    for (unsigned i = setup.nodes; i < setup.weights.size(); ++i) {
        must(
            devnet_->register_operator_key(contracts_.manager, setup.weights[i], i, kFirstHdIndex));
    }
    for (unsigned i = 0; i < setup.nodes; ++i) {
        must(devnet_->wait_peers(setup.nodes - 1, i, service_.id()));
    }
    must(devnet_->anvil().mine_every(std::chrono::seconds(1)));
}

void Operators::give_service(unsigned node) {
    for (const auto& [name, digest] : uploaded_) {
        const auto bytes = cli::embedded_component(name).value();
        must(devnet_->upload_component(base::to_bytes(bytes), node));
    }
    must(devnet_->register_service(service_, node));
    must(devnet_->wait_subscribed(contracts_.trigger, node));
}

void Operators::add_stranger(unsigned node) {
    must(devnet_->start_node(node));
    give_service(node);
    must(devnet_->wait_peers(node, node, service_.id()));
}

void Operators::take_careless_handler() { careless_ = true; }

cli::FiredEvent Operators::fire(std::string_view input) {
    return must(devnet_->fire(contracts_.trigger, base::to_bytes(input)));
}

void Operators::restart(unsigned node, std::size_t peers) {
    must(devnet_->restart_node(node));
    must(devnet_->wait_peers(peers, node, service_.id()));
}

void Operators::wait_settled(unsigned node, std::size_t events) {
    wait_until(fmt::format("node {} knows that {} results are on chain", node, events), [&] {
        return metric("wavs_results_posted_total", node) +
                   metric("wavs_results_posted_by_others_total", node) >=
               static_cast<double>(events);
    });
}

bool Operators::logged(unsigned node, std::string_view text) const {
    std::ifstream file(devnet_->node(node).log().path());
    std::stringstream all;
    all << file.rdbuf();
    return all.str().find(text) != std::string::npos;
}

std::vector<cli::ResultTransaction> Operators::expect_one_transaction_each(std::size_t events) {
    auto sent = must(devnet_->result_transactions(contracts_.handler));
    std::set<types::EventId> seen;
    for (const auto& one : sent) {
        EXPECT_TRUE(seen.insert(one.event_id).second)
            << "a second transaction for event " << types::to_string(one.event_id);
        EXPECT_FALSE(one.reverted) << "event " << types::to_string(one.event_id);
    }
    EXPECT_EQ(seen.size(), events);
    EXPECT_EQ(sent.size(), events);
    return sent;
}

}  // namespace wavs::e2e
