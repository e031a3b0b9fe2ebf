// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/manifest_json.hpp"

#include <gtest/gtest.h>

namespace wavs::types {
namespace {

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos);
    return text.replace(at, what.size(), with);
}

ManifestOptions with_ethereum() {
    ManifestOptions options;
    options.legacy_chain_names.emplace("ethereum", must(ChainKey::parse("evm:1")));
    return options;
}

bool has(const std::vector<Finding>& findings, std::string_view code) {
    return std::any_of(findings.begin(), findings.end(),
                       [&](const Finding& f) { return f.code.view() == code; });
}

constexpr std::string_view kComponent =
    R"({"source":{"digest":"2222222222222222222222222222222222222222222222222222222222222222"},"permissions":{},"config":{},"env_keys":[]})";

std::string manifest(std::string_view submit) {
    return fmt::format(
        R"({{"name":"x","workflows":{{"default":{{"trigger":"manual","component":{},"submit":{}}}}},"status":"active","manager":{{"evm":{{"chain":"evm:1","address":"0x1111111111111111111111111111111111111111"}}}}}})",
        kComponent, submit);
}

TEST(LegacyManifest, is_read_into_the_current_form) {
    const auto parsed = parse_manifest(vector_file("legacy_manifest.json"), with_ethereum());
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
    const Service& service = parsed.value().service;
    EXPECT_EQ(chain_of(service.manager).str(), "evm:1");
    const Workflow& workflow = service.workflows.at(WorkflowId());
    EXPECT_EQ(std::get<EvmEventTrigger>(workflow.trigger).chain.str(), "evm:1");
    const auto& source = std::get<RegistrySource>(workflow.component.source);
    EXPECT_EQ(source.package, "example:evmrustoracle");
    EXPECT_EQ(source.domain, "localhost:8090");
    ASSERT_NE(workflow.aggregator(), nullptr);
    EXPECT_EQ(workflow.aggregator()->signature_kind, kEvmSignatureKind);
    const auto destinations = must(destinations_of(workflow.aggregator()->component));
    ASSERT_EQ(destinations.size(), 1U);
    EXPECT_EQ(destinations[0].chain.str(), "evm:1");
    EXPECT_EQ(to_string(destinations[0].address), "0xfedcba9876543210fedcba9876543210fedcba98");
    EXPECT_EQ(destinations[0].max_gas, 1'000'000U);
}

TEST(LegacyManifest, warns_of_all_that_is_not_as_written) {
    const auto parsed = must(parse_manifest(vector_file("legacy_manifest.json"), with_ethereum()));
    for (const std::string_view code :
         {"legacy_aggregator", "legacy_aggregator_url", "legacy_chain_name", "legacy_registry"}) {
        EXPECT_TRUE(has(parsed.warnings, code)) << code;
    }
    EXPECT_EQ(parsed.warnings.front().workflow, "default");
    const auto inactive = must(
        parse_manifest(replaced(vector_file("legacy_manifest.json"), "\"active\"", "\"inactive\""),
                       with_ethereum()));
    EXPECT_EQ(inactive.service.status, ServiceStatus::Paused);
    EXPECT_TRUE(has(inactive.warnings, "legacy_status"));
}

TEST(LegacyManifest, its_canonical_form_is_a_current_manifest) {
    const auto parsed = must(parse_manifest(vector_file("legacy_manifest.json"), with_ethereum()));
    const auto again =
        must(parse_manifest(to_json(parsed.service), {.legacy = LegacyManifests::Refuse}));
    EXPECT_EQ(again.service, parsed.service);
    EXPECT_EQ(to_string(embedded_aggregator_digest()),
              "0c6170f4dcae8ec38b416a5c122eb4e08e6aaa019b6824296ccde3795809e117");
}

TEST(LegacyManifest, unknown_chain_name_says_which_line_to_add) {
    const auto parsed = parse_manifest(vector_file("legacy_manifest.json"));
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().code().view(), "legacy_chain_name");
    EXPECT_EQ(parsed.error().message(),
              "workflows.default.trigger.evm_contract_event.chain_name: unknown chain_name "
              "\"ethereum\": add the line `ethereum = \"evm:<chain id>\"` to "
              "[wavs.legacy_chain_names] in wavs.toml at line 8 column 29");
}

TEST(LegacyManifest, chain_and_chain_name_must_agree) {
    const std::string both = replaced(vector_file("legacy_manifest.json"), "\"chain_name\"",
                                      "\"chain\": \"evm:2\", \"chain_name\"");
    EXPECT_EQ(parse_manifest(both, with_ethereum()).error().code().view(), "legacy_chain_conflict");
}

TEST(LegacyManifest, without_destinations_is_refused) {
    const auto parsed = parse_manifest(manifest(R"({"aggregator":{"url":"http://x"}})"));
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().code().view(), "legacy_destinations");
    EXPECT_NE(parsed.error().message().find("legacy aggregator without destinations"),
              std::string::npos);
}

TEST(LegacyManifest, can_be_switched_off) {
    ManifestOptions options = with_ethereum();
    options.legacy = LegacyManifests::Refuse;
    EXPECT_EQ(parse_manifest(vector_file("legacy_manifest.json"), options).error().code().view(),
              "json_shape");
}

TEST(LegacyManifest, nested_registry_a_thousand_times_is_refused_quietly) {
    std::string source = "1";
    for (int i = 0; i < 1000; ++i) {
        source = "{\"registry\":" + source + "}";
    }
    const std::string text = replaced(
        manifest("\"none\""),
        "{\"digest\":\"2222222222222222222222222222222222222222222222222222222222222222\"}",
        source);
    EXPECT_FALSE(parse_manifest(text).has_value());
}

TEST(Manifest, comments_are_read_only_for_the_command_line) {
    const std::string text = "// mine\n" + manifest("\"none\"");
    EXPECT_FALSE(parse_manifest(text).has_value());
    EXPECT_TRUE(parse_manifest(text, {.comments = json::Comments::Allow}).has_value());
}

TEST(Manifest, unknown_signature_algorithm_needs_a_newer_node) {
    const auto parsed = parse_manifest(manifest(fmt::format(
        R"({{"aggregator":{{"component":{},"signature_kind":{{"algorithm":"bls12381","prefix":null}}}}}})",
        kComponent)));
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().kind(), base::ErrorKind::Unsupported);
    EXPECT_EQ(parsed.error().code().view(), "signature_algorithm");
    for (const std::string_view word : {"bls12381", "secp256k1", "needs a newer node"}) {
        EXPECT_NE(parsed.error().message().find(word), std::string::npos) << word;
    }
}

TEST(Manifest, missing_prefix_stays_missing) {
    const auto parsed = must(parse_manifest(manifest(fmt::format(
        R"({{"aggregator":{{"component":{},"signature_kind":{{"algorithm":"secp256k1"}}}}}})",
        kComponent))));
    EXPECT_FALSE(
        parsed.service.find(WorkflowId())->aggregator()->signature_kind.prefix.has_value());
    EXPECT_EQ(components_of(parsed.service).size(), 2U);
}

TEST(Manifest, above_one_mebibyte_is_refused) {
    const auto parsed = parse_manifest(std::string(kMaxManifestBytes + 1, ' '));
    EXPECT_EQ(parsed.error().kind(), base::ErrorKind::TooLarge);
    EXPECT_EQ(parse_manifest(std::string(kMaxManifestBytes, ' ')).error().code().view(),
              "json_syntax");
}

TEST(Manifest, first_error_wins_when_both_readings_fail) {
    const auto parsed =
        parse_manifest(R"({"name":1,"workflows":{},"status":"inactive","manager":"unset"})");
    EXPECT_EQ(parsed.error().message(),
              "name: invalid type: integer `1`, expected a string at line 1 column 9");
}

TEST(Manifest, manager_alone) {
    const std::string text =
        R"({"cosmos":{"chain":"cosmos:wasmd","address":"wasm1qqqsyqcyq5rqwzqfpg9scrgwpugpzysnzs23v9ccrydpk8qarc0sutya6q"}})";
    const auto document = must(json::Document::parse(text));
    EXPECT_EQ(to_json(must(read_service_manager(document.root()))), text);
    const std::string_view two = R"({"evm":{},"cosmos":{}})";
    const auto bad = must(json::Document::parse(two));
    EXPECT_EQ(read_service_manager(bad.root()).error().code().view(), "json_syntax");
}

TEST(Manifest, error_positions_are_those_of_the_value) {
    const auto position = [](std::string_view text) {
        const auto document = must(json::Document::parse(text));
        return read_service_manager(*document.root().find("service_manager")).error().message();
    };
    EXPECT_EQ(
        position(
            R"({"service_manager":{"evm":{"address":"0x1111111111111111111111111111111111111111"}}})"),
        "service_manager.evm: missing field `chain` at line 1 column 82");
    EXPECT_EQ(
        position(
            R"({"service_manager":{"evm":{"chain":"evm","address":"0x1111111111111111111111111111111111111111"}}})"),
        "service_manager.evm.chain: ChainKey must follow the CAIP-2-like format of 'namespace:id' "
        "at line 1 column 40");
    EXPECT_EQ(
        position(
            R"({"service_manager":{"Evm":{"chain":"evm:31337","address":"0x1111111111111111111111111111111111111111"}}})"),
        "service_manager: unknown variant `Evm`, expected `evm` or `cosmos` at line 1 column 25");
    EXPECT_EQ(
        position(
            R"({"service_manager":{"evm":{"chain":"evm:31337","chain":"evm:31337","address":"0x11"}}})"),
        "service_manager.evm: duplicate field `chain` at line 1 column 54");
}

TEST(Destinations, round_trip_through_the_configuration) {
    const std::vector<Destination> list = {
        {must(ChainKey::parse("evm:1")), must(parse_evm_address(std::string(40, '1'))), 5},
        {must(ChainKey::parse("dev:x")), must(parse_evm_address(std::string(40, '2'))), {}}};
    EXPECT_EQ(must(destinations_of(embedded_aggregator(list))), list);
    EXPECT_TRUE(must(destinations_of(Component())).empty());
    Component broken = embedded_aggregator(list);
    for (const std::string_view text :
         {"evm:1", "", "evm 0x11", "evm:1 0x1111111111111111111111111111111111111111 x"}) {
        broken.config["destination.0"] = std::string(text);
        EXPECT_FALSE(destinations_of(broken).has_value()) << text;
    }
}

TEST(Trigger, names_for_metrics) {
    EXPECT_EQ(metric_name(Trigger(ManualTrigger{})), "manual");
    EXPECT_EQ(metric_name(Trigger(AtProtoTrigger{})), "atproto_event");
    EXPECT_EQ(chain_of(Trigger(CronTrigger{})), nullptr);
}

}  // namespace
}  // namespace wavs::types
