// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/validate.hpp"

#include <gtest/gtest.h>

namespace wavs::types {
namespace {

constexpr Timestamp kNow{1'700'000'000'000'000'000ULL};

Component component() {
    Component out;
    out.source = DigestSource{};
    return out;
}

Service service(Trigger trigger) {
    Service out;
    out.name = "demo";
    out.manager = EvmManager{must(ChainKey::parse("evm:1")), {}};
    out.workflows.emplace(must(WorkflowId::parse("wf-1")),
                          Workflow{std::move(trigger), component(), SubmitNone{}});
    return out;
}

Workflow& only(Service& s) { return s.workflows.begin()->second; }

/// The messages of one severity.
std::vector<std::string> messages(const Service& s, Severity severity) {
    std::vector<std::string> out;
    for (const Finding& finding : validate(s, kNow)) {
        if (finding.severity == severity) {
            out.push_back(finding.message);
        }
    }
    return out;
}

using Texts = std::vector<std::string>;

TEST(Validate, a_plain_manifest_has_no_findings) {
    EXPECT_TRUE(validate(service(ManualTrigger{}), kNow).empty());
}

TEST(Validate, what_can_never_run_is_fatal) {
    EXPECT_EQ(
        messages(service(CronTrigger{"* * *", {}, {}}), Severity::Fatal),
        Texts{"Workflow 'wf-1' has an invalid cron trigger schedule: * * *: 6 or 7 fields are "
              "expected, days of month are missing at column 6"});
    EXPECT_EQ(
        messages(
            service(CronTrigger{"@daily", Timestamp{kNow.nanos + 9}, Timestamp{kNow.nanos + 5}}),
            Severity::Fatal),
        Texts{"Workflow 'wf-1' has an invalid cron trigger: start_time must be before or equal "
              "to end_time"});
    EXPECT_EQ(messages(service(BlockIntervalTrigger{{}, 1, 4'000'001, 4'000'000}), Severity::Fatal),
              Texts{"Workflow 'wf-1' has an invalid block-interval trigger: start_block must be "
                    "before or equal to end_block"});
    EXPECT_EQ(messages(service(HypercoreTrigger{" "}), Severity::Fatal),
              Texts{"Workflow 'wf-1' has an empty feed_key in Hypercore trigger"});
    EXPECT_EQ(messages(service(HypercoreTrigger{"nothex"}), Severity::Fatal).size(), 1U);
}

TEST(Validate, feed_key_may_have_prefix_and_blanks) {
    const std::string key(64, 'A');
    for (const std::string& text : {key, "0x" + key, " " + key + "\n"}) {
        EXPECT_TRUE(validate(service(HypercoreTrigger{text}), kNow).empty());
    }
    EXPECT_TRUE(has_fatal(validate(service(HypercoreTrigger{"0X" + key}), kNow)));
    EXPECT_TRUE(has_fatal(validate(service(HypercoreTrigger{key + "00"}), kNow)));
}

TEST(Validate, too_many_workflows_are_fatal) {
    Service many = service(ManualTrigger{});
    for (std::size_t i = 0; i < kMaxWorkflows; ++i) {
        many.workflows.emplace(must(WorkflowId::parse(fmt::format("w-{:03}", i))), only(many));
    }
    EXPECT_TRUE(has_fatal(validate(many, kNow)));
    many.workflows.erase(many.workflows.begin());
    EXPECT_FALSE(has_fatal(validate(many, kNow)));
}

TEST(Validate, errors_of_the_command_line_do_not_stop_the_node) {
    Service s = service(ManualTrigger{});
    s.name.clear();
    only(s).component.fuel_limit = 0;
    only(s).component.env_keys = {"FOO", "WAVS_ENV", "WAVS_ENVX", "WAVS_ENV_OK"};
    SubmitAggregator aggregator{component(), kEvmSignatureKind};
    aggregator.component.fuel_limit = 0;
    aggregator.component.env_keys = {"FOO"};
    only(s).submit = aggregator;
    EXPECT_EQ(messages(s, Severity::Error),
              (Texts{"Service name cannot be empty",
                     "Workflow 'wf-1' has a fuel limit of zero, which will prevent execution",
                     "Workflow 'wf-1' has environment variable 'FOO' that doesn't start with "
                     "'WAVS_ENV'",
                     "Workflow 'wf-1' has an aggregator component with a fuel limit of zero, which "
                     "will prevent execution",
                     "Workflow 'wf-1' has aggregator component environment variable 'FOO' that "
                     "doesn't start with 'WAVS_ENV'"}));
    EXPECT_FALSE(has_fatal(validate(s, kNow)));
    EXPECT_EQ(messages(s, Severity::Warning).size(), 2U);
}

TEST(Validate, past_end_and_empty_event_type_are_errors) {
    EXPECT_EQ(messages(service(CronTrigger{"@daily", {}, Timestamp{5}}), Severity::Error),
              Texts{"Workflow 'wf-1' has an invalid cron trigger: end_time must be in the future"});
    const auto chain = must(ChainKey::parse("cosmos:wasmd"));
    EXPECT_EQ(messages(service(CosmosEventTrigger{{}, chain, ""}), Severity::Error),
              Texts{"Workflow 'wf-1' has an empty event type in Cosmos trigger"});
}

TEST(Validate, everything_else_warns) {
    const auto code = [](Trigger trigger) {
        const auto findings = validate(service(std::move(trigger)), kNow);
        EXPECT_EQ(findings.size(), 1U);
        EXPECT_EQ(findings.at(0).severity, Severity::Warning);
        return findings.at(0).code.view();
    };
    const auto cosmos = must(ChainKey::parse("cosmos:x"));
    EXPECT_EQ(code(CosmosEventTrigger{{}, cosmos, "wasm-x"}), "event_type");
    EXPECT_EQ(code(EvmEventTrigger{{}, cosmos, {}}), "chain_kind");
    EXPECT_EQ(code(AtProtoTrigger{"", {}, {}}), "collection");
    EXPECT_EQ(code(AtProtoTrigger{"x", {}, {}}), "collection");
    EXPECT_EQ(code(AtProtoTrigger{"a.b", "plc:x", {}}), "repo_did");
    EXPECT_EQ(code(CronTrigger{"@daily", {}, Timestamp{~0ULL}}), "time_range");
    EXPECT_EQ(code(CronTrigger{"0 0 0 30 2 *", {}, {}}), "cron_never");
    EXPECT_EQ(code(CronTrigger{"@yearly", {}, Timestamp{kNow.nanos + 1}}), "cron_never");
    EXPECT_TRUE(
        validate(service(EvmEventTrigger{{}, must(ChainKey::parse("dev:x")), {}}), kNow).empty());
}

TEST(Validate, warnings_of_components_and_ids) {
    Service s = service(ManualTrigger{});
    only(s).component.source = DownloadSource{"ftp://x/y", {}};
    only(s).component.time_limit_seconds = 0;
    s.workflows.emplace(must(WorkflowId::parse("wf-10")),
                        Workflow{ManualTrigger{}, component(), SubmitNone{}});
    EXPECT_EQ(messages(s, Severity::Warning).size(), 3U);
    only(s).component.source = DownloadSource{"HTTPS://x/y", {}};
    EXPECT_EQ(messages(s, Severity::Warning).size(), 2U);
    Service empty = service(ManualTrigger{});
    empty.workflows.clear();
    EXPECT_EQ(messages(empty, Severity::Warning), Texts{"Service has no workflows"});
}

TEST(Validate, built_in_aggregator_needs_readable_destinations) {
    Service s = service(ManualTrigger{});
    only(s).submit = SubmitAggregator{embedded_aggregator({}), kEvmSignatureKind};
    EXPECT_TRUE(has_fatal(validate(s, kNow)));
    only(s).submit = SubmitAggregator{
        embedded_aggregator({{must(ChainKey::parse("evm:1")), {}, {}}}), kEvmSignatureKind};
    EXPECT_TRUE(validate(s, kNow).empty());
}

}  // namespace
}  // namespace wavs::types
