// SPDX-License-Identifier: Apache-2.0
// A node on two chains: a service that lives on the second one, and steps that lead from one chain
// to the other.
#include "scenario.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/cli/programs.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/json.hpp"

namespace wavs::e2e {
namespace {

class TwoChains : public Scenario {
protected:
    /// The second chain has its own anvil; the node knows it from its file.
    void begin() {
        second_ = must(cli::Anvil::start(
            tools_, {.program = cli::find_anvil({WAVS_SOURCE_DIR, WAVS_SOURCE_DIR, ""}, {}).value(),
                     .log_file = folder_ / "second.log",
                     .args = {"--chain-id", "31338"}}));
        on_second_.manager = deploy(*second_, cli::deploy_manager_data(owner(), {}));
        on_second_.handler = deploy(*second_, cli::deploy_handler_data(on_second_.manager));
        on_second_.trigger = deploy(*second_, cli::deploy_trigger_data());
        // Its manager is that of the second chain, whichever chain the service is from.
        start({.node_config = fmt::format(
                   "[wavs.chains.evm.31338]\nhttp_endpoint = \"{}\"\nws_endpoints = [\"{}\"]\n"
                   "allowed_handlers = [\"{}\"]\n",
                   second_->http_url(), second_->ws_url(), types::to_string(on_second_.handler))});
        const auto wallet = crypto::SecretKey::from_hex(cli::node_wallet(0)).value();
        must(second_->set_balance(crypto::address_of(crypto::public_key_of(wallet)),
                                  chain_evm::Wei{1'000'000'000'000'000'000ULL}));
    }
    static const types::ChainKey& first_chain() { return cli::Devnet::chain(); }
    static types::ChainKey second_chain() { return types::ChainKey::parse("evm:31338").value(); }
    /// The first account that every local chain starts with.
    static types::EvmAddress owner() {
        return types::parse_evm_address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").value();
    }

    types::EvmAddress deploy(cli::Anvil& chain, base::Result<base::Bytes> code) {
        const auto receipt =
            must(chain.send_and_wait(owner(), std::nullopt, std::move(code.value())));
        return receipt.contract_address.value();
    }
    /// A result contract of the first chain that emits each result as a trigger.
    types::EvmAddress deploy_relay() {
        const auto artifact = storage::read_file(std::filesystem::path(WAVS_SOURCE_DIR) /
                                                 "contracts/artifacts/RelayHandler.json")
                                  .value();
        const auto document = types::json::Document::parse(artifact).value();
        auto code = base::parse_hex(document.root().find("bytecode")->text()).value();
        base::append(
            code, chain_evm::encode_arguments({chain_evm::AbiValue::address(contracts_.manager)}));
        return deploy(devnet_->anvil(), std::move(code));
    }

    /// Of `trigger` on `from` to `handler` on `to`.
    types::Workflow step(std::string_view component, const types::ChainKey& from,
                         const types::EvmAddress& trigger, const types::ChainKey& to,
                         const types::EvmAddress& handler) {
        auto out = workflow(component, {.manager = {}, .handler = handler, .trigger = trigger});
        std::get<types::EvmEventTrigger>(out.trigger).chain = from;
        std::get<types::SubmitAggregator>(out.submit).component.config["chain"] = to.str();
        return out;
    }
    types::Service service_on_second(types::Workflow only) {
        auto out = service({{"default", std::move(only)}});
        out.manager = types::EvmManager{second_chain(), on_second_.manager};
        return out;
    }
    void opt_in_on_second(const types::Service& service) {
        const auto digest = must(client().save_manifest(service));
        must(second_->send_and_wait(owner(), on_second_.manager,
                                    cli::set_service_uri_call(client().manifest_url(digest))));
        must(devnet_->register_service(service));
        register_signer_on_second(service);
    }
    /// The key that the node signs this service's results with counts on the second chain.
    void register_signer_on_second(const types::Service& service) {
        const auto signer = must(client().signer(service.manager));
        const auto keys = crypto::Keyring::from_mnemonic(cli::node_mnemonic(0).value()).value();
        const auto* key = keys.at(signer.hd_index).value();
        const auto who = devnet_->operator_address(0).value();
        must(second_->send_and_wait(owner(), on_second_.manager,
                                    cli::register_operator_call(who, 10'000)));
        must(second_->send_and_wait(
            who, on_second_.manager,
            cli::update_signing_key_call(key->address(), cli::prove_possession(who, *key))));
        must(second_->mine());
    }
    void wait_watched(const types::ChainKey& chain, const types::EvmAddress& contract) {
        wait_until("the node watches the contract", [&] {
            const auto streams = must(client().trigger_streams());
            const auto stream = streams.find(chain);
            return stream != streams.end() &&
                   stream->second.watches(contract, cli::new_trigger_topic());
        });
    }

    struct OnSecond {
        cli::EnvelopeHandledLog result;
        types::Bytes32 tx_hash;
    };
    std::vector<OnSecond> handled_on_second() {
        auto rpc = second_->rpc();
        const auto logs = must(rpc.logs({{on_second_.handler}, {cli::envelope_handled_topic()}},
                                        std::uint64_t{0}, must(rpc.block_number())));
        std::vector<OnSecond> out;
        for (const auto& log : logs) {
            out.push_back({cli::read_envelope_handled(log).value(), log.tx_hash.value()});
        }
        return out;
    }
    OnSecond wait_one_on_second() {
        wait_until("the result is on the second chain",
                   [&] { return !handled_on_second().empty(); });
        const auto handled = handled_on_second();
        EXPECT_EQ(handled.size(), 1U);
        return handled.at(0);
    }

    /// What the node shows of its events, oldest first: id, the transaction that confirmed its
    /// result, the event before it.
    struct Shown {
        std::string event_id;
        std::string confirmed_by;
        std::string caused_by;
    };
    std::vector<Shown> shown() {
        const auto text = must(client().events(10)).value();
        const auto document = types::json::Document::parse(text).value();
        std::vector<Shown> out;
        for (const auto& event : document.root().find("events")->items()) {
            Shown one{std::string(event.find("event_id")->text()), "", ""};
            if (const auto cause = event.find("caused_by"); cause && cause->is_string()) {
                one.caused_by = cause->text();
            }
            for (const auto& stage : event.find("stages")->items()) {
                if (stage.find("stage")->text() == "result confirmed") {
                    one.confirmed_by = stage.find("detail")->text();
                }
            }
            out.insert(out.begin(), std::move(one));
        }
        return out;
    }
    /// The event that a workflow of the first chain sees in that transaction.
    types::EventId event_in(const types::Bytes32& tx, const types::Service& service,
                            std::string_view workflow) {
        const auto& trigger =
            std::get<types::EvmEventTrigger>(service.workflows.at(id(workflow)).trigger);
        const auto receipt = must(devnet_->anvil().rpc().receipt(tx)).value();
        for (const auto& log : receipt.logs) {
            if (log.address == trigger.address && log.topics.at(0) == trigger.event_hash) {
                return types::default_event_id(
                    {{service.id(), id(workflow), trigger},
                     chain_evm::to_trigger_data(log, first_chain()).value()});
            }
        }
        throw std::runtime_error("the transaction has no event for " + std::string(workflow));
    }
    struct Step {
        const types::Service& service;
        std::string_view workflow;
    };
    /// One event on the first chain leads to one result on the second, and what the node shows of
    /// each step names the one before.
    void expect_composed(const Step& first, const Step& second) {
        const auto fired =
            must(devnet_->fire(contracts_.trigger, base::to_bytes(std::string_view(R"({"x":3})"))));
        const auto last = wait_one_on_second();
        EXPECT_EQ(base::as_text(last.result.data), R"({"y":9})");
        EXPECT_EQ(last.result.trigger_id, fired.trigger_id);
        wait_until("both results show as confirmed", [&] {
            const auto now = shown();
            return now.size() == 2 && !now[0].confirmed_by.empty() && !now[1].confirmed_by.empty();
        });
        const auto now = shown();
        const auto hex = [](const types::EventId& event) { return base::hex0x(event.view()); };
        EXPECT_EQ(now[0].event_id, hex(event_in(fired.tx_hash, first.service, first.workflow)));
        const auto between = types::parse_bytes32(now[0].confirmed_by).value();
        EXPECT_EQ(now[1].event_id, hex(event_in(between, second.service, second.workflow)));
        EXPECT_EQ(now[1].event_id, hex(last.result.event_id));
        EXPECT_EQ(now[1].confirmed_by, types::to_string(last.tx_hash));
        EXPECT_EQ(now[0].caused_by, "");
        EXPECT_EQ(now[1].caused_by, now[0].event_id);
    }

    std::unique_ptr<cli::Anvil> second_;
    cli::Contracts on_second_;
};

TEST_F(TwoChains, scenario_03_evm_echo_data_secondary_chain) {
    begin();
    const auto echo = service_on_second(
        step("echo", second_chain(), on_second_.trigger, second_chain(), on_second_.handler));
    opt_in_on_second(echo);
    wait_watched(second_chain(), on_second_.trigger);
    must(second_->send_and_wait(
        owner(), on_second_.trigger,
        cli::add_trigger_call(base::as_bytes(std::string_view("collapse")))));
    EXPECT_EQ(base::as_text(wait_one_on_second().result.data), "collapse");
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
}

TEST_F(TwoChains, scenario_60_composed_workflows) {
    begin();
    const auto relay = deploy_relay();
    const auto both = service(
        {{"first", step("echo", first_chain(), contracts_.trigger, first_chain(), relay)},
         {"second", step("square", first_chain(), relay, second_chain(), on_second_.handler)}});
    opt_in(both);
    register_signer_on_second(both);
    expect_composed({both, "first"}, {both, "second"});
}

TEST_F(TwoChains, scenario_60_composed_services) {
    begin();
    const auto relay = deploy_relay();
    const auto first = service(
        {{"default", step("echo", first_chain(), contracts_.trigger, first_chain(), relay)}});
    opt_in(first);
    const auto second =
        service_on_second(step("square", first_chain(), relay, second_chain(), on_second_.handler));
    opt_in_on_second(second);
    wait_watched(first_chain(), relay);
    expect_composed({first, "default"}, {second, "default"});
}

}  // namespace
}  // namespace wavs::e2e
