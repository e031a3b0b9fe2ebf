// SPDX-License-Identifier: Apache-2.0
#include "operators.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/net/child_process.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>
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
    std::vector<std::string> anvil_args;
    if (setup.block_gas != 0) {
        anvil_args = {"--gas-limit", std::to_string(setup.block_gas)};
    }
    start({.node_env = {{std::string(kAnswer), setup.first_lies ? "a lie" : "the truth"}},
           .anvil_args = std::move(anvil_args),
           .peers = true,
           .quorum = setup.quorum});
    devnet_->set_node_env({{std::string(kAnswer), "the truth"}});
    for (unsigned i = 1; i < setup.nodes; ++i) {
        must(devnet_->start_node(i));
    }
    if (careless_) {
        auto code = careless_handler(contracts_.manager);
        const auto receipt =
            must(devnet_->anvil().send_and_wait(devnet_->owner(), std::nullopt, std::move(code)));
        contracts_.handler = receipt.contract_address.value();
    }
    auto echoing = workflow(setup.component, contracts_);
    echoing.component.env_keys = {std::string(kAnswer)};
    if (!setup.selection.empty()) {
        auto& component = std::get<types::SubmitAggregator>(echoing.submit).component;
        component.source = types::DigestSource{upload("selecting_aggregator")};
        component.config["select"] = setup.selection;
    }
    service_ = service({{"default", std::move(echoing)}});
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

void Operators::deregister(unsigned node) {
    auto call = chain_evm::encode_call(
        cli::selector_for("deregisterOperator(address)"),
        {chain_evm::AbiValue::address(devnet_->operator_address(node).value())});
    must(devnet_->anvil().send_and_wait(devnet_->owner(), contracts_.manager, std::move(call)));
}

std::string Operators::shell(std::string script) {
    net::ChildOptions options;
    options.program = "/bin/sh";
    options.args = {"-ec", std::move(script)};
    auto done = must(net::run_child(context_.get_executor(), timers_, std::move(options),
                                    std::chrono::seconds(10)));
    EXPECT_EQ(done.status.code, 0) << done.err;
    return std::move(done.out);
}

// The ends of the connections of this machine, and whose they are.
std::map<std::pair<unsigned, unsigned>, int> Operators::connections() {
    std::map<std::pair<unsigned, unsigned>, int> out;
    std::istringstream lines(shell("ss -Htnp state established"));
    using Group = std::smatch::size_type;
    const std::regex form(R"(:(\d+)\s+\S+:(\d+)\s.*pid=(\d+))");
    for (std::string line; std::getline(lines, line);) {
        std::smatch match;
        if (std::regex_search(line, match, form)) {
            const auto port = [&](Group group) {
                return static_cast<unsigned>(std::stoul(match[group]));
            };
            out[{port(1), port(2)}] = std::stoi(match[3]);
        }
    }
    return out;
}

void Operators::change_rules(std::string_view what) {
    std::string script;
    for (const auto& [from, to] : cuts_) {
        script += fmt::format("ip rule {} pref 10 ipproto tcp sport {} dport {} blackhole\n", what,
                              from, to);
    }
    shell(std::move(script));
}

// By the connections there are: nobody dials while it thinks that it is connected.
void Operators::cut(const std::vector<unsigned>& side, const std::vector<unsigned>& other_side) {
    ASSERT_NE(std::getenv("WAVS_OWN_NETWORK"), nullptr) << "start it with own_network.sh";
    const auto pids = [&](const std::vector<unsigned>& nodes) {
        std::set<int> out;
        for (const auto node : nodes) {
            out.insert(devnet_->node(node).pid());
        }
        return out;
    };
    const auto here = pids(side);
    const auto there = pids(other_side);
    const auto all = connections();
    for (const auto& [ports, pid] : all) {
        const auto other_end = all.find({ports.second, ports.first});
        if (here.contains(pid) && other_end != all.end() && there.contains(other_end->second)) {
            cuts_.push_back(ports);
            cuts_.emplace_back(ports.second, ports.first);
        }
    }
    ASSERT_GE(cuts_.size(), 2 * side.size() * other_side.size()) << "a connection was not found";
    change_rules("add");
}

void Operators::heal() {
    change_rules("del");
    cuts_.clear();
}

bool Operators::refused_for(unsigned node, std::string_view reason) {
    const auto page = must(devnet_->node(node).client().expect_success({.target = "/metrics"}));
    return page.find(fmt::format("wavs_quorum_refusals_total{{reason=\"{}\"}}", reason)) !=
           std::string::npos;
}

double Operators::peers_submissions(unsigned node, std::string_view outcome) {
    const auto name = fmt::format("wavs_peer_submissions_total{{outcome=\"{}\"}} ", outcome);
    const auto page = must(devnet_->node(node).client().expect_success({.target = "/metrics"}));
    const auto found = page.find(name);
    return found == std::string::npos ? 0
                                      : std::strtod(page.c_str() + found + name.size(), nullptr);
}

bool Operators::signs(const cli::ResultTransaction& sent, const types::EvmAddress& who) {
    return std::find(sent.signers.begin(), sent.signers.end(), who) != sent.signers.end();
}

void Operators::wait_settled(unsigned node, std::size_t events, base::Duration patience) {
    wait_until(
        fmt::format("node {} knows that {} results are on chain", node, events),
        [&] {
            return metric("wavs_results_posted_total", node) +
                       metric("wavs_results_posted_by_others_total", node) >=
                   static_cast<double>(events);
        },
        patience);
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
        EXPECT_FALSE(one.reverted)
            << "event " << types::to_string(one.event_id) << ", transaction "
            << types::to_string(one.tx_hash) << " of " << types::to_checksum_string(one.sender)
            << " in block " << one.block_number;
    }
    EXPECT_EQ(seen.size(), events);
    EXPECT_EQ(sent.size(), events);
    return sent;
}

}  // namespace wavs::e2e
