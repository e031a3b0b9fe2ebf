// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/types/aggregator_action.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/submission.hpp"

#include <gtest/gtest.h>

namespace wavs::types {
namespace {

using base::hex;

constexpr std::string_view kV1Signature =
    "22c3be9b0cfbe79b606e62d19ffdcc4fc964872411c88d95864437f182775ab75277cdce025649e957f52426edcccd"
    "2cdf1a596e5644df18796044376b1fa8931b";

TriggerAction v1_action() {
    return {
        {must(parse_service_id("f1872fc8f2fc194e1f55c47c6524231c445bebd0aadd4ebff81cfc5a567d7e68")),
         WorkflowId(), ManualTrigger{}},
        RawData{{1, 2, 3}}};
}

Submission v1() {
    Submission out;
    out.trigger_action = v1_action();
    out.operator_response.payload = {0xde, 0xad, 0xbe, 0xef};
    out.event_id = event_id_of(out.trigger_action, out.operator_response);
    out.envelope = make_envelope(out.event_id, out.operator_response);
    out.envelope_signature = {must(base::parse_hex(kV1Signature)), kEvmSignatureKind};
    return out;
}

TEST(Envelope, hashes_of_known_values) {
    const Submission one = v1();
    EXPECT_EQ(to_string(one.event_id), "a6fc5f71e2995f593bca8ff15ecefcfcf2e8793d");
    EXPECT_EQ(hex(envelope_digest(one.envelope).view()),
              "ae6b3e63fda3f9f6c15a8c6cdbc16e9e0db1878ea48c341c99117b99173f8b9e");
    EXPECT_EQ(hex(signing_hash(one.envelope, kEvmSignatureKind).view()),
              "7614406fc2a607412bc5d963f51228a28f67ffdcebd2f74a33c20aaf416c8f90");
    WasmResponse ordered = one.operator_response;
    ordered.ordering = 7;
    EXPECT_EQ(hex(envelope_digest(make_envelope(one.event_id, ordered)).view()),
              "d4e8cdbb1d563a838fc8b9f815394e6ca0497bdf7c8d7f4744763d184664c243");
    WasmResponse salted;
    salted.event_id_salt = base::Bytes{0xaa, 0xbb};
    EXPECT_EQ(to_string(event_id_of(v1_action(), salted)),
              "2be810110fb07e1a7f317996aeb95fd87b7410f8");
}

TEST(Envelope, hash_without_prefix_is_the_digest) {
    Envelope two;
    two.event_id = must(parse_event_id("0101010101010101010101010101010101010101"));
    two.payload = {1, 2, 3};
    EXPECT_EQ(hex(signing_hash(two, {SignatureAlgorithm::Secp256k1, {}}).view()),
              "b85976350e6c9cfdba0254d1169aa905dba6c5374a00c74c011192447456a8d3");
    EXPECT_EQ(hex(signing_hash(two, kEvmSignatureKind).view()),
              "1f5f9b0324e60c668fb214b50b7400086c97b667e648dd7a496af403a9280657");
}

TEST(Envelope, of_the_text_hello_with_and_without_ordering) {
    const EventId id = must(parse_event_id("600aa2f4ead908bdb17c6509293ed567e544428b"));
    WasmResponse response;
    response.payload = base::to_bytes("hello");
    const Envelope plain = make_envelope(id, response);
    response.ordering = 7;
    const Envelope ordered = make_envelope(id, response);
    EXPECT_EQ(hex(envelope_digest(plain).view()),
              "44947763e04942fdbc87422bf73d787d474ffb4d92a742e8e4b766b859284362");
    EXPECT_EQ(hex(signing_hash(plain, kEvmSignatureKind).view()),
              "1a641a9ebb58594e6cc292b908b0e8cab84ba486902cb998e873ee73e7596ce8");
    EXPECT_EQ(hex(envelope_digest(ordered).view()),
              "858aa53ea39475cd3353af1b9382c053f8ad78ea989d98a37d9ae37b1830f1cb");
    EXPECT_EQ(hex(signing_hash(ordered, kEvmSignatureKind).view()),
              "5d3872fa13a380e3232575235f2a22877fc43cc0f5015cc25b5dca1cf5b0e81a");
}

TEST(Envelope, ordering_is_left_justified) {
    EXPECT_EQ(hex(make_ordering(7).view()), "000000000000000700000000");
    EXPECT_EQ(hex(make_ordering(~0ULL).view()), "ffffffffffffffff00000000");
    EXPECT_TRUE(make_ordering({}).is_zero());
}

TEST(Envelope, abi_layout) {
    EXPECT_EQ(abi_encode(Envelope()).size(), 0xa0U);
    Envelope one;
    one.payload = base::Bytes(33, 0xff);
    const std::string text = hex(abi_encode(one));
    EXPECT_EQ(text.size(), (0xa0U + 64) * 2);
    EXPECT_EQ(text.substr(62, 2), "20");
    EXPECT_EQ(text.substr(254, 2), "60");
    EXPECT_EQ(text.substr(318, 2), "21");
    EXPECT_TRUE(text.ends_with("ff" + std::string(62, '0')));
}

/// abi.encode(envelope) stands in the calldata of handleSignedEnvelope without its own offset.
void check_calldata(const json::Value& one) {
    Envelope envelope;
    envelope.event_id = must(parse_event_id(text_at(one, "event_id")));
    envelope.payload = must(base::parse_hex(text_at(one, "payload")));
    EXPECT_EQ(text_at(one, "ordering"), hex(envelope.ordering.view()));
    const std::string tuple = hex(abi_encode(envelope)).substr(64);
    const std::string_view calldata = text_at(one, "calldata");
    const std::size_t begin = 2 + 8 + 128;
    EXPECT_EQ(calldata.substr(begin, tuple.size()), tuple);
}

TEST(Envelope, abi_encoding_as_posted_on_chain) {
    const std::string text = vector_file("evm_submissions.json");
    const auto document = must(json::Document::parse(text));
    for (const json::Value one : document.root().find("submissions")->items()) {
        check_calldata(one);
    }
    const std::string two = vector_file("two_signature_submission.json");
    check_calldata(must(json::Document::parse(two)).root());
}

TEST(Submission, v1_is_byte_exact) {
    const std::string text = to_json(v1());
    EXPECT_EQ(text.size(), 760U);
    EXPECT_EQ(hex(hash::sha256(base::as_bytes(text))),
              "dd6da64ee84b4fa96ccb28a005982cf0eb1ef6eb743926294be0848d5058441a");
    EXPECT_EQ(must(parse_submission(text)), v1());
}

TEST(Submission, published_messages_are_read_and_written_byte_by_byte) {
    const std::string text = vector_file("gossip_messages.json");
    const auto document = must(json::Document::parse(text));
    for (const json::Value message : document.root().find("messages")->items()) {
        const std::string_view payload = text_at(message, "text");
        EXPECT_EQ(text_at(message, "bytes"), std::to_string(payload.size()));
        const auto submission = parse_submission(payload);
        ASSERT_TRUE(submission.has_value()) << submission.error().message();
        EXPECT_EQ(to_json(submission.value()), payload);
        EXPECT_TRUE(check_binding(submission.value()).has_value());
    }
}

TEST(Submission, reader_is_tolerant_of_order_spacing_and_missing_optionals) {
    const std::string text = to_json(v1());
    json::Tree tree = must(json::parse_tree(text));
    auto& members = std::get<json::Tree::Object>(tree.value);
    std::reverse(members.begin(), members.end());
    members.push_back({"new", {}});
    std::string other = " \n" + json::to_json(tree) + " ";
    const std::size_t first = other.find("\"event_id_salt\":null,\"ordering\":null,");
    ASSERT_NE(first, std::string::npos);
    other.erase(first, std::string_view("\"event_id_salt\":null,\"ordering\":null,").size());
    EXPECT_EQ(must(parse_submission(other)), v1());
}

TEST(Submission, refuses_trailing_bytes_and_numbers_that_are_no_bytes) {
    const std::string text = to_json(v1());
    EXPECT_EQ(parse_submission(text + "x").error().code().view(), "json_syntax");
    std::string high = text;
    high.replace(high.find("[1,2,3]"), 7, "[256,2]");
    EXPECT_EQ(parse_submission(high).error().message(),
              fmt::format("trigger_action.data.Raw[0]: invalid value: integer `256`, expected u8 "
                          "at line 1 column {}",
                          high.find("256") + 3));
}

TEST(Submission, refuses_texts_in_a_byte_array) {
    std::string text = to_json(v1());
    text.replace(text.find("[1,2,3]"), 7, "[\"1\"]");
    EXPECT_EQ(parse_submission(text).error().code().view(), "json_shape");
}

TEST(Submission, refuses_a_record_that_is_too_deep) {
    const std::string deep = std::string(200, '[') + std::string(200, ']');
    std::string text = to_json(v1());
    text.replace(
        text.find("{\"Raw\":[1,2,3]}"), 15,
        R"({"AtProtoEvent":{"sequence":1,"timestamp":1,"repo":"","collection":"","rkey":"","action":"create","record":)" +
            deep + "}}");
    EXPECT_EQ(parse_submission(text).error().code().view(), "json_syntax");
}

TEST(Submission, binding_notices_a_changed_id_payload_or_ordering) {
    EXPECT_TRUE(check_binding(v1()).has_value());
    Submission id = v1();
    id.event_id.array()[0] ^= 1;
    EXPECT_EQ(check_binding(id).error().code().view(), "event_id_mismatch");
    Submission payload = v1();
    payload.envelope.payload.push_back(0);
    EXPECT_EQ(check_binding(payload).error().code().view(), "envelope_mismatch");
    Submission ordering = v1();
    ordering.operator_response.ordering = 0;
    EXPECT_TRUE(check_binding(ordering).has_value());
    ordering.operator_response.ordering = 1;
    EXPECT_EQ(check_binding(ordering).error().code().view(), "envelope_mismatch");
}

TEST(WasmResponse, all_members_have_defaults) {
    const auto document = must(json::Document::parse("{}"));
    EXPECT_EQ(to_json(must(read_wasm_response(document.root()))),
              R"({"payload":"0x","ordering":null,"event_id_salt":null})");
}

TEST(AggregatorAction, json_both_ways) {
    for (
        const std::string_view text :
        {R"({"Submit":{"Evm":{"chain":"evm:1","address":"0x1111111111111111111111111111111111111111","gas_price":340282366920938463463374607431768211455}}})",
         R"({"Submit":{"Cosmos":{"chain":"cosmos:wasmd","address":"wasm1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sutya6q","gas_price":null}}})",
         R"({"Timer":{"delay":{"secs":18446744073709551615}}})"}) {
        EXPECT_EQ(to_json(must(parse_aggregator_action(text))), text);
    }
}

TEST(AggregatorAction, evm_address_is_a_string_and_trimmed) {
    const auto with = [](std::string_view address) {
        return parse_aggregator_action(
            fmt::format(R"({{"Submit":{{"Evm":{{"chain":"evm:1","address":{}}}}}}})", address));
    };
    EXPECT_TRUE(with("\" 1111111111111111111111111111111111111111\\n\"").has_value());
    EXPECT_FALSE(with("\"  \"").has_value());
    EXPECT_FALSE(with("[17]").has_value());
}

TEST(TxHash, text_and_json) {
    const TxHash hash = EvmTxHash{must(parse_bytes32(std::string(64, 'a')))};
    EXPECT_EQ(to_string(hash), "0x" + std::string(64, 'a'));
    EXPECT_EQ(to_string(TxHash(CosmosTxHash{"AB"})), "AB");
}

}  // namespace
}  // namespace wavs::types
