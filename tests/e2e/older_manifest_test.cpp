// SPDX-License-Identifier: Apache-2.0
#include "scenario.hpp"

#include "wavs/hash/hash.hpp"
#include "wavs/net/http_server.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kChainNames = "[wavs.legacy_chain_names]\nlocal = \"evm:31337\"\n";

// The operator's own web server: its manifest and its component.
class Files final : public net::HttpHandler {
public:
    async::Task<net::Response> on_request(net::Request request) override {
        net::Response response;
        const auto found = files.find(request.head.path());
        if (found == files.end()) {
            response.status = 404;
        } else {
            response.body = found->second;
        }
        co_return response;
    }
    std::map<std::string, std::string, std::less<>> files;
};

class OlderManifest : public Scenario {
protected:
    void SetUp() override {
        server_ = net::HttpServer::listen(context_.get_executor(), timers_, files_, {}).value();
        const auto echo = cli::embedded_component("echo").value();
        files_.files["/echo.wasm"] = base::as_text(echo);
        digest_ = types::to_string(types::ComponentDigest(hash::sha256(echo)));
    }
    struct Destination {
        types::EvmAddress handler;
        std::uint64_t max_gas = 0;
    };
    // As service authors write it: chains by name, variants with a capital letter, an aggregator by
    // URL with its destinations beside it.
    std::string manifest(const std::vector<Destination>& destinations) const {
        std::string aggregators;
        for (const auto& one : destinations) {
            aggregators += fmt::format(
                R"({}{{"evm":{{"chain_name":"local","address":"{}","max_gas":{}}}}})",
                aggregators.empty() ? "" : ",", types::to_string(one.handler), one.max_gas);
        }
        return fmt::format(
            R"({{"id":"example-service-123","name":"Example WAVS Service","workflows":{{"default":{{)"
            R"("trigger":{{"evm_contract_event":{{"chain_name":"local","address":"{}",)"
            R"("event_hash":"{}"}}}},)"
            R"("component":{{"source":{{"Download":{{"url":"{}/echo.wasm","digest":"{}"}}}},)"
            R"("permissions":{{"allowed_http_hosts":"all","file_system":true}},)"
            R"("fuel_limit":100000000,"time_limit_seconds":30,"config":{{}},"env_keys":[]}},)"
            R"("submit":{{"aggregator":{{"url":"http://127.0.0.1:8001"}}}},)"
            R"("aggregators":[{}]}}}},"status":"Active",)"
            R"("manager":{{"evm":{{"chain_name":"local","address":"{}"}}}}}})",
            types::to_string(contracts_.trigger), types::to_string(cli::new_trigger_topic()),
            server_->url(), digest_, aggregators, types::to_string(contracts_.manager));
    }
    // What an operator does: the manager names the manifest, the node is told of the manager.
    void publish_and_opt_in(const std::vector<Destination>& destinations) {
        files_.files["/service.json"] = manifest(destinations);
        must(devnet_->anvil().send_and_wait(
            devnet_->owner(), contracts_.manager,
            cli::set_service_uri_call(server_->url() + "/service.json")));
        must(client().add_service(manager()));
        must(devnet_->register_operator(contracts_.manager));
        must(devnet_->wait_subscribed(contracts_.trigger));
    }
    types::EvmAddress deploy_handler() {
        auto code = cli::deploy_handler_data(contracts_.manager).value();
        const auto receipt =
            must(devnet_->anvil().send_and_wait(devnet_->owner(), std::nullopt, std::move(code)));
        return receipt.contract_address.value();
    }
    types::ServiceManager manager() const {
        return types::EvmManager{cli::Devnet::chain(), contracts_.manager};
    }

    Files files_;
    std::unique_ptr<net::HttpServer> server_;
    std::string digest_;
};

TEST_F(OlderManifest, older_manifest_runs_on_chain) {
    start({.node_config = std::string(kChainNames)});
    const auto other = deploy_handler();
    publish_and_opt_in({{contracts_.handler, 1'000'000}, {other, 1'000'000}});
    const auto event = must(devnet_->fire(contracts_.trigger, base::to_bytes("as ever")));
    for (const auto& handler : {contracts_.handler, other}) {
        must(devnet_->wait_handled(handler, event));
        EXPECT_EQ(base::as_text(must(devnet_->read_result(handler, event.trigger_id))), "as ever");
        EXPECT_EQ(handled_count(handler), 1U);
    }
    EXPECT_THAT(node_log(), HasSubstr("is not contacted"));
}

TEST_F(OlderManifest, older_manifest_with_too_little_gas_is_told) {
    start({.node_config = std::string(kChainNames)});
    publish_and_opt_in({{contracts_.handler, 50'000}});
    must(devnet_->fire(contracts_.trigger, base::to_bytes("too dear")));
    const auto service = types::to_string(types::service_id_of(manager()));
    wait_until("the refusal shows",
               [&] { return node_log().find("is above max_gas 50000") != std::string::npos; });
    EXPECT_THAT(node_log(), HasSubstr(service));
    EXPECT_THAT(node_log(), HasSubstr(types::to_checksum_string(contracts_.handler)));
    EXPECT_EQ(metric("wavs_results_failed_total"), 1);
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
}

}  // namespace
}  // namespace wavs::e2e
