// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/validate.hpp"

#include "wavs/types/cron.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace wavs::types {
namespace {

constexpr std::uint64_t kLastCalendarNanos = 0x7fff'ffff'ffff'ffffULL;

/// Collects the findings of one workflow, or of the service when `workflow` is empty.
class Report {
public:
    Report(std::vector<Finding>& out, std::string workflow)
        : out_(out), workflow_(std::move(workflow)) {}

    void fatal(base::ErrorCode code, std::string message) {
        add(Severity::Fatal, code, std::move(message));
    }
    void error(base::ErrorCode code, std::string message) {
        add(Severity::Error, code, std::move(message));
    }
    void warning(base::ErrorCode code, std::string message) {
        add(Severity::Warning, code, std::move(message));
    }
    /// "Workflow 'W' <rest>".
    std::string says(std::string_view rest) const {
        return fmt::format("Workflow '{}' {}", workflow_, rest);
    }

private:
    void add(Severity severity, base::ErrorCode code, std::string message) {
        out_.push_back({severity, code, workflow_, std::move(message)});
    }

    std::vector<Finding>& out_;
    std::string workflow_;
};

void check_namespace(Report& report, const ChainKey& chain, std::string_view expected) {
    if (chain.ns() != expected && chain.ns() != "dev") {
        report.warning("chain_kind", report.says(fmt::format("has a trigger for {} chains on `{}`",
                                                             expected, chain.str())));
    }
}

struct TriggerChecks {
    Report& report;
    Timestamp now;

    void operator()(const ManualTrigger&) const {}
    void operator()(const EvmEventTrigger& t) const { check_namespace(report, t.chain, "evm"); }
    void operator()(const CosmosEventTrigger& t) const {
        check_namespace(report, t.chain, "cosmos");
        if (t.event_type.empty()) {
            report.error("event_type", report.says("has an empty event type in Cosmos trigger"));
        }
        if (t.event_type.starts_with("wasm-")) {
            report.warning("event_type",
                           report.says(fmt::format("has event type '{}': the chain's prefix "
                                                   "`wasm-` is taken off, it means '{}'",
                                                   t.event_type, t.event_type.substr(5))));
        }
    }
    void operator()(const BlockIntervalTrigger& t) const {
        if (t.start_block.has_value() && t.end_block.has_value() && *t.start_block > *t.end_block) {
            report.fatal("interval_order",
                         report.says("has an invalid block-interval trigger: start_block must be "
                                     "before or equal to end_block"));
        }
    }
    void operator()(const CronTrigger& t) const;
    void operator()(const AtProtoTrigger& t) const {
        if (t.collection.empty()) {
            report.warning("collection",
                           report.says("has an empty collection in AT Protocol trigger"));
        } else if (t.collection.find('.') == std::string::npos) {
            report.warning(
                "collection",
                report.says(fmt::format("has collection '{}', which has no dot", t.collection)));
        }
        if (t.repo_did.has_value() && !t.repo_did->starts_with("did:")) {
            report.warning("repo_did",
                           report.says(fmt::format("has repo_did '{}', which does not begin with "
                                                   "'did:'",
                                                   *t.repo_did)));
        }
    }
    void operator()(const HypercoreTrigger& t) const {
        if (t.feed_key.find_first_not_of(" \t\r\n") == std::string::npos) {
            report.fatal("feed_key", report.says("has an empty feed_key in Hypercore trigger"));
            return;
        }
        if (const auto key = decode_feed_key(t.feed_key); !key.has_value()) {
            report.fatal("feed_key",
                         report.says(fmt::format("has a bad feed_key in Hypercore trigger: {}",
                                                 key.error().message())));
        }
    }
};

void TriggerChecks::operator()(const CronTrigger& t) const {
    const auto schedule = CronSchedule::parse(t.schedule);
    if (!schedule.has_value()) {
        report.fatal("cron", report.says(fmt::format("has an invalid cron trigger schedule: {}: {}",
                                                     t.schedule, schedule.error().message())));
    } else {
        const auto next = schedule.value().next_after(std::max(t.start_time.value_or(now), now));
        const bool ended = t.end_time.has_value() && *t.end_time < now;
        if (!ended && (!next || (t.end_time.has_value() && *t.end_time < *next))) {
            report.warning("cron_never",
                           report.says(fmt::format(
                               "has a cron trigger that never fires from now on: {}", t.schedule)));
        }
    }
    if (t.start_time.has_value() && t.end_time.has_value() && *t.start_time > *t.end_time) {
        report.fatal("interval_order",
                     report.says("has an invalid cron trigger: start_time must be before or equal "
                                 "to end_time"));
    }
    if (t.end_time.has_value() && *t.end_time < now) {
        report.error("end_time", report.says("has an invalid cron trigger: end_time must be in the "
                                             "future"));
    }
    for (const auto& time : {t.start_time, t.end_time}) {
        if (time.has_value() && time->nanos > kLastCalendarNanos) {
            report.warning("time_range",
                           report.says("has a cron time after the year 2262, which other nodes "
                                       "cannot represent"));
        }
    }
}

/// The words that tell the two components of a workflow apart in the messages.
struct Role {
    std::string_view fuel;
    std::string_view time;
    std::string_view environment;
};
constexpr Role kOperatorRole = {"has a fuel limit", "has a time limit", "has environment variable"};
constexpr Role kAggregatorRole = {"has an aggregator component with a fuel limit",
                                  "has an aggregator component with a time limit",
                                  "has aggregator component environment variable"};

void check_environment(Report& report, const Component& component, const Role& role) {
    for (const std::string& name : component.env_keys) {
        const std::string variable = fmt::format("{} '{}'", role.environment, name);
        if (!name.starts_with(kEnvPrefix)) {
            report.error("env_key", report.says(fmt::format("{} that doesn't start with '{}'",
                                                            variable, kEnvPrefix)));
        } else if (!name.starts_with("WAVS_ENV_")) {
            report.warning("env_key", report.says(fmt::format("{} without an underscore after '{}'",
                                                              variable, kEnvPrefix)));
        }
    }
}

void check_component(Report& report, const Component& component, const Role& role) {
    if (component.fuel_limit == 0U) {
        report.error("fuel_limit", report.says(fmt::format(
                                       "{} of zero, which will prevent execution", role.fuel)));
    }
    if (component.time_limit_seconds == 0U) {
        report.warning("time_limit", report.says(fmt::format(
                                         "{} of zero, which will prevent execution", role.time)));
    }
    check_environment(report, component, role);
    if (const auto* download = std::get_if<DownloadSource>(&component.source)) {
        constexpr std::array<std::string_view, 3> kSchemes = {"http:", "https:", "ipfs:"};
        std::string scheme = download->uri.substr(0, download->uri.find(':') + 1);
        for (char& c : scheme) {
            c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        }
        if (std::find(kSchemes.begin(), kSchemes.end(), scheme) == kSchemes.end()) {
            report.warning("uri_scheme",
                           report.says(fmt::format("downloads from '{}', but only http, https and "
                                                   "ipfs can be fetched",
                                                   download->uri)));
        }
    }
}

void check_embedded(Report& report, const SubmitAggregator& aggregator) {
    if (!is_embedded_aggregator(aggregator.component)) {
        return;
    }
    const auto destinations = destinations_of(aggregator.component);
    if (!destinations.has_value()) {
        report.fatal("destination", report.says("has the built-in aggregator, but " +
                                                destinations.error().message()));
    } else if (destinations.value().empty()) {
        report.fatal("destination",
                     report.says("has the built-in aggregator without destinations"));
    }
}

/// An id that begins with another one can give the same event id when components choose salts.
void check_prefixes(Report& report, const Service& service) {
    for (auto a = service.workflows.begin(); a != service.workflows.end(); ++a) {
        const auto b = std::next(a);
        if (b != service.workflows.end() && b->first.str().starts_with(a->first.str())) {
            report.warning("workflow_prefix",
                           fmt::format("workflow id '{}' begins with '{}': with component salts "
                                       "their event ids could collide",
                                       b->first.str(), a->first.str()));
        }
    }
}

}  // namespace

std::vector<Finding> validate(const WorkflowId& workflow, const Trigger& trigger, Timestamp now) {
    std::vector<Finding> out;
    Report report(out, workflow.str());
    std::visit(TriggerChecks{report, now}, trigger);
    return out;
}

std::vector<Finding> validate(const Service& service, Timestamp now) {
    std::vector<Finding> out;
    Report whole(out, {});
    if (service.name.empty()) {
        whole.error("service_name", "Service name cannot be empty");
    }
    if (service.workflows.empty()) {
        whole.warning("no_workflows", "Service has no workflows");
    }
    if (service.workflows.size() > kMaxWorkflows) {
        whole.fatal("workflow_count",
                    fmt::format("Service has {} workflows, at most {} are accepted",
                                service.workflows.size(), kMaxWorkflows));
    }
    check_prefixes(whole, service);
    for (const auto& [id, workflow] : service.workflows) {
        Report report(out, id.str());
        check_component(report, workflow.component, kOperatorRole);
        std::visit(TriggerChecks{report, now}, workflow.trigger);
        if (const SubmitAggregator* aggregator = workflow.aggregator()) {
            check_component(report, aggregator->component, kAggregatorRole);
            check_embedded(report, *aggregator);
        }
    }
    return out;
}

}  // namespace wavs::types
