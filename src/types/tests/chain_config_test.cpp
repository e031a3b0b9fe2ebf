// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/chain_config.hpp"

#include <gtest/gtest.h>

namespace wavs::types {
namespace {

constexpr std::string_view kEvm =
    R"({"chain":"evm:1337","config":{"type":"evm","chain_id":"1337","ws_endpoints":["ws://127.0.0.1:8546"],"http_endpoint":"http://127.0.0.1:8545","faucet_endpoint":null,"ws_priority_endpoint_index":null}})";
constexpr std::string_view kCosmos =
    R"({"chain":"cosmos:test-1","config":{"type":"cosmos","chain_id":"test-1","bech32_prefix":"wasm","rpc_endpoint":"http://127.0.0.1:26657","grpc_endpoint":"http://127.0.0.1:9090","gas_price":0.025,"gas_denom":"ustake","faucet_endpoint":null}})";

std::string add_error(ChainConfigs& chains, std::string_view text) {
    auto request = must(parse_add_chain_request(text));
    const auto added = chains.add(request.chain, std::move(request.config));
    return added.has_value() ? "" : added.error().message();
}

TEST(AddChainRequest, json_both_ways) {
    EXPECT_EQ(to_json(must(parse_add_chain_request(kEvm))), kEvm);
    EXPECT_EQ(to_json(must(parse_add_chain_request(kCosmos))), kCosmos);
}

TEST(AddChainRequest, amounts_are_numbers_or_digits_and_written_as_digits) {
    const std::string id(64, 'a');
    const auto with = [&](std::string_view budget) {
        return fmt::format(
            R"({{"chain":"evm:1","config":{{"type":"evm","chain_id":"1","ws_endpoints":[],"http_endpoint":null,"faucet_endpoint":null,"ws_priority_endpoint_index":null,"daily_budget_wei":{},"service_budgets_wei":{{"{}":"7"}},"low_balance_wei":"100000000000000000000","allowed_handlers":["0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"]}}}})",
            budget, id);
    };
    const auto request = must(parse_add_chain_request(with("5000000000000000000")));
    EXPECT_TRUE(request.config.evm()->daily_budget_wei == Amount{5'000'000'000'000'000'000ULL});
    EXPECT_TRUE(request.config.evm()->service_budgets_wei.at(parse_service_id(id).value()) == 7);
    EXPECT_EQ(to_json(request), with("\"5000000000000000000\""));
    EXPECT_EQ(must(parse_add_chain_request(to_json(request))), request);
    for (const auto* const wrong : {"\"0x1\"", "\"\"", "-1", "\"1.5\""}) {
        EXPECT_FALSE(parse_add_chain_request(with(wrong)).has_value()) << wrong;
    }
    EXPECT_FALSE(parse_amount(std::string(39, '9')));
}

TEST(AddChainRequest, shape_errors) {
    const auto message = [](std::string_view text) {
        const auto error = parse_add_chain_request(text).error();
        EXPECT_EQ(error.code().view(), "json_shape");
        return error.message();
    };
    EXPECT_EQ(message(R"({"chain":"test-chain","config":{}})"),
              "chain: ChainKey must follow the CAIP-2-like format of 'namespace:id' at line 1 "
              "column 21");
    EXPECT_EQ(message(R"({"chain":"evm:1337","config":{"type":"foo","chain_id":"1337"}})"),
              "config.type: unknown variant `foo`, expected `cosmos` or `evm` at line 1 column 42");
    EXPECT_EQ(message(R"({"chain":"evm:1336","config":{"type":"evm","chain_id":"1336"}})"),
              "config: missing field `ws_endpoints` at line 1 column 61");
    EXPECT_EQ(
        message(
            R"({"chain":"evm:1336","config":{"type":"evm","chain_id":1336,"ws_endpoints":[]}})"),
        "config.chain_id: invalid type: integer `1336`, expected a string at line 1 column 58");
    EXPECT_EQ(message(R"({"chain":"cosmos:t","config":{"type":"cosmos","chain_id":"t"}})"),
              "config: missing field `bech32_prefix` at line 1 column 61");
}

TEST(ChainConfigs, add_errors_have_the_known_sentences) {
    ChainConfigs chains;
    EXPECT_EQ(add_error(chains, kEvm), "");
    EXPECT_EQ(add_error(chains, kEvm), "Chain already exists: evm:1337");
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"evm:1338","config":{"type":"evm","chain_id":"1337","ws_endpoints":[]}})"),
        "Chain ID mismatch: expected 1338, got 1337");
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"evm:5","config":{"type":"cosmos","chain_id":"5","bech32_prefix":"w","gas_price":1,"gas_denom":"u"}})"),
        "Namespace for cosmos chain must be evm or dev, got evm");
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"cosmos:5","config":{"type":"evm","chain_id":"5","ws_endpoints":[]}})"),
        "Namespace for cosmos chain must be cosmos or dev, got cosmos");
    EXPECT_EQ(
        add_error(chains,
                  R"({"chain":"foo:5","config":{"type":"evm","chain_id":"5","ws_endpoints":[]}})"),
        "Namespace must be one of cosmos, evm, or dev, got foo");
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"dev:fork","config":{"type":"evm","chain_id":"31337","ws_endpoints":[]}})"),
        "");
    EXPECT_EQ(chains.find(must(ChainKey::parse("dev:fork")))->chain_id, "31337");
    EXPECT_EQ(chains.find(must(ChainKey::parse("evm:9"))), nullptr);
}

TEST(ChainConfigs, json_of_the_configuration_reply) {
    ChainConfigs chains;
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"evm:5","config":{"type":"evm","chain_id":"5","ws_endpoints":["wss://u:p@h:1/key?k"],"confirmations":2}})"),
        "");
    EXPECT_EQ(add_error(chains, kCosmos), "");
    EXPECT_EQ(
        add_error(
            chains,
            R"({"chain":"dev:x","config":{"type":"evm","chain_id":"7","ws_endpoints":[],"block_timestamp":"absent"}})"),
        "");
    std::string text;
    json::Writer out(text);
    write_json(out, chains, Endpoints::Redacted);
    EXPECT_EQ(
        text,
        R"({"cosmos":{"test-1":{"bech32_prefix":"wasm","rpc_endpoint":"http://127.0.0.1:26657","grpc_endpoint":"http://127.0.0.1:9090","gas_price":0.025,"gas_denom":"ustake","faucet_endpoint":null}},"evm":{"5":{"ws_endpoints":["wss://h:1"],"http_endpoint":null,"faucet_endpoint":null,"ws_priority_endpoint_index":null,"confirmations":2}},"dev":{"x":{"type":"evm","chain_id":"7","ws_endpoints":[],"http_endpoint":null,"faucet_endpoint":null,"ws_priority_endpoint_index":null,"block_timestamp":"absent"}}})");
}

TEST(RedactUrl, keeps_scheme_host_and_port) {
    EXPECT_EQ(redact_url("https://user:pw@rpc.example:8443/v3/key?x=1#f"),
              "https://rpc.example:8443");
    EXPECT_EQ(redact_url("http://h?key"), "http://h");
    EXPECT_EQ(redact_url("not a url"), "<redacted>");
}

}  // namespace
}  // namespace wavs::types
