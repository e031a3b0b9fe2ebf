// SPDX-License-Identifier: Apache-2.0
// The operator's money: what a transaction offers, what a service may spend, to whom is posted, and
// an account that runs dry. A whole node where an operator sets the limits, the posting half of one
// where the chain's prices move.
#include "posting.hpp"

namespace wavs::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr chain_evm::Wei kEther{1'000'000'000'000'000'000ULL};

class Money : public Scenario {
protected:
    std::string health() { return must(client().expect_success({.target = "/health"})); }
    void wait_warned(std::string_view part) {
        wait_until("GET /health warns: " + std::string(part),
                   [&] { return health().find(part) != std::string::npos; });
    }
    types::EvmAddress sender() {
        const auto key = crypto::SecretKey::from_hex(cli::node_wallet(0)).value();
        return crypto::address_of(crypto::public_key_of(key));
    }
    void restart_with(std::vector<std::pair<std::string, std::string>> env) {
        devnet_->set_node_env(std::move(env));
        must(devnet_->restart_node());
    }
};

/// What an oracle of the kind of Etherscan answers.
class Oracle final : public net::HttpHandler {
public:
    async::Task<net::Response> on_request(net::Request request) override {
        {
            const std::lock_guard lock(mutex_);
            asked_ = request.head.target;
        }
        co_return net::Response::text(
            200,
            R"({"status":"1","message":"OK","result":{"SafeGasPrice":"3","ProposeGasPrice":"7.25","FastGasPrice":"9"}})");
    }
    std::string asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

private:
    std::mutex mutex_;
    std::string asked_;
};

TEST_F(Money, scenario_20_evm_gas_price) {
    Oracle oracle;
    auto server = net::HttpServer::listen(threads_.io(), timers_, oracle, {}).value();
    const auto port = net::Url::parse(server->url()).value().port;
    start({.node_env = {{"WAVS_ENV_ETHERSCAN_API_KEY", "oracle-key"},
                        {"WAVS_ENGINE__ALLOW_PRIVATE", fmt::format("127.0.0.1:{}", port)}}});
    auto priced = workflow("echo", contracts_);
    auto& aggregator = std::get<types::SubmitAggregator>(priced.submit).component;
    aggregator.config["gas_strategy"] = "standard";
    aggregator.config["gas_oracle_url"] = server->url() + "/v2/api";
    aggregator.env_keys = {"WAVS_ENV_ETHERSCAN_API_KEY"};
    aggregator.permissions.allowed_http_hosts =
        types::OnlyHosts{{fmt::format("127.0.0.1:{}", port)}};
    opt_in(service({{"default", std::move(priced)}}));
    EXPECT_EQ(fire_and_wait(contracts_, "gas test"), "gas test");
    const auto posted = must(devnet_->handled(contracts_.handler)).at(0);
    const auto transaction = must(devnet_->anvil().rpc().raw(
        "eth_getTransactionByHash", fmt::format(R"(["{}"])", types::to_string(posted.tx_hash))));
    EXPECT_THAT(transaction, HasSubstr(R"("type":"0x0")"));
    EXPECT_THAT(transaction, HasSubstr("\"gasPrice\":\"" +
                                       chain_evm::quantity(chain_evm::Wei{7'250'000'000}) + "\""));
    EXPECT_EQ(oracle.asked(),
              "/v2/api?chainid=31337&module=gastracker&action=gasoracle&apikey=oracle-key");
    run(server->stop(std::chrono::seconds(1)));
}

TEST_F(Money, over_its_budget_a_service_waits_until_it_is_raised) {
    start({.node_env = {{"WAVS_CHAINS__EVM__31337__DAILY_BUDGET_WEI", "1"}}});
    const auto echo = service({{"default", workflow("echo", contracts_)}});
    opt_in(echo);
    const auto event = must(devnet_->fire(contracts_.trigger, base::to_bytes("dear")));
    wait_warned("daily budget of service " + types::to_string(echo.id()) +
                " on evm:31337 is 1 wei");
    must(devnet_->wait_kv(echo.id(), "submit-result", "success", "false"));
    EXPECT_EQ(handled_count(contracts_.handler), 0U);
    EXPECT_GE(metric("wavs_over_budget_total"), 1);
    restart_with({{"WAVS_CHAINS__EVM__31337__SERVICE_BUDGETS_WEI",
                   fmt::format("{{ {} = \"{}\" }}", types::to_string(echo.id()),
                               chain_evm::to_decimal(kEther))}});
    must(devnet_->wait_handled(contracts_.handler, event));
    EXPECT_EQ(handled_count(contracts_.handler), 1U);
    EXPECT_THAT(health(), Not(HasSubstr("daily budget")));
    wait_until("what it cost is counted", [&] { return metric("wavs_spent_wei") > 0; });
    const auto spent = metric("wavs_spent_wei");
    restart_with({});
    wait_until("what it cost is known after a restart",
               [&] { return metric("wavs_spent_wei") == spent; });
}

TEST_F(Money, a_handler_of_another_manager_waits_until_the_operator_lists_it) {
    start();
    const auto strangers = must(devnet_->deploy_contracts());
    must(devnet_->register_operator_key(strangers.manager, 10'000, 0, 1));
    auto foreign = workflow("echo", {contracts_.manager, strangers.handler, contracts_.trigger});
    opt_in(service({{"default", std::move(foreign)}}));
    const auto event = must(devnet_->fire(contracts_.trigger, base::to_bytes("to whom?")));
    wait_warned("handler " + types::to_string(strangers.handler) + " on evm:31337 is not allowed");
    EXPECT_EQ(handled_count(strangers.handler), 0U);
    restart_with({{"WAVS_CHAINS__EVM__31337__ALLOWED_HANDLERS",
                   types::to_checksum_string(strangers.handler)}});
    must(devnet_->wait_handled(strangers.handler, event));
    EXPECT_EQ(handled_count(strangers.handler), 1U);
    EXPECT_THAT(health(), Not(HasSubstr("not allowed")));
}

TEST_F(Money, an_account_that_ran_dry_is_told_and_its_result_posted_once_after_the_refill) {
    start();
    opt_in(service({{"default", workflow("echo", contracts_)}}));
    EXPECT_EQ(fire_and_wait(contracts_, "before"), "before");
    must(devnet_->anvil().set_balance(sender(), 1));
    const auto event = must(devnet_->fire(contracts_.trigger, base::to_bytes("dry")));
    wait_warned("wei to " + types::to_checksum_string(sender()) + " on chain evm:31337");
    EXPECT_EQ(handled_count(contracts_.handler), 1U);
    must(devnet_->anvil().set_balance(sender(), 100 * kEther));
    must(devnet_->wait_handled(contracts_.handler, event));
    EXPECT_EQ(handled_count(contracts_.handler), 2U);
}

/// Takes every request and answers none.
class Silent final : public net::HttpHandler {
public:
    explicit Silent(async::Timers& timers) : timers_(timers) {}
    async::Task<net::Response> on_request(net::Request /*request*/) override {
        static_cast<void>(co_await timers_.sleep_for(std::chrono::minutes(5)));
        co_return net::Response();
    }

private:
    async::Timers& timers_;
};

TEST_F(Money, a_chain_that_is_silent_holds_up_no_posting_on_another) {
    constexpr std::size_t kEvents = 20;
    Silent silent(timers_);
    auto server = net::HttpServer::listen(threads_.io(), timers_, silent, {}).value();
    start({.node_config = fmt::format(
               "[wavs.chains.evm.5]\nws_endpoints = []\nhttp_endpoint = \"{}\"\n", server->url())});
    auto lost = workflow("echo", contracts_);
    std::get<types::SubmitAggregator>(lost.submit).component.config["chain"] = "evm:5";
    opt_in(service({{"default", workflow("echo", contracts_)}, {"lost", std::move(lost)}}));
    for (std::size_t i = 0; i < kEvents; ++i) {
        must(devnet_->fire(contracts_.trigger, base::to_bytes(std::to_string(i))));
    }
    const auto fired = clock_.steady_now();
    wait_until("all are posted on the chain that answers",
               [&] { return handled_count(contracts_.handler) == kEvents; });
    // A single request to the silent chain takes as long as this.
    EXPECT_LT(clock_.steady_now() - fired, std::chrono::seconds(10));
    run(server->stop(std::chrono::seconds(1)));
}

class MovingPrices : public Posting {
protected:
    void set_next_base_fee(chain_evm::Wei fee) {
        must(devnet_->anvil().rpc().raw("anvil_setNextBlockBaseFeePerGas",
                                        fmt::format(R"(["{}"])", chain_evm::quantity(fee))));
    }
    std::size_t pending() {
        return store_->scan(storage::Keyspace::Transactions, {}).value().size();
    }
    types::TransactionRecord recorded() {
        const auto records = store_->scan(storage::Keyspace::Transactions, {}).value();
        return types::decode_transaction_record(records.at(0).value).value();
    }
};

TEST_F(MovingPrices, a_transaction_that_the_chain_outran_is_replaced_and_posted_once) {
    receipt_timeout_ = std::chrono::seconds(2);
    start_posting();
    must(devnet_->anvil().mine_manually());
    submit(1, 1);
    wait_until("it is in the pool", [&] {
        const auto status = must(devnet_->anvil().rpc().raw("txpool_status", "[]"));
        return status.find(R"("pending":"0x1")") != std::string::npos;
    });
    // Twenty times what it was made for: no block takes it as it is.
    set_next_base_fee(chain_evm::Wei{40'000'000'000});
    must(devnet_->anvil().mine());
    wait_until("it is replaced", [&] { return recorded().attempts.size() >= 2; });
    wait_until("it is burned", [&] {
        must(devnet_->anvil().mine());
        return burned(1, 1) == 1;
    });
    const auto sent = sent_to_handler();
    EXPECT_EQ(sent.transactions, 1U);
    EXPECT_EQ(sent.reverted, 0U);
    EXPECT_EQ(pending(), 0U);
}

TEST_F(MovingPrices, a_balance_is_low_and_enough_again) {
    start_posting();
    const auto account = must(chain_->transactions(wallet_));
    submit(1, 1);
    wait_until("it is burned", [&] { return burned(1, 1) == 1; });
    must(account->look_at_balance());
    EXPECT_TRUE(chain_->warnings().empty());
    // Enough for one transaction and not for twenty.
    must(devnet_->anvil().set_balance(account->address(), kEther / 1000));
    must(account->look_at_balance());
    ASSERT_EQ(chain_->warnings().size(), 1U);
    EXPECT_THAT(chain_->warnings().front(), HasSubstr("send at least"));
    must(devnet_->anvil().set_balance(account->address(), kEther));
    must(account->look_at_balance());
    EXPECT_TRUE(chain_->warnings().empty());
}

}  // namespace
}  // namespace wavs::e2e
