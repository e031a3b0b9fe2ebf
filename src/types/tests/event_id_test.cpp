// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/types/b2.hpp"
#include "wavs/types/event_id.hpp"
#include "wavs/types/json_read.hpp"

#include <gtest/gtest.h>

#include <charconv>

namespace wavs::types {
namespace {

using base::hex;

ServiceId service() {
    return must(
        parse_service_id("76d41ff256803de151fce2ed99d145cf985af50e6def0809072e9f68932f5d11"));
}
ChainKey chain(std::string_view text) { return must(ChainKey::parse(text)); }
Bytes32 word(char digit) { return must(parse_bytes32(std::string(64, digit))); }

std::string id_of(const TriggerData& data) {
    return to_string(default_event_id({{service(), WorkflowId(), ManualTrigger{}}, data}));
}

template <typename Write>
std::string b2(Write write) {
    B2Encoder out;
    write(out);
    return hex(out.bytes());
}

TEST(B2, numbers_take_the_shortest_form) {
    const auto u64 = [](std::uint64_t n) { return b2([n](B2Encoder& o) { o.u64(n); }); };
    EXPECT_EQ(u64(0), "00");
    EXPECT_EQ(u64(250), "fa");
    EXPECT_EQ(u64(251), "fbfb00");
    EXPECT_EQ(u64(65535), "fbffff");
    EXPECT_EQ(u64(65536), "fc00000100");
    EXPECT_EQ(u64(0xffffffffULL), "fcffffffff");
    EXPECT_EQ(u64(0x100000000ULL), "fd0000000001000000");
    EXPECT_EQ(u64(~0ULL), "fdffffffffffffffff");
    EXPECT_EQ(b2([](B2Encoder& o) { o.u128(~static_cast<unsigned __int128>(0)); }),
              "fe" + std::string(32, 'f'));
    EXPECT_EQ(b2([](B2Encoder& o) { o.u128(251); }), "fbfb00");
    EXPECT_EQ(b2([](B2Encoder& o) { o.i64(-1); }), "01");
    EXPECT_EQ(b2([](B2Encoder& o) { o.i64(-126); }), "fbfb00");
    EXPECT_EQ(b2([](B2Encoder& o) { o.i64(1); }), "02");
    EXPECT_EQ(b2([](B2Encoder& o) { o.i64(INT64_MIN); }), "fdffffffffffffffff");
    EXPECT_EQ(b2([](B2Encoder& o) { o.f64(1.5); }), "000000000000f83f");
    EXPECT_EQ(b2([](B2Encoder& o) { o.byte(251); }), "fb");
}

CosmosEventData cosmos_event() {
    return {must(CosmosAddress::parse(
                "wasm1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sutya6q")),
            chain("cosmos:wasmd"),
            "wasm-new-task",
            {{"task_id", "7"}},
            70000,
            3};
}

EvmEventData evm_event(std::optional<std::uint64_t> timestamp) {
    return {chain("evm:31337"),
            must(parse_evm_address("5fbdb2315678afecb367f032d93f642f64180aa3")),
            {word('1')},
            {0xde, 0xad, 0xbe, 0xef},
            word('3'),
            300,
            0,
            word('2'),
            timestamp,
            5};
}

AtProtoData at_proto_event() {
    AtProtoData out;
    out.sequence = 5;
    out.timestamp = 9;
    out.repo = "did:plc:abc";
    out.collection = "app.bsky.feed.post";
    out.rkey = "3k";
    out.cid = "bafy";
    out.record =
        must(json::parse_tree(R"({"text":"hi","n":-1,"langs":["en"],"x":null,"b":true,"u":251})"));
    out.rev = "r1";
    out.op_index = 0;
    return out;
}

TEST(Salt, layouts) {
    const std::string cosmos = hex(default_salt(cosmos_event()));
    EXPECT_EQ(cosmos.substr(0, 14), "003f7761736d31");
    EXPECT_TRUE(cosmos.ends_with("01077461736b5f69640137fc7011010003"));
    EXPECT_EQ(hex(default_salt(evm_event(1700000000))),
              "010965766d3a3331333337"
              "14"
              "5fbdb2315678afecb367f032d93f642f64180aa3"
              "01"
              "20" +
                  std::string(64, '1') +
                  "04deadbeef"
                  "20" +
                  std::string(64, '3') +
                  "fb2c01"
                  "00"
                  "20" +
                  std::string(64, '2') +
                  "01fc00f15365"
                  "05");
    EXPECT_EQ(hex(default_salt(BlockIntervalData{chain("evm:31337"), 12345})),
              "020965766d3a3331333337fb3930");
    EXPECT_EQ(hex(default_salt(CronData{{1'700'000'000'000'000'000ULL}})), "03fd00002a36fe9c9717");
    EXPECT_EQ(hex(default_salt(at_proto_event())),
              "0b6469643a706c633a616263126170702e62736b792e666565642e706f737402336b0001046261667901"
              "06016201056c616e67730102656e016e0104746578740268690175fbfb000178010272310100");
    EXPECT_EQ(hex(default_salt(RawData{base::to_bytes("hello")})), "060568656c6c6f");
}

TEST(EventId, known_values) {
    EXPECT_EQ(id_of(cosmos_event()), "ba8ae88f231110bdd5bb84068ebf55679618fd82");
    EXPECT_EQ(id_of(evm_event(1700000000)), "c1fb5b28f5b63be92965639a2d188bc31c27b78e");
    EXPECT_EQ(id_of(evm_event({})), "6059e9acaf1259d101f101539edc4f224718a22e");
    EXPECT_EQ(id_of(BlockIntervalData{chain("evm:31337"), 12345}),
              "49333d74b1d2f306a57a68337b71da7085bbbe8e");
    EXPECT_EQ(id_of(CronData{{1'700'000'000'000'000'000ULL}}),
              "e333ef0ca7598272d017f187e9fc451214f5b56b");
    EXPECT_EQ(id_of(at_proto_event()), "efec707104723425d7abd391022149ec6bf475e6");
    std::string feed;
    for (int i = 0; i < 32; ++i) {
        feed += "ab";
    }
    EXPECT_EQ(id_of(HypercoreData{feed, 9, {1, 2, 3}}), "f5d0fe0108069bdfe21962bb0a30811ef324a51d");
    EXPECT_EQ(id_of(RawData{base::to_bytes("hello")}), "600aa2f4ead908bdb17c6509293ed567e544428b");
}

TEST(EventId, component_salt_replaces_the_default_even_when_empty) {
    const TriggerAction action{{service(), WorkflowId(), ManualTrigger{}},
                               RawData{base::to_bytes("hello")}};
    WasmResponse response;
    EXPECT_EQ(event_id_of(action, response), default_event_id(action));
    response.event_id_salt = base::Bytes{1, 2};
    EXPECT_EQ(to_string(event_id_of(action, response)), "25881275b2d1da11539314485393b85e915ea256");
    response.event_id_salt = base::Bytes{};
    EXPECT_EQ(to_string(event_id_of(action, response)), "86f1f7d941debb63bc202791dc66e0cad51260b3");
}

TEST(EventId, sequence_and_time_of_a_repository_event_do_not_count) {
    AtProtoData other = at_proto_event();
    other.sequence = -7;
    other.timestamp = 1;
    EXPECT_EQ(default_salt(other), default_salt(at_proto_event()));
    EXPECT_NE(b2_encode(other), b2_encode(at_proto_event()));
}

TEST(EventId, trace_id_is_its_first_16_bytes) {
    const TriggerAction action{{service(), WorkflowId(), ManualTrigger{}},
                               RawData{base::to_bytes("hello")}};
    EXPECT_EQ(to_string(trace_id_of(action)), "600aa2f4ead908bdb17c6509293ed567");
}

std::uint64_t quantity(const json::Value& object, std::string_view name) {
    const std::string_view text = text_at(object, name).substr(2);
    std::uint64_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value, 16);
    return value;
}

TEST(EventId, of_a_log_as_an_endpoint_delivered_it) {
    const std::string text = vector_file("evm_event_id.json");
    const auto document = must(json::Document::parse(text));
    const json::Value log = *document.root().find("log");
    EvmEventData data;
    data.chain = chain("evm:31337");
    data.contract_address = must(parse_evm_address(text_at(log, "address")));
    for (const json::Value topic : log.find("topics")->items()) {
        data.topics.push_back(must(json::read_bytes32(topic)));
    }
    data.data = must(base::parse_hex(text_at(log, "data")));
    data.tx_hash = must(parse_bytes32(text_at(log, "transactionHash")));
    data.block_hash = must(parse_bytes32(text_at(log, "blockHash")));
    data.block_number = quantity(log, "blockNumber");
    data.log_index = quantity(log, "logIndex");
    data.tx_index = quantity(log, "transactionIndex");
    data.block_timestamp = quantity(log, "blockTimestamp");
    const EventId id =
        event_id(must(parse_service_id(text_at(document.root(), "service_id"))),
                 must(WorkflowId::parse(text_at(document.root(), "workflow"))), default_salt(data));
    EXPECT_EQ(to_string(id), text_at(document.root(), "event_id"));
}

}  // namespace
}  // namespace wavs::types
