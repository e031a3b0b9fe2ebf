// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/health.hpp"
#include "wavs/chain_evm/service_manager.hpp"

namespace wavs::chain_evm {
namespace {

using std::chrono::seconds;
using testing::address;
using testing::bytes;
using testing::ScriptedTest;
using testing::word;

const auto kManager = address("0x5fbdb2315678afecb367f032d93f642f64180aa3");
const auto kHandler = address("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");

class RpcTest : public ScriptedTest {
protected:
    static std::string result(std::string_view text) { return fmt::format("\"result\":{}", text); }
    static std::string quoted(base::ByteView data) {
        return fmt::format("\"{}\"", base::hex0x(data));
    }
    // A handler and a manager that answer `validate` with `answer`.
    void contracts(std::string answer) {
        node_.result("eth_getCode", "\"0x6000\"");
        node_.result("eth_blockNumber", "\"0x2a\"");
        node_.answers["eth_call"] = [answer](const std::string& params) {
            if (params.find("4dda0b43") != std::string::npos) {
                return result(quoted(encode_arguments({AbiValue::address(kManager)})));
            }
            return params.find("cd71589e") != std::string::npos
                       ? answer
                       : std::string(R"("error":{"code":3,"message":"execution reverted"})");
        };
    }
    base::Result<ValidateOutcome> validate() {
        ServiceManagerClient manager(client());
        return run(manager.validate(kHandler, types::Envelope(), {}));
    }
    static std::string revert(base::ByteView data) {
        return fmt::format(R"("error":{{"code":3,"message":"execution reverted","data":{}}})",
                           quoted(data));
    }
};

TEST(RpcErrors, a_block_that_a_node_has_no_more_is_asked_for_again) {
    const auto kind = [](std::string message) {
        return to_error("eth_call", RpcError{-32602, std::move(message), {}}).kind();
    };
    EXPECT_EQ(kind("BlockOutOfRangeError: block height is 1113 but requested was 1112"),
              base::ErrorKind::Unavailable);
    EXPECT_EQ(kind("Header not found"), base::ErrorKind::Unavailable);
    EXPECT_EQ(kind("invalid argument 0: hex string has length 3"), base::ErrorKind::Invalid);
}

TEST_F(RpcTest, typed_calls) {
    node_.result("eth_chainId", "\"0x7a69\"");
    node_.result("eth_getBlockByNumber",
                 R"({"number":"0x5","hash":null,"extra":[1],"baseFeePerGas":"weird"})");
    node_.result("eth_feeHistory", R"({"baseFeePerGas":["0x1","0x2"],"reward":[["0x3"]]})");
    node_.result("eth_syncing", R"({"currentBlock":"0x10"})");
    node_.result("eth_getTransactionReceipt", "null");
    EXPECT_EQ(run(client().chain_id()).value(), 31337U);
    const auto block = run(client().block(BlockRef::latest())).value();
    ASSERT_TRUE(block);
    EXPECT_EQ(block->number, 5U);
    EXPECT_FALSE(block->base_fee);
    const auto fees = run(client().fee_history(10, 20)).value();
    EXPECT_EQ(fees.base_fees.size(), 2U);
    EXPECT_EQ(node_.calls.back().params, R"(["0xa","latest",[20]])");
    EXPECT_EQ(run(client().syncing()).value(), 16U);
    node_.result("eth_syncing", "false");
    EXPECT_EQ(run(client().syncing()).value(), std::nullopt);
    EXPECT_EQ(run(client().receipt({})).value(), std::nullopt);
    EXPECT_EQ(run(client().gas_price()).error().kind(), base::ErrorKind::Unsupported);
}

TEST_F(RpcTest, bad_results_are_errors_with_the_method) {
    for (const auto* text : {"1", "\"12\"", "null", "\"0x\"", "{}", "true"}) {
        node_.result("eth_chainId", text);
        const auto got = run(client().chain_id());
        ASSERT_FALSE(got.has_value()) << text;
        EXPECT_EQ(got.error().code(), base::ErrorCode("rpc_invalid_response"));
        EXPECT_NE(got.error().message().find("eth_chainId"), std::string::npos);
    }
    node_.answers["eth_chainId"] = [](const std::string&) { return "\"other\":1"; };
    EXPECT_FALSE(run(client().chain_id()).has_value());
    node_.answers["eth_chainId"] = [](const std::string&) {
        return "\"id\":77,\"result\":\"0x1\"";
    };
    EXPECT_FALSE(run(client().chain_id()).has_value());
    node_.error("eth_chainId", R"({"code":429,"message":"slow down"})");
    EXPECT_EQ(run(client().chain_id()).error().kind(), base::ErrorKind::Overloaded);
}

TEST_F(RpcTest, revert_data_in_every_place_where_nodes_put_it) {
    for (const auto* data :
         {R"("data":"0x3dda1739")", R"("data":{"data":"0x3dda1739"})",
          R"("data":"Reverted 0x3dda1739")", R"("data":{"originalError":{"data":"0x3dda1739"}})",
          R"("data":{"0x01":{"return":"0x3dda1739"}})", R"("data":{"result":"0x3dda1739"})"}) {
        node_.error("eth_call",
                    fmt::format(R"({{"code":-32000,"message":"execution reverted",{}}})", data));
        const auto outcome = run(client().call({}));
        ASSERT_TRUE(outcome.has_value());
        ASSERT_TRUE(std::holds_alternative<Reverted>(outcome.value())) << data;
        EXPECT_EQ(std::get<Reverted>(outcome.value()).info.name, "SignerNotRegistered");
    }
    node_.error("eth_call", R"({"code":-32000,"message":"header not found"})");
    EXPECT_FALSE(run(client().call({})).has_value());
}

TEST_F(RpcTest, ranges_are_halved_until_the_provider_is_content) {
    std::vector<std::string> asked;
    node_.answers["eth_getLogs"] = [&asked](const std::string& params) {
        const auto from = params.find("fromBlock");
        asked.push_back(params.substr(from));
        const auto document = types::json::Document::parse(std::string_view(params)).value();
        const auto filter = *document.root().items().begin();
        const auto first = parse_quantity(filter.find("fromBlock")->text()).value();
        const auto last = parse_quantity(filter.find("toBlock")->text()).value();
        return last - first + 1 > 500
                   ? std::string(R"("error":{"code":-32602,"message":"block range too wide"})")
                   : std::string("\"result\":[]");
    };
    LogRangeReader reader(client());
    auto piece = run(reader.next({}, 1, 10'000));
    ASSERT_TRUE(piece.has_value()) << piece.error().full_text();
    EXPECT_EQ(piece.value().to, 500U);
    EXPECT_EQ(asked.size(), 3U);
    EXPECT_EQ(reader.chunk(), 1000U);
    EXPECT_TRUE(run(get_logs_range(client(), {}, 0, 3'000)).has_value());
    node_.error("eth_getLogs", R"({"code":-32000,"message":"no such thing"})");
    EXPECT_FALSE(run(reader.next({}, 1, 10)).has_value());
}

TEST_F(RpcTest, validate_outcomes_and_their_texts) {
    contracts(result("\"0x\""));
    const auto reached = validate();
    ASSERT_TRUE(reached.has_value()) << reached.error().full_text();
    EXPECT_EQ(std::get<QuorumReached>(reached.value()).signatures.reference_block, 41U);

    auto quorum = bytes("86b16091");
    base::append(quorum, encode_arguments({AbiValue::uint(10000), AbiValue::uint(20000),
                                           AbiValue::uint(30000)}));
    contracts(revert(quorum));
    EXPECT_EQ(std::get<InsufficientQuorum>(validate().value()).text,
              "Insufficient Quorum: weight 10000 < threshold 20000 (total weight: 30000)");
    contracts(revert(bytes("3dda1739")));
    EXPECT_EQ(std::get<ValidateWait>(validate().value()).text,
              "Service manager validate(): SignerNotRegistered (0x3dda1739)");
    contracts(revert(bytes("8baa579f")));
    EXPECT_EQ(std::get<ValidateRefused>(validate().value()).revert.revert_class, RevertClass::Drop);
    contracts(R"("error":{"code":-32000,"message":"backend busy"})");
    const auto failed = validate();
    EXPECT_TRUE(failed.error().message().starts_with("Service manager validate(): "));
}

TEST_F(RpcTest, a_numerator_in_the_place_of_the_threshold_is_seen) {
    auto quorum = bytes("86b16091");
    base::append(quorum, encode_arguments(
                             {AbiValue::uint(10000), AbiValue::uint(2), AbiValue::uint(30000)}));
    contracts(revert(quorum));
    auto plain = node_.answers["eth_call"];
    node_.answers["eth_call"] = [plain](const std::string& params) {
        if (params.find("7d39f06d") != std::string::npos) {
            return result(quoted(encode_arguments({AbiValue::uint(2), AbiValue::uint(3)})));
        }
        return plain(params);
    };
    EXPECT_EQ(std::get<InsufficientQuorum>(validate().value()).text,
              "Insufficient Quorum: weight 10000 < threshold 20000 (total weight: 30000)");
}

TEST_F(RpcTest, a_manager_that_is_not_there_is_a_lookup_error) {
    const std::string prefix = "Unable to look up service manager from service handler: ";
    contracts(result("\"0x\""));
    node_.result("eth_getCode", "\"0x\"");
    auto failed = validate();
    ASSERT_FALSE(failed.has_value());
    EXPECT_TRUE(failed.error().message().starts_with(prefix)) << failed.error().message();
    EXPECT_EQ(failed.error().code(), base::ErrorCode("manager_lookup_failed"));
    node_.result("eth_call", "\"0x\"");
    EXPECT_TRUE(validate().error().message().starts_with(prefix));
    node_.result("eth_call", quoted(encode_arguments({AbiValue::uint(0)})));
    EXPECT_NE(validate().error().message().find("zero address"), std::string::npos);
    // A contract without the function may get it: nothing is given up for that.
    node_.error("eth_call", R"({"code":3,"message":"execution reverted","data":"0x"})");
    EXPECT_TRUE(validate().error().message().starts_with(prefix));
    EXPECT_EQ(validate().error().kind(), base::ErrorKind::Unavailable);
}

TEST_F(RpcTest, reference_blocks_at_the_edges) {
    ServiceManagerClient manager(client());
    node_.result("eth_blockNumber", "\"0x0\"");
    EXPECT_EQ(run(manager.reference_block()).value(), 0U);
    node_.result("eth_blockNumber", "\"0xffffffff\"");
    EXPECT_EQ(run(manager.reference_block()).value(), 0xfffffffeU);
    node_.result("eth_blockNumber", "\"0x100000000\"");
    EXPECT_TRUE(run(manager.reference_block()).error().message().starts_with("Block number: "));
}

TEST_F(RpcTest, whether_a_manager_counts_a_key) {
    using types::SignerCounts;
    std::string registered;
    std::string weight;
    node_.answers["eth_call"] = [&](const std::string& params) {
        return params.find("0xac7cbfd9") != std::string::npos ? registered : weight;
    };
    const auto answer = [](const AbiValue& value) {
        return "\"result\":" + quoted(encode_arguments({value}));
    };
    const auto counts = [this] {
        return run(ServiceManagerClient(client()).counts(kManager, kHandler));
    };
    registered = answer(AbiValue::uint(0));
    EXPECT_EQ(counts().value(), SignerCounts::No);
    registered = answer(AbiValue::address(kHandler));
    weight = answer(AbiValue::uint(0));
    EXPECT_EQ(counts().value(), SignerCounts::No);
    weight = answer(AbiValue::uint(1));
    EXPECT_EQ(counts().value(), SignerCounts::Yes);
    // Who cannot be asked about the weight of a key that is registered says nothing of keys.
    weight = R"("error":{"code":3,"message":"execution reverted","data":"0x"})";
    EXPECT_FALSE(counts().has_value());
    registered = weight;
    EXPECT_EQ(counts().value(), SignerCounts::Unknown);
    registered = "\"result\":\"0x\"";
    EXPECT_EQ(counts().value(), SignerCounts::Unknown);
    // The endpoint's failures are not the manager's.
    registered = R"("error":{"code":-32005,"message":"rate limit"})";
    EXPECT_EQ(counts().error().kind(), base::ErrorKind::Overloaded);
    registered = R"("error":{"code":-32602,"message":"invalid params"})";
    EXPECT_FALSE(counts().has_value());
}

class HealthTest : public RpcTest {
protected:
    ChainHealth check(types::EvmChainConfig config, std::string id = "31337") {
        types::NamedChainConfig named{std::move(id), std::move(config)};
        return run(check_health(types::ChainKey::parse("evm:31337").value(), named, dial(), http_));
    }
    types::EvmChainConfig http_only() {
        types::EvmChainConfig config;
        config.http_endpoint = server_->url();
        return config;
    }
    void healthy_node() {
        node_.result("eth_blockNumber", "\"0x1\"");
        node_.result("eth_chainId", "\"0x7a69\"");
        node_.result("eth_gasPrice", "\"0x1\"");
        node_.result("eth_syncing", "false");
    }
};

TEST_F(HealthTest, texts) {
    healthy_node();
    EXPECT_TRUE(check(http_only()).healthy);
    EXPECT_EQ(check(http_only(), "1").error,
              "[evm:31337] Chain ID mismatch: expected 1, got 31337");
    node_.result("eth_syncing", R"({"currentBlock":"0x10"})");
    EXPECT_EQ(check(http_only()).error, "[evm:31337] Chain is still syncing: 16");
    node_.error("eth_gasPrice", R"({"code":-32000,"message":"x"})");
    EXPECT_TRUE(check(http_only()).error.starts_with("[evm:31337] Failed to get gas price: "));
    EXPECT_EQ(check({}).error, "[evm:31337] ParseEndpoint(\"No endpoint provided\")");
    types::EvmChainConfig bad;
    bad.http_endpoint = "nonsense";
    EXPECT_EQ(check(bad).error, "[evm:31337] ParseEndpoint(\"relative URL without a base\")");
}

TEST_F(HealthTest, a_dead_websocket_is_named_without_its_key) {
    healthy_node();
    auto config = http_only();
    config.ws_endpoints = {"ws://user:secret@127.0.0.1:1/v3/key"};
    const auto health = check(config);
    EXPECT_FALSE(health.healthy);
    EXPECT_TRUE(health.error.starts_with("[evm:31337] WebSocketProvider(")) << health.error;
    EXPECT_EQ(health.error.find("secret"), std::string::npos);
    EXPECT_EQ(health.endpoints.count("ws://127.0.0.1:1"), 1U);
}

async::Task<void> validate_into(ServiceManagerClient managers, std::size_t& reached) {
    auto outcome = co_await managers.validate(kHandler, types::Envelope(), {});
    reached +=
        outcome.has_value() && std::holds_alternative<QuorumReached>(outcome.value()) ? 1 : 0;
}

TEST_F(RpcTest, what_many_submissions_ask_at_once_is_asked_once) {
    contracts("\"result\":\"0x\"");
    ServiceManagerClient managers(client(), clock_);
    std::size_t reached = 0;
    const auto validate_many = [&](std::size_t count) {
        reached = 0;
        async::TaskGroup group(context_.get_executor(), "validate");
        for (std::size_t i = 0; i < count; ++i) {
            group.spawn("validate", validate_into(managers, reached));
        }
        run_until([&] { return reached == count; });
    };
    validate_many(50);
    EXPECT_EQ(node_.count("eth_blockNumber"), 1U);
    EXPECT_EQ(node_.count("eth_getCode"), 1U);
    EXPECT_EQ(node_.count("eth_call"), 51U);
    validate_many(1);
    EXPECT_EQ(node_.count("eth_blockNumber"), 1U);
    managers.on_head();
    validate_many(1);
    EXPECT_EQ(node_.count("eth_blockNumber"), 2U);
    EXPECT_EQ(node_.count("eth_getCode"), 2U);
    clock_.advance(seconds(1));
    validate_many(1);
    EXPECT_EQ(node_.count("eth_blockNumber"), 3U);
}

TEST_F(RpcTest, a_batch_is_read_by_ids_and_what_is_missing_is_an_error_of_its_own) {
    std::size_t calls = 0;
    node_.answers["eth_sendRawTransaction"] = [&calls](const std::string& params) {
        ++calls;
        if (params.find("0x02") != std::string::npos) {
            return std::string(R"("error":{"code":-32000,"message":"underpriced"})");
        }
        if (params.find("0x03") != std::string::npos) {
            return std::string(R"("strange":1)");
        }
        return fmt::format(R"("result":"0x{:0>64}")", params.substr(4, 2));
    };
    const auto sent = run(client().send_raw_in_order({{1}, {2}, {3}, {4}}));
    ASSERT_EQ(sent.size(), 4U);
    EXPECT_EQ(node_.batches, 1U);
    EXPECT_EQ(sent[0].value().array()[31], 1);
    EXPECT_EQ(sent[1].error().code(), base::ErrorCode("rpc_error"));
    EXPECT_EQ(sent[2].error().code(), base::ErrorCode("rpc_invalid_response"));
    EXPECT_EQ(sent[3].value().array()[31], 4);
    // A node that takes one request a message is asked so from then on.
    node_.take_batches = false;
    auto same_client = client();
    EXPECT_TRUE(run(same_client.send_raw_in_order({{1}, {4}}))[1].has_value());
    EXPECT_TRUE(run(same_client.send_raw_in_order({{1}, {4}}))[1].has_value());
    EXPECT_EQ(calls, 8U);
    EXPECT_EQ(node_.batches, 2U);
}

TEST_F(RpcTest, a_batch_that_is_refused_for_the_rate_limit_does_not_end_batches) {
    node_.answers["eth_sendRawTransaction"] = [](const std::string&) {
        return fmt::format(R"("result":"0x{:0>64}")", 1);
    };
    node_.take_batches = false;
    node_.batch_refusal = R"({"code":-32005,"message":"too many requests"})";
    auto same_client = client();
    const auto refused = run(same_client.send_raw_in_order({{1}, {2}}));
    ASSERT_EQ(refused.size(), 2U);
    EXPECT_EQ(refused[1].error().kind(), base::ErrorKind::Overloaded);
    EXPECT_EQ(node_.count("eth_sendRawTransaction"), 0U) << "not asked more at once";
    node_.take_batches = true;
    EXPECT_TRUE(run(same_client.send_raw_in_order({{1}, {2}}))[1].has_value());
    EXPECT_EQ(node_.batches, 2U);
}

}  // namespace
}  // namespace wavs::chain_evm
