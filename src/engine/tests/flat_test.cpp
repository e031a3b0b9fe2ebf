// SPDX-License-Identifier: Apache-2.0
// The expected bytes are written by hand from rust/FLAT.md.
#include "flat.hpp"

#include "support.hpp"
#include "wavs/base/hex.hpp"

#include <gmock/gmock.h>

namespace wavs::engine {
namespace {

using ::testing::HasSubstr;

// Hex with blanks for reading.
base::Bytes hex(std::string_view text) {
    std::string digits;
    for (const char c : text) {
        if (c != ' ' && c != '\n' && c != '|') {
            digits.push_back(c);
        }
    }
    return base::parse_hex(digits).value();
}

std::string repeat(std::string_view byte, int count) {
    std::string out;
    for (int i = 0; i < count; ++i) {
        out += byte;
    }
    return out;
}

// A string<u8>: length and characters.
std::string text(std::string_view value) {
    return base::hex(base::Bytes{static_cast<std::uint8_t>(value.size()), 0, 0, 0}) +
           base::hex(base::as_bytes(value));
}

const std::string kZeroService = text(std::string(64, '0'));

types::TriggerAction action_of(types::Trigger trigger, types::TriggerData data) {
    return {.config = {.service_id = {}, .workflow_id = workflow_id(), .trigger = trigger},
            .data = std::move(data)};
}

void expect_action(types::Trigger trigger, types::TriggerData data, const std::string& tail) {
    EXPECT_EQ(base::hex(flat_trigger_action(action_of(trigger, std::move(data)))),
              base::hex(hex(kZeroService + text("default") + tail)));
}

types::ChainKey chain(std::string_view key) { return types::ChainKey::parse(key).value(); }

TEST(flat, raw_data_of_a_manual_trigger) {
    expect_action(types::ManualTrigger{}, types::RawData{base::to_bytes("x")},
                  "06 | 06 01000000 78");
}

TEST(flat, evm_event) {
    types::EvmEventTrigger trigger{.address = id_of<types::EvmAddress>(0xaa),
                                   .chain = chain("evm:1"),
                                   .event_hash = id_of<types::Bytes32>(0xbb)};
    types::EvmEventData data{.chain = chain("evm:1"),
                             .contract_address = id_of<types::EvmAddress>(0xaa),
                             .topics = {id_of<types::Bytes32>(0xbb)},
                             .data = {1, 2},
                             .tx_hash = id_of<types::Bytes32>(0xcc),
                             .block_number = 5,
                             .log_index = 6,
                             .block_hash = id_of<types::Bytes32>(0xdd),
                             .block_timestamp = 7,
                             .tx_index = 8};
    const auto word = [](std::string_view first) {
        return "20000000" + std::string(first) + repeat("00", 31);
    };
    const std::string address = "14000000aa" + repeat("00", 19);
    std::string expected = "00" + address + text("evm:1") + word("bb");
    expected += "00" + text("evm:1") + address;
    expected += "01000000" + word("bb") + "02000000 0102" + word("cc");
    expected += "0500000000000000 0600000000000000" + word("dd") + "01 0700000000000000";
    expected += "0800000000000000";
    expect_action(trigger, data, expected);
}

TEST(flat, cosmos_event_has_index_before_height) {
    const auto address = types::CosmosAddress::make("wasm", base::Bytes(20, 1)).value();
    types::CosmosEventTrigger trigger{
        .address = address, .chain = chain("cosmos:c"), .event_type = "ev"};
    types::CosmosEventData data{.contract_address = address,
                                .chain = chain("cosmos:c"),
                                .event_type = "ev",
                                .attributes = {{"k", "v"}, {"k", ""}},
                                .block_height = 9,
                                .event_index = 3};
    std::string expected = "01" + text(address.str()) + "04000000" + text("cosmos:c") + text("ev");
    expected += "01" + text(address.str()) + "04000000" + text("cosmos:c") + text("ev");
    expected += "02000000" + text("k") + text("v") + text("k") + text("");
    expected += "0300000000000000 0900000000000000";
    expect_action(trigger, data, expected);
}

TEST(flat, block_interval) {
    expect_action(
        types::BlockIntervalTrigger{
            .chain = chain("evm:1"), .n_blocks = 10, .start_block = 1, .end_block = std::nullopt},
        types::BlockIntervalData{.chain = chain("evm:1"), .block_height = 258},
        "02" + text("evm:1") + "0a000000 01 0100000000000000 00 | 02" + text("evm:1") +
            "0201000000000000");
}

TEST(flat, cron) {
    expect_action(types::CronTrigger{.schedule = "* * * * * *",
                                     .start_time = types::Timestamp{1},
                                     .end_time = types::Timestamp{2}},
                  types::CronData{.trigger_time = types::Timestamp{0x0102030405060708}},
                  "03" + text("* * * * * *") +
                      "01 0100000000000000 01 0200000000000000 | 03 0807060504030201");
}

TEST(flat, atproto_sorts_the_keys_of_the_record) {
    types::AtProtoData data{.sequence = -1,
                            .timestamp = 2,
                            .repo = "did",
                            .collection = "c",
                            .rkey = "r",
                            .action = types::AtProtoAction::Update,
                            .cid = std::nullopt,
                            .record = types::json::parse_tree(R"({"b": 1, "a": [true]})").value(),
                            .rev = "v",
                            .op_index = 4};
    expect_action(
        types::AtProtoTrigger{
            .collection = "c", .repo_did = std::nullopt, .action = types::AtProtoAction::Delete},
        data,
        "04" + text("c") + "00 01" + text("delete") + "| 04 ffffffffffffffff 0200000000000000" +
            text("did") + text("c") + text("r") + text("update") + "00 01" +
            text(R"({"a":[true],"b":1})") + "01" + text("v") + "01 04000000");
}

TEST(flat, hypercore) {
    expect_action(types::HypercoreTrigger{.feed_key = "ab"},
                  types::HypercoreData{.feed_key = "ab", .index = 1, .data = {255}},
                  "05" + text("ab") + "| 05" + text("ab") + "0100000000000000 01000000 ff");
}

TEST(flat, aggregator_input_and_submit_callback) {
    const auto action = action_of(types::ManualTrigger{}, types::RawData{});
    const types::WasmResponse response{
        .payload = base::to_bytes("hi"), .ordering = 1, .event_id_salt = base::Bytes{}};
    const std::string input = kZeroService + text("default") + "06 | 06 00000000 |" +
                              "02000000 6869 01 0100000000000000 01 00000000";
    EXPECT_EQ(flat_aggregator_input(action, response), hex(input));
    EXPECT_EQ(flat_submit_callback(action, response,
                                   types::TxHash(types::EvmTxHash{id_of<types::Bytes32>(1)})),
              hex(input + "00 00 20000000 01" + repeat("00", 31)));
    EXPECT_EQ(flat_submit_callback(action, response, types::TxHash(types::CosmosTxHash{"AB"})),
              hex(input + "00 01" + text("AB")));
    EXPECT_EQ(flat_submit_callback(action, response, std::string("no")),
              hex(input + "01" + text("no")));
}

TEST(flat, selection) {
    const auto event = id_of<types::EventId>(9);
    const std::string id = "14000000 09" + repeat("00", 19);
    const std::vector<QuorumEntry> entries{{.signer = {1}, .weight = "70", .signature = {2, 3}},
                                           {.signer = {}, .weight = "0", .signature = {}}};
    const std::string list =
        "02000000 01000000 01" + text("70") + "02000000 0203 00000000" + text("0") + "00000000";
    const types::EvmSubmitAction evm{.chain = types::ChainKey::parse("evm:1").value(),
                                     .address = id_of<types::EvmAddress>(5),
                                     .gas_price = (static_cast<unsigned __int128>(2) << 64) | 1};
    EXPECT_EQ(flat_selection(event, evm, entries),
              hex(id + "00" + text("evm:1") + "14000000 05" + repeat("00", 19) +
                  "01 0100000000000000 0200000000000000" + list));
    const auto address =
        types::CosmosAddress::parse("cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu");
    ASSERT_TRUE(address.has_value());
    const types::CosmosSubmitAction cosmos{.chain = types::ChainKey::parse("cosmos:a").value(),
                                           .address = address.value(),
                                           .gas_price = std::nullopt};
    EXPECT_EQ(flat_selection(event, cosmos, {}),
              hex(id + "01" + text("cosmos:a") +
                  text("cosmos1qypqxpq9qcrsszg2pvxq6rs0zqg3yyc5lzv7xu") + "06000000 00 00000000"));
}

TEST(flat, indices) {
    EXPECT_TRUE(read_indices(hex("00000000")).value().empty());
    EXPECT_EQ(read_indices(hex("02000000 01000000 ff000000")).value(),
              (std::vector<std::uint32_t>{1, 255}));
    for (const auto* damaged : {"", "01000000", "01000000 010000", "00000000 00", "ffffffff"}) {
        EXPECT_EQ(read_indices(hex(damaged)).error().code(), base::ErrorCode("rt_output"))
            << damaged;
    }
}

TEST(flat, service) {
    types::Component component;
    component.source = types::DownloadSource{.uri = "u", .digest = {}};
    component.permissions = {.allowed_http_hosts = types::OnlyHosts{{"h"}},
                             .file_system = true,
                             .raw_sockets = false,
                             .dns_resolution = true};
    component.fuel_limit = 1;
    component.config = {{"b", "2"}, {"a", "1"}};
    component.env_keys = {"Z", "Y"};
    types::Component second;
    second.source = types::RegistrySource{
        .digest = {}, .domain = "d", .version = std::nullopt, .package = "a:b"};
    second.permissions.allowed_http_hosts = types::AllHosts{};
    second.time_limit_seconds = 2;
    auto service = service_with(
        component,
        types::SubmitAggregator{.component = second, .signature_kind = types::kEvmSignatureKind});
    service.status = types::ServiceStatus::Paused;
    const std::string digest = text(std::string(64, '0'));
    std::string expected = text("test") + "01000000" + text("default") + "06";
    expected += "00" + text("u") + digest + "01 01000000" + text("h") + "01 00 01";
    expected += "01 0100000000000000 00";
    expected += "02000000" + text("a") + text("1") + text("b") + text("2");
    expected += "02000000" + text("Y") + text("Z");
    expected += "01 01" + digest + "01" + text("d") + "00" + text("a:b") + "00 00 00 00";
    expected += "00 01 0200000000000000 00000000 00000000";
    expected += "00 01 00";
    expected += "01 | 00" + text("evm:31337") + "1400000001" + repeat("00", 19);
    EXPECT_EQ(base::hex(flat_service(service)), base::hex(hex(expected)));
}

TEST(flat, service_of_a_cosmos_manager_without_submit) {
    auto service = service_with(component_of_digest({}));
    const auto address = types::CosmosAddress::make("cosmos", base::Bytes(20, 2)).value();
    service.manager = types::CosmosManager{.chain = chain("cosmos:c"), .address = address};
    std::string expected = text("test") + "01000000" + text("default") + "06";
    expected += "02" + text(std::string(64, '0')) + "02 00 00 00 00 00 00000000 00000000";
    expected += "00 | 00 | 01" + text("cosmos:c") + text(address.str()) + "06000000";
    EXPECT_EQ(base::hex(flat_service(service)), base::hex(hex(expected)));
}

TEST(flat, chains_hide_what_the_guest_endpoint_stands_for) {
    types::EvmChainConfig evm{.ws_endpoints = {"ws://a"}, .http_endpoint = "http://b"};
    EXPECT_EQ(flat_evm_chain({.chain_id = "1", .config = evm}),
              hex(text("1") + "01000000" + text("ws://a") + "01" + text("http://b")));
    evm.guest_endpoint = "https://g";
    EXPECT_EQ(flat_evm_chain({.chain_id = "1", .config = evm}),
              hex(text("1") + "00000000 01" + text("https://g")));
    evm.guest_endpoint = "wss://g";
    EXPECT_EQ(flat_evm_chain({.chain_id = "1", .config = evm}),
              hex(text("1") + "01000000" + text("wss://g") + "00"));
    types::CosmosChainConfig cosmos{.bech32_prefix = "p",
                                    .rpc_endpoint = "http://r",
                                    .grpc_endpoint = "http://q",
                                    .gas_price = 0.5F,
                                    .gas_denom = "u"};
    EXPECT_EQ(flat_cosmos_chain({.chain_id = "c", .config = cosmos}),
              hex(text("c") + "01" + text("http://r") + "01" + text("http://q") + "00 0000003f" +
                  text("u") + text("p")));
    cosmos.guest_endpoint = "http://g";
    EXPECT_EQ(flat_cosmos_chain({.chain_id = "c", .config = cosmos}),
              hex(text("c") + "01" + text("http://g") + "00 00 0000003f" + text("u") + text("p")));
}

TEST(flat, key_response) {
    EXPECT_EQ(flat_key_response({"a", "b"}, "c"),
              hex("02000000" + text("a") + text("b") + "01" + text("c")));
    EXPECT_EQ(flat_key_response({}, std::nullopt), hex("00000000 00"));
}

TEST(flat_read, responses) {
    const auto read = read_responses(hex("01000000 | 02000000 6869 | 00 | 01 01000000 73"));
    ASSERT_TRUE(read.has_value());
    ASSERT_EQ(read.value().size(), 1U);
    EXPECT_EQ(read.value()[0], (types::WasmResponse{.payload = base::to_bytes("hi"),
                                                    .ordering = std::nullopt,
                                                    .event_id_salt = base::to_bytes("s")}));
    EXPECT_TRUE(read_responses(hex("00000000")).value().empty());
}

TEST(flat_read, damaged_responses_are_refused) {
    for (const char* damaged : {"", "01000000", "ffffffff", "00000000 00", "01000000 ffffffff 00",
                                "01000000 00000000 02 00", "01000000 00000000 00 01 05000000 00"}) {
        const auto read = read_responses(hex(damaged));
        ASSERT_FALSE(read.has_value()) << damaged;
        EXPECT_EQ(read.error().code(), base::ErrorCode("rt_output"));
    }
}

TEST(flat_read, actions) {
    const auto address = types::CosmosAddress::make("wasm", base::Bytes(20, 1)).value();
    std::string bytes = "03000000 | 00 0500000000000000";
    bytes += "| 01 00" + text("evm:1") + "14000000 01" + repeat("00", 19) +
             "01 0200000000000000 0100000000000000";
    bytes += "| 01 01" + text("cosmos:c") + text(address.str()) + "04000000 00";
    const auto read = read_actions(hex(bytes));
    ASSERT_TRUE(read.has_value()) << read.error().full_text();
    ASSERT_EQ(read.value().size(), 3U);
    EXPECT_EQ(read.value()[0], types::AggregatorAction(types::TimerAction{.delay_secs = 5}));
    const auto gas_price = (static_cast<unsigned __int128>(1) << 64) | 2U;
    EXPECT_EQ(read.value()[1], types::AggregatorAction(types::SubmitAction(
                                   types::EvmSubmitAction{.chain = chain("evm:1"),
                                                          .address = id_of<types::EvmAddress>(1),
                                                          .gas_price = gas_price})));
    EXPECT_EQ(read.value()[2],
              types::AggregatorAction(types::SubmitAction(types::CosmosSubmitAction{
                  .chain = chain("cosmos:c"), .address = address, .gas_price = std::nullopt})));
}

void expect_unconvertible(const std::string& action, std::string_view reason) {
    const auto read = read_actions(hex("02000000 00 0100000000000000" + action));
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().kind(), base::ErrorKind::Guest);
    EXPECT_EQ(read.error().code(), base::ErrorCode("convert_aggregator_action"));
    EXPECT_THAT(read.error().message(), HasSubstr("aggregator action 1: "));
    EXPECT_THAT(read.error().message(), HasSubstr(std::string(reason)));
}

TEST(flat_read, actions_that_do_not_convert_fail_the_call) {
    const auto address = types::CosmosAddress::make("wasm", base::Bytes(20, 1)).value();
    const std::string good = text(address.str());
    expect_unconvertible("01 00" + text("evm:1") + "02000000 0102 00", "has 20 bytes, this one 2");
    expect_unconvertible("01 00" + text("nonsense") + "14000000" + repeat("00", 20) + "00", "");
    expect_unconvertible("01 01" + text("cosmos:c") + good + "05000000 00", "prefix of 4 bytes");
    expect_unconvertible("01 01" + text("cosmos:c") + good + "ffffffff 00", "prefix of 4 bytes");
    expect_unconvertible("01 01" + text("cosmos:c") + text("w\xc3\xa4h") + "02000000 00", "");
}

TEST(flat_read, damaged_actions_are_refused) {
    for (const char* damaged : {"01000000", "01000000 02", "01000000 01 02 00000000 00000000 00",
                                "00000000 00", "01000000 00 01"}) {
        const auto read = read_actions(hex(damaged));
        ASSERT_FALSE(read.has_value()) << damaged;
        EXPECT_EQ(read.error().code(), base::ErrorCode("rt_output")) << damaged;
    }
}

}  // namespace
}  // namespace wavs::engine
