// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/manifest.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace wavs::types {
namespace {

constexpr std::string_view kCosmos =
    "wasm1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sutya6q";

std::string evm_service(std::string_view chain, std::string_view address) {
    return to_string(
        service_id_of(EvmManager{must(ChainKey::parse(chain)), must(parse_evm_address(address))}));
}

TEST(ServiceId, known_values) {
    EXPECT_EQ(evm_service("evm:31337", "5fbdb2315678afecb367f032d93f642f64180aa3"),
              "76d41ff256803de151fce2ed99d145cf985af50e6def0809072e9f68932f5d11");
    EXPECT_EQ(evm_service("dev:holesky-fork", "0x5fbdb2315678afecb367f032d93f642f64180aa3"),
              "f802a187af5540b4c2da7bef3c5c6709b20aaeb26382aa2a8844a4110b275656");
    EXPECT_EQ(evm_service("evm:31337", "0x1111111111111111111111111111111111111111"),
              "f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68");
    EXPECT_EQ(evm_service("evm:anvil", "0x0000000000000000000000000000000000000000"),
              "81d65d1d2feadff9092387a6fe8afca20350b7c16ad65ca1c3ad051f23bfcd5f");
    EXPECT_EQ(to_string(service_id_of(CosmosManager{must(ChainKey::parse("cosmos:wasmd")),
                                                    must(CosmosAddress::parse(kCosmos))})),
              "29ef8237de1eee3de07b73de19ffac96703d35efbf232ed5548cf8d12918d10f");
}

TEST(ServiceId, cosmos_prefix_is_not_part_of_it) {
    base::Bytes payload(20);
    std::iota(payload.begin(), payload.end(), std::uint8_t{0});
    const auto chain = must(ChainKey::parse("cosmos:wasmd-1"));
    for (const std::string_view prefix : {"wasm", "neutron"}) {
        EXPECT_EQ(to_string(service_id_of(
                      CosmosManager{chain, must(CosmosAddress::make(prefix, payload))})),
                  "7b098c81bb5c2efbdaa63c101aea86501e2990e75c1f67a818b15f752e97c3b1");
    }
}

TEST(Hex, ids_are_read_with_and_without_prefix) {
    const std::string digits(64, 'a');
    EXPECT_EQ(parse_service_id(digits).value(), parse_service_id("0x" + digits).value());
    EXPECT_EQ(to_string(parse_component_digest("0x" + std::string(64, 'A')).value()), digits);
    EXPECT_EQ(parse_service_digest("22").error().message(), "invalid string length");
    EXPECT_EQ(parse_event_id("0xzz").error().message(), "invalid character 'z' at position 2");
    EXPECT_EQ(to_string(parse_event_id("0x" + std::string(40, 'b')).value()), std::string(40, 'b'));
}

TEST(EvmAddress, checksummed_form) {
    for (const std::string_view text : {"0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
                                        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
                                        "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC",
                                        "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
                                        "0x69cc2E36E04A93DC9BC5D3f2aDFB57bfAF250cEF"}) {
        EXPECT_EQ(to_checksum_string(must(parse_evm_address(text))), text);
    }
}

TEST(WorkflowId, accepts_what_nodes_accept) {
    for (const std::string_view text :
         {"default", "abc", "---", "a_b", "123", "a1-", "ab\xc2\xb2", "\xd9\xa3", "x\xe2\x85\xa7",
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        const auto id = WorkflowId::parse(text);
        EXPECT_EQ(id.has_value(), text.size() >= 3) << text;
    }
}

TEST(WorkflowId, refuses_with_the_known_sentences) {
    for (const std::string& text : {std::string("ab"), std::string(), std::string(37, 'a')}) {
        EXPECT_EQ(WorkflowId::parse(text).error().message(),
                  "ID must be between 3 and 36 characters");
    }
    for (const std::string_view text : {"A-b", "a.b", "ab ", "äöü", "aé", "ab\xff", "ab\n"}) {
        EXPECT_EQ(WorkflowId::parse(text).error().message(), "ID must be lowercase alphanumeric");
    }
}

TEST(ChainKey, splits_and_keeps_case) {
    for (const std::string_view text :
         {"evm:1", "cosmos:pion-1", "dev:holesky-fork", "eip155:1", "abc:X_Y-Z", "a-1:1"}) {
        EXPECT_EQ(must(ChainKey::parse(text)).str(), text);
    }
    const auto key = must(ChainKey::parse("cosmos:Pion-1"));
    EXPECT_EQ(key.ns(), "cosmos");
    EXPECT_EQ(key.id(), "Pion-1");
    EXPECT_EQ(ChainKey().ns(), "");
    EXPECT_EQ(ChainKey().id(), "");
}

TEST(ChainKey, refuses_other_texts) {
    const std::string long_id(33, 'a');
    for (const std::string& text :
         {std::string("evm"), std::string("a:b:c"), std::string(":1"), std::string("evm:"),
          std::string("EVM:1"), std::string("a_b:1"), std::string("a.b:1"), std::string("evm:1 "),
          std::string("evm:1\n"), "evm:" + long_id, long_id + ":1", std::string()}) {
        EXPECT_EQ(ChainKey::parse(text).error().message(),
                  "ChainKey must follow the CAIP-2-like format of 'namespace:id'");
    }
}

TEST(CosmosAddress, decodes_and_encodes) {
    const auto address = must(CosmosAddress::parse(kCosmos));
    base::Bytes payload(32);
    std::iota(payload.begin(), payload.end(), std::uint8_t{0});
    EXPECT_EQ(address.payload(), payload);
    EXPECT_EQ(address.prefix(), "wasm");
    EXPECT_EQ(must(CosmosAddress::make("wasm", payload)).str(), kCosmos);
}

TEST(CosmosAddress, upper_case_becomes_lower_case) {
    EXPECT_EQ(must(CosmosAddress::parse(
                       "WASM1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SUTYA6Q"))
                  .str(),
              kCosmos);
}

TEST(CosmosAddress, every_payload_size_round_trips) {
    for (std::size_t size = 0; size <= 255; ++size) {
        const base::Bytes payload(size, static_cast<std::uint8_t>(size));
        const auto address = must(CosmosAddress::make("a1", payload));
        EXPECT_EQ(must(CosmosAddress::parse(address.str())).payload(), payload);
    }
    EXPECT_FALSE(CosmosAddress::make("a", base::Bytes(256)).has_value());
    EXPECT_FALSE(CosmosAddress::make("A", {}).has_value());
    EXPECT_FALSE(CosmosAddress::make("", {}).has_value());
}

TEST(CosmosAddress, refuses_wrong_checksum_case_and_shape) {
    std::string one_off(kCosmos);
    one_off.back() = 'p';
    std::string mixed(kCosmos);
    mixed[10] = 'Q';
    // Valid under BIP-350, whose constant differs.
    for (const std::string& text :
         {one_off, mixed, std::string("wasm1x"), std::string("wasm1qqq"), std::string(),
          std::string("1qqqqqq"), std::string("a_b1qqqqqq"), std::string("a1lqfn3a")}) {
        EXPECT_EQ(CosmosAddress::parse(text).error().message(), "invalid bech32: '" + text + "'");
    }
    EXPECT_TRUE(CosmosAddress::parse("a12uel5l").has_value());
}

}  // namespace
}  // namespace wavs::types
