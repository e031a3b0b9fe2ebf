// SPDX-License-Identifier: Apache-2.0
#include "evm_fixture.hpp"

#include "wavs/chain_evm/abi.hpp"
#include "wavs/chain_evm/rlp.hpp"
#include "wavs/chain_evm/transaction.hpp"
#include "wavs/chain_evm/tx_manager.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/types/event_id.hpp"

namespace wavs::chain_evm {
namespace {

using testing::address;
using testing::bytes;
using testing::word;

std::string keccak(base::ByteView data) { return base::hex(hash::keccak256(data)); }

// The first vector of docs/protocol/05-evm.md 3.
types::Envelope vector_envelope() {
    types::Envelope out;
    out.event_id = types::parse_event_id("a6fc5f71e2995f593bca8ff15ecefcfcf2e8793d").value();
    out.payload = bytes("deadbeef");
    return out;
}
SignatureData vector_signatures() {
    std::vector<SignerSignature> unsorted{
        {address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
         bytes("22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab75277cdce025649e957f"
               "52426edcccd2cdf1a596e5644df18796044376b1fa8931b")},
        {address("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
         bytes("d775a49df1c3142f83849e82224e4e4b6065a48161dda724e4d18ed986ab22283d806ed3f25e4d20757"
               "163f31be75506f7c5ac74db8d3537e1b26e56490d14bb1b")}};
    return make_signature_data(std::move(unsorted), 41);
}

TEST(AbiTest, call_data_of_the_vectors) {
    const auto signatures = vector_signatures();
    EXPECT_LT(signatures.signers[0], signatures.signers[1]);
    const auto validate = encode_validate(vector_envelope(), signatures);
    EXPECT_EQ(validate.size(), 772U);
    EXPECT_EQ(keccak(validate), "d8fef8a8975cddcc17d99ead85629bfbb01dfd5bd6f5f207be215230dc5a108b");
    const auto handle = encode_handle_signed_envelope(vector_envelope(), signatures);
    EXPECT_EQ(keccak(handle), "1048a58c5f89569562902655623c41d87e47515749be5c7a36a730f843c41ea7");
}

TEST(AbiTest, a_call_reads_back) {
    const auto call = encode_handle_signed_envelope(vector_envelope(), vector_signatures());
    const auto back = decode_handle_signed_envelope(call);
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back.value().envelope, vector_envelope());
    EXPECT_EQ(back.value().signatures, vector_signatures());
    for (std::size_t size = 0; size < call.size(); ++size) {
        const auto cut = decode_handle_signed_envelope(base::ByteView(call).first(size));
        // The padding behind the last signature carries nothing.
        EXPECT_EQ(cut.has_value(), size >= call.size() - 31) << size;
    }
}

TEST(AbiTest, strings_numbers_and_hostile_offsets) {
    const auto text = encode_arguments({AbiValue::string("https://h/m.json")});
    EXPECT_EQ(decode_string(text).value(), "https://h/m.json");
    const auto pair = encode_arguments({AbiValue::uint(7), AbiValue::string("x")});
    EXPECT_EQ(to_u64(decode_uint(pair).value()), 7U);
    EXPECT_EQ(decode_string(pair, 1).value(), "x");
    EXPECT_FALSE(decode_uint(pair, 9).has_value());
    EXPECT_FALSE(decode_string({}).has_value());
    EXPECT_FALSE(decode_string(encode_arguments({AbiValue::bytes(bytes("c328"))})).has_value());
    const auto all_ones = bytes(std::string(128, 'f'));
    EXPECT_FALSE(decode_bytes(all_ones).has_value());
    EXPECT_FALSE(decode_address(all_ones).has_value());
    // An offset that points at itself: length 0x20 of the rest.
    EXPECT_FALSE(
        decode_bytes(bytes("0000000000000000000000000000000000000000000000000000000000000040"))
            .has_value());
}

TEST(SelectorTest, every_selector_is_the_hash_of_its_signature) {
    const auto of = [](std::string_view signature) {
        return selector_of(hash::keccak256(base::as_bytes(signature)));
    };
    for (const auto& entry : known_functions()) {
        EXPECT_EQ(entry.selector, of(entry.signature)) << entry.signature;
    }
    for (const auto& entry : known_errors()) {
        EXPECT_EQ(entry.selector, of(entry.signature)) << entry.signature;
        EXPECT_EQ(find_error(entry.selector), &entry);
    }
    for (const auto& entry : known_events()) {
        EXPECT_EQ(base::hex(entry.topic.view()), keccak(base::as_bytes(entry.signature)));
    }
    EXPECT_EQ(find_error(0x12345678), nullptr);
}

TEST(RevertTest, in_words) {
    const auto signer = decode_revert(bytes("3dda1739"));
    EXPECT_EQ(signer.text, "SignerNotRegistered (0x3dda1739)");
    EXPECT_EQ(signer.revert_class, RevertClass::Wait);
    EXPECT_FALSE(signer.manager_interface);
    auto quorum = bytes("86b16091");
    base::append(quorum,
                 encode_arguments({AbiValue::uint(1), AbiValue::uint(2), AbiValue::uint(3)}));
    const auto weights = decode_revert(quorum).quorum;
    ASSERT_TRUE(weights);
    EXPECT_EQ(to_decimal(weights->signed_weight) + to_decimal(weights->threshold) +
                  to_decimal(weights->total),
              "123");
    quorum.pop_back();
    EXPECT_FALSE(decode_revert(quorum).quorum);
    auto error = bytes("08c379a0");
    base::append(error, encode_arguments({AbiValue::string("no\nway")}));
    EXPECT_TRUE(decode_revert(error).text.starts_with("execution reverted: no way (0x08c379a0"));
    auto panic = bytes("4e487b71");
    base::append(panic, encode_arguments({AbiValue::uint(0x11)}));
    EXPECT_NE(decode_revert(panic).text.find("arithmetic overflow"), std::string::npos);
    EXPECT_EQ(decode_revert(bytes("01")).text, "0x01");
    EXPECT_EQ(decode_revert({}).text, "0x");
    EXPECT_EQ(decode_revert(bytes("aabbccdd")).name, "");
    EXPECT_LT(decode_revert(base::Bytes(100'000, 1)).text.size(), 2000U);
}

TEST(NumberTest, quantities_are_strict) {
    EXPECT_EQ(quantity(std::uint64_t{0}), "0x0");
    EXPECT_EQ(quantity(std::uint64_t{1024}), "0x400");
    EXPECT_EQ(quantity(Wei{1} << 64), "0x10000000000000000");
    EXPECT_EQ(parse_quantity("0xFf").value(), 255U);
    EXPECT_EQ(parse_quantity("0x00000000000000000001").value(), 1U);
    EXPECT_EQ(parse_quantity("0xffffffffffffffff").value(), ~std::uint64_t{0});
    EXPECT_EQ(parse_wei("0x10000000000000000").value(), Wei{1} << 64);
    for (const auto* text : {"", "0x", "12", "0xg", "0x-1", "0x 1", "0X1", "0x10000000000000000"}) {
        EXPECT_FALSE(parse_quantity(text).has_value()) << text;
    }
    // Text that is no UTF-8 once ended the process in the message's formatting.
    EXPECT_EQ(parse_quantity("0\xff\xff\x0b" + std::string(90, '\xf7')).error().code(),
              base::ErrorCode("rpc_quantity"));
    EXPECT_EQ(to_decimal(to_u256(0)), "0");
    EXPECT_EQ(
        to_decimal(U256::from(std::span<const std::uint8_t, 32>(bytes(std::string(64, 'f'))))),
        "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_EQ(parse_decimal("31337"), 31337U);
    EXPECT_EQ(parse_decimal("test-1"), std::nullopt);
}

TEST(TransactionTest, the_vector_of_eip_155) {
    Transaction tx;
    tx.chain_id = 1;
    tx.nonce = 9;
    tx.fee = LegacyFee{20'000'000'000};
    tx.gas_limit = 21'000;
    tx.to = address("0x3535353535353535353535353535353535353535");
    tx.value = 1'000'000'000'000'000'000;
    EXPECT_EQ(base::hex(signing_hash(tx).view()),
              "daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53");
    const auto key = crypto::SecretKey::from_hex(
                         "4646464646464646464646464646464646464646464646464646464646464646")
                         .value();
    EXPECT_EQ(
        base::hex(sign(tx, key).raw),
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008"
        "025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f76"
        "1aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83");
}

TEST(TransactionTest, both_kinds_read_back) {
    Transaction tx;
    tx.chain_id = 31337;
    tx.nonce = 300;
    tx.gas_limit = 425'515;
    tx.to = address("0xe7f1725e7734ce288f8367e1bb143e90bb3f0512");
    tx.data = base::Bytes(772, 0xab);
    for (const Fee fee : {Fee(LegacyFee{7}), Fee(Eip1559Fee{1941, 1})}) {
        tx.fee = fee;
        const auto made = sign(tx, *testing::key(0));
        const auto back = parse_signed(made.raw);
        ASSERT_TRUE(back.has_value());
        EXPECT_EQ(signing_hash(back.value()), signing_hash(tx));
        EXPECT_EQ(back.value().nonce, made.nonce);
        for (std::size_t size = 0; size < made.raw.size(); ++size) {
            EXPECT_FALSE(parse_signed(base::ByteView(made.raw).first(size)).has_value());
        }
    }
    EXPECT_EQ(sign(tx, *testing::key(0)).raw[0], 0x02);
}

TEST(RlpTest, known_items) {
    const auto item = [](base::ByteView data) {
        base::Bytes out;
        rlp::append_bytes(out, data);
        return base::hex(out);
    };
    EXPECT_EQ(item(base::as_bytes("dog")), "83646f67");
    EXPECT_EQ(item({}), "80");
    EXPECT_EQ(item(bytes("0f")), "0f");
    EXPECT_EQ(item(bytes("80")), "8180");
    EXPECT_EQ(item(base::Bytes(56, 1)).substr(0, 4), "b838");
    base::Bytes number;
    rlp::append_number(number, 0);
    rlp::append_number(number, 1024);
    EXPECT_EQ(base::hex(number), "80820400");
    EXPECT_EQ(base::hex(rlp::list({})), "c0");
}

TEST(FeeTest, median_of_the_rewards_and_twice_the_base_fee) {
    FeeHistory history;
    history.rewards = {0, 0, 0};
    EXPECT_EQ(choose_fee(history, 970), Fee(Eip1559Fee{1941, 1}));
    history.rewards = {0, 30, 10, 20};
    EXPECT_EQ(choose_fee(history, 100), Fee(Eip1559Fee{220, 20}));
    history.rewards = {40, 30, 10, 20};
    EXPECT_EQ(choose_fee(history, 100), Fee(Eip1559Fee{225, 25}));
    const auto bumped = std::get<Eip1559Fee>(bump_fee(Eip1559Fee{1000, 1}));
    EXPECT_GE(bumped.max_fee * 1000, Wei{1125} * 1000);
    EXPECT_EQ(bumped.max_priority_fee, Wei{2});
}

TEST(LogTest, reads_what_nodes_send) {
    const auto log = parse_log(R"({"address":"0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0",
        "topics":["0x86eacd23610d81706516de1ed0476c87772fdf939c7c771fbbd7f0230d619e68"],
        "data":"0x0102","blockHash":"0xe722559c7e59e0b02378cf88dbb1c16cbd2b2dc7862251ef686578dd50009fa1",
        "blockNumber":"0x3c","blockTimestamp":"0x6b017808",
        "transactionHash":"0x44495d63a43cca803b90402377e810298fe2728b5402c51e8e469a126cf2b228",
        "transactionIndex":"0x0","logIndex":"0x1","removed":false,"extra":{}})")
                         .value();
    const auto data = to_trigger_data(log, types::ChainKey::parse("evm:31337").value()).value();
    EXPECT_EQ(data.block_number, 60U);
    EXPECT_EQ(data.block_timestamp, 0x6b017808U);
    EXPECT_EQ(data.log_index, 1U);
    EXPECT_EQ(data.data, bytes("0102"));
    auto without = log;
    without.block_timestamp.reset();
    EXPECT_EQ(to_trigger_data(without, data.chain).value().block_timestamp, std::nullopt);
    EXPECT_EQ(key_of(log), key_of(without));
}

TEST(LogTest, the_event_id_of_a_recorded_log) {
    const auto file =
        testing::read_file(WAVS_SOURCE_DIR "/src/chain_evm/tests/vectors/evm_event_id.json");
    const auto document = types::json::Document::parse(std::string_view(file)).value();
    const auto log = read_log(*document.root().find("log")).value();
    types::TriggerAction action;
    action.config.service_id =
        types::parse_service_id(document.root().find("service_id")->text()).value();
    action.config.workflow_id =
        types::WorkflowId::parse(document.root().find("workflow")->text()).value();
    action.data = to_trigger_data(log, types::ChainKey::parse("evm:31337").value()).value();
    EXPECT_EQ(types::to_string(types::default_event_id(action)),
              document.root().find("event_id")->text());
}

TEST(LogTest, what_is_no_trigger) {
    const auto chain = types::ChainKey::parse("evm:1").value();
    auto log = parse_log(R"({"address":"0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0","topics":[],
        "data":"0x","blockHash":null,"blockNumber":null,"blockTimestamp":null})")
                   .value();
    EXPECT_EQ(to_trigger_data(log, chain).error().code(), base::ErrorCode("log_incomplete"));
    EXPECT_EQ(key_of(log), std::nullopt);
    log.removed = true;
    EXPECT_EQ(to_trigger_data(log, chain).error().code(), base::ErrorCode("log_removed"));
    for (const auto* text :
         {"{}", "[]", R"({"address":"0x12"})",
          R"({"address":"0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0","logIndex":1})",
          R"({"address":"0x9fe46736679d2d9a65f0992f2272de9f3c7fa6e0","data":"0x1"})"}) {
        EXPECT_FALSE(parse_log(text).has_value()) << text;
    }
}

TEST(LogTest, the_window_is_bounded_and_can_forget) {
    LogWindow window(2);
    const auto at = [](std::uint64_t i) { return LogKey{{}, {}, i}; };
    EXPECT_TRUE(window.add(at(1)));
    EXPECT_FALSE(window.add(at(1)));
    window.add(at(2));
    window.add(at(3));
    EXPECT_EQ(window.size(), 2U);
    EXPECT_FALSE(window.contains(at(1)));
    window.forget(at(3));
    EXPECT_TRUE(window.add(at(3)));
    EXPECT_EQ(window.size(), 2U);
}

TEST(FilterTest, exact_json) {
    LogFilter filter;
    EXPECT_EQ(to_json(filter), "{}");
    filter.addresses = {address("0x1111111111111111111111111111111111111111")};
    const std::string topic(64, 'a');
    filter.topics = {word(topic)};
    EXPECT_EQ(to_json(filter),
              R"({"address":"0x1111111111111111111111111111111111111111","topics":[["0x)" + topic +
                  R"("]]})");
    filter.addresses.push_back(address("0x2222222222222222222222222222222222222222"));
    filter.topics.clear();
    EXPECT_EQ(
        to_json(filter),
        R"({"address":["0x1111111111111111111111111111111111111111","0x2222222222222222222222222222222222222222"]})");
}

}  // namespace
}  // namespace wavs::chain_evm
