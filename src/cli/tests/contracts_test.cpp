// SPDX-License-Identifier: Apache-2.0
#include "wavs/cli/contracts.hpp"

#include "../dev_operators.hpp"
#include "dev_operators.hpp"
#include "wavs/base/hex.hpp"
#include "wavs/cli/anvil.hpp"
#include "wavs/cli/demo_service.hpp"
#include "wavs/cli/devnet.hpp"
#include "wavs/cli/embedded.hpp"
#include "wavs/crypto/signature.hpp"
#include "wavs/types/manifest_json.hpp"
#include "wavs/types/validate.hpp"

#include <gmock/gmock.h>

namespace wavs::cli {
namespace {

constexpr std::string_view kAddress = "0x1111111111111111111111111111111111111111";

types::EvmAddress address_of_digit(char digit) {
    return types::parse_evm_address(std::string(40, digit)).value();
}

TEST(Contracts, bytecode_of_all_three_is_embedded) {
    ASSERT_EQ(embedded_contracts().size(), 3U);
    for (const auto& contract : embedded_contracts()) {
        EXPECT_TRUE(base::parse_hex(contract.bytecode).has_value()) << contract.name;
        EXPECT_GT(contract.bytecode.size(), 1000U) << contract.name;
    }
    const auto data = deploy_handler_data(address_of_digit('1')).value();
    EXPECT_THAT(base::hex(data), ::testing::EndsWith(std::string(24, '0') + std::string(40, '1')));
}

TEST(Contracts, the_names_give_the_known_numbers) {
    EXPECT_EQ(base::hex(new_trigger_topic().view()),
              "86eacd23610d81706516de1ed0476c87772fdf939c7c771fbbd7f0230d619e68");
    EXPECT_EQ(selector_for("setServiceURI(string)"), chain_evm::fn::kSetServiceUri);
    EXPECT_EQ(selector_for("registerOperator(address,uint256)"), chain_evm::fn::kRegisterOperator);
    EXPECT_EQ(selector_for("updateOperatorSigningKey(address,bytes)"),
              chain_evm::fn::kUpdateOperatorSigningKey);
}

TEST(Contracts, possession_is_proven_over_the_operators_address_without_a_prefix) {
    const auto who = anvil_account(1).value();
    EXPECT_EQ(types::to_checksum_string(who), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    EXPECT_EQ(base::hex(possession_message(who).view()),
              "7ceb58780fb137bb02223b79c88bc6404f736f8bb4d1f0895d9884122804fb73");
    const auto keys = crypto::Keyring::from_mnemonic(kAnvilMnemonic).value();
    const auto* key = keys.at(2).value();
    const auto proof = prove_possession(who, *key);
    EXPECT_EQ(crypto::recover_address(possession_message(who), proof.view()).value(),
              key->address());
}

TEST(Contracts, logs_of_another_shape_are_refused) {
    chain_evm::EvmLog log;
    EXPECT_FALSE(read_new_trigger(log).has_value());
    EXPECT_FALSE(read_envelope_handled(log).has_value());
    log.topics = {new_trigger_topic()};
    for (std::size_t size : {0U, 31U, 32U, 64U, 96U}) {
        log.data.assign(size, 0);
        EXPECT_FALSE(read_new_trigger(log).has_value()) << size;
    }
    log.topics = {envelope_handled_topic(), {}, {}};
    log.data.clear();
    EXPECT_FALSE(read_envelope_handled(log).has_value());
}

TEST(Contracts, a_new_trigger_log_is_read) {
    const auto word = [](std::uint64_t value) {
        return base::hex(chain_evm::to_u256(value).view());
    };
    const auto inner = word(32) + word(7) + std::string(24, '0') + std::string(40, '2') + word(96) +
                       word(2) + "6869" + std::string(60, '0');
    chain_evm::EvmLog log;
    log.topics = {new_trigger_topic()};
    log.data = base::parse_hex(word(32) + word(inner.size() / 2) + inner).value();
    const auto read = read_new_trigger(log);
    ASSERT_TRUE(read.has_value()) << read.error().full_text();
    EXPECT_EQ(read.value().trigger_id, 7U);
    EXPECT_EQ(read.value().creator, address_of_digit('2'));
    EXPECT_EQ(base::as_text(read.value().data), "hi");
}

TEST(DemoServiceManifest, is_complete_and_valid) {
    DemoService demo;
    demo.chain = Devnet::chain();
    demo.manager = types::parse_evm_address(kAddress).value();
    demo.trigger = address_of_digit('2');
    demo.handler = address_of_digit('3');
    demo.operator_component.array()[0] = 1;
    demo.aggregator_component.array()[0] = 2;
    const auto service = make_manifest(demo);
    EXPECT_EQ(types::to_string(service.id()),
              "f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68");
    EXPECT_EQ(types::parse_manifest(types::to_json(service)).value().service, service);
    EXPECT_TRUE(types::validate(service, {}).empty());
    const auto* workflow = service.find(types::WorkflowId());
    ASSERT_NE(workflow, nullptr);
    ASSERT_NE(workflow->aggregator(), nullptr);
    const auto& config = workflow->aggregator()->component.config;
    EXPECT_EQ(config.at("service_handler"), "0x3333333333333333333333333333333333333333");
    EXPECT_EQ(config.at("chain"), "evm:31337");
    EXPECT_EQ(workflow->aggregator()->signature_kind, types::kEvmSignatureKind);
}

TEST(Embedded, a_component_that_is_not_there_says_how_to_get_it) {
    const auto got = embedded_component("no_such");
    ASSERT_FALSE(got.has_value());
    EXPECT_THAT(got.error().message(), ::testing::HasSubstr("no_such"));
    EXPECT_FALSE(got.error().remedy().empty());
    for (const auto& component : embedded_components()) {
        EXPECT_EQ(base::hex(component.bytes.first(4)), "0061736d") << component.name;
    }
}

TEST(Operators, two_thirds_are_rounded_up) {
    const unsigned wanted[] = {1, 2, 2, 3, 4, 4, 5, 6, 6, 7};
    for (unsigned i = 0; i < Devnet::kMaxNodes; ++i) {
        EXPECT_EQ(quorum_of(i + 1), wanted[i]) << i + 1;
    }
}

TEST(Operators, who_signed_and_who_posted_is_told_by_their_numbers) {
    const auto address = [](char digit) {
        return types::parse_evm_address("0x" + std::string(40, digit)).value();
    };
    OperatorNames who;
    who.add(address('1'), address('a'));
    who.add(address('2'), address('b'));
    who.add(address('3'), address('c'));
    HandledEvent result;
    result.event_id = types::EventId(address('e').array());
    result.tx_hash = topic_for("taken");
    std::vector<ResultTransaction> sent(3);
    sent[0] = {result.event_id, topic_for("late"), address('a'), {address('1')}, 5, true};
    sent[1] = {result.event_id,
               result.tx_hash,
               address('b'),
               {address('3'), address('9'), address('1')},
               4,
               false};
    EXPECT_EQ(who.text(delivery_of(result, sent)),
              "signed by operators 0, 2 and a stranger, posted by operator 1, 2 transactions, 1 of "
              "them reverted");
    std::string json;
    types::json::Writer writer(json);
    writer.begin_object();
    who.write_json(writer, delivery_of(result, sent));
    writer.end_object();
    EXPECT_EQ(json, R"({"operators":3,"quorum":2,"signed_by":[0,2,null],"posted_by":1,)"
                    R"("transactions":2,"reverted":1})");
}

TEST(NodeKeys, every_node_has_its_own) {
    std::set<types::EvmAddress> seen;
    for (unsigned i = 0; i < Devnet::kMaxNodes; ++i) {
        const auto keys = crypto::Keyring::from_mnemonic(node_mnemonic(i).value());
        ASSERT_TRUE(keys.has_value()) << i << ": " << keys.error().full_text();
        EXPECT_TRUE(seen.insert(keys.value().at(1).value()->address()).second);
        const auto wallet = crypto::Keyring::from_credential(node_wallet(i));
        EXPECT_TRUE(seen.insert(wallet.value().at(0).value()->address()).second);
    }
    EXPECT_FALSE(node_mnemonic(Devnet::kMaxNodes).has_value());
}

}  // namespace
}  // namespace wavs::cli
