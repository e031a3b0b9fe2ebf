// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/permissions.hpp"

#include "host_pattern.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace wavs::types {
namespace {

ComponentGrants grants_of(const Component& component) {
    return {component.permissions, component.env_keys, component.fuel_limit,
            component.time_limit_seconds};
}

SubmitGrants grants_of(const SubmitAggregator& submit) {
    SubmitGrants out;
    out.component = grants_of(submit.component);
    out.bare_signature = !submit.signature_kind.prefix.has_value();
    // Destinations that cannot be read refuse the manifest (validate.hpp).
    if (const auto destinations = destinations_of(submit.component); destinations.has_value()) {
        for (const auto& destination : destinations.value()) {
            out.destinations[{destination.chain, destination.address}] = destination.max_gas;
        }
    }
    return out;
}

struct Limits {
    std::optional<std::uint64_t> fuel;
    std::optional<std::uint64_t> seconds;
};

// No limit is wider than any.
std::optional<std::uint64_t> wider(std::optional<std::uint64_t> a, std::optional<std::uint64_t> b) {
    return a && b ? std::optional(std::max(*a, *b)) : std::nullopt;
}

Limits widest_limits(const PermissionSet& set) {
    std::optional<Limits> out;
    const auto take = [&out](const ComponentGrants& one) {
        const Limits own{one.fuel_limit, one.time_limit_seconds};
        out = out ? Limits{wider(out->fuel, own.fuel), wider(out->seconds, own.seconds)} : own;
    };
    for (const auto& [id, workflow] : set) {
        take(workflow.component);
        if (workflow.submit) {
            take(workflow.submit->component);
        }
    }
    return out.value_or(Limits{});
}

ComponentGrants nothing_within(const Limits& limits) {
    return {.permissions = {},
            .env_keys = {},
            .fuel_limit = limits.fuel,
            .time_limit_seconds = limits.seconds};
}

/// Sentences about one component or workflow, which stands in front of each.
class Remarks {
public:
    Remarks(std::vector<std::string>& out, std::string subject)
        : out_(out), subject_(std::move(subject)) {}
    void add(std::string_view what) { out_.push_back(fmt::format("{}: {}", subject_, what)); }

private:
    std::vector<std::string>& out_;
    std::string subject_;
};

Remarks about_component(std::vector<std::string>& out, const WorkflowId& workflow) {
    return {out, fmt::format("workflow {}, component", workflow.str())};
}
Remarks about_aggregator(std::vector<std::string>& out, const WorkflowId& workflow) {
    return {out, fmt::format("workflow {}, aggregator component", workflow.str())};
}
Remarks about_submit(std::vector<std::string>& out, const WorkflowId& workflow) {
    return {out, fmt::format("workflow {}, submit", workflow.str())};
}

// Each host once and in order; all of them are the one entry "*".
std::set<std::string> entries_of(const AllowedHosts& hosts) {
    if (std::holds_alternative<AllHosts>(hosts)) {
        return {"*"};
    }
    const auto* only = std::get_if<OnlyHosts>(&hosts);
    return only == nullptr ? std::set<std::string>()
                           : std::set<std::string>(only->hosts.begin(), only->hosts.end());
}

void compare_hosts(Remarks& remarks, const AllowedHosts& before, const AllowedHosts& now) {
    std::vector<HostPattern> covering;
    for (const auto& entry : entries_of(before)) {
        covering.push_back(HostPattern::parse(entry));
    }
    for (const auto& entry : entries_of(now)) {
        const auto pattern = HostPattern::parse(entry);
        const bool covered = std::any_of(covering.begin(), covering.end(),
                                         [&](const auto& one) { return one.covers(pattern); });
        if (!covered) {
            remarks.add(entry == "*" ? "HTTP requests to every host" : "HTTP requests to " + entry);
        }
    }
}

void compare_limit(Remarks& remarks, std::string_view name, std::optional<std::uint64_t> before,
                   std::optional<std::uint64_t> now) {
    if (!before || (now && *now <= *before)) {
        return;
    }
    remarks.add(now ? fmt::format("{} {} instead of {}", name, *now, *before)
                    : fmt::format("no {} of its own instead of {}", name, *before));
}

void compare(Remarks remarks, const ComponentGrants& before, const ComponentGrants& now) {
    compare_hosts(remarks, before.permissions.allowed_http_hosts,
                  now.permissions.allowed_http_hosts);
    if (now.permissions.file_system && !before.permissions.file_system) {
        remarks.add("files in a folder of the service");
    }
    if (now.permissions.raw_sockets && !before.permissions.raw_sockets) {
        remarks.add("TCP and UDP sockets");
    }
    if (now.permissions.dns_resolution && !before.permissions.dns_resolution) {
        remarks.add("look-up of names (DNS)");
    }
    for (const auto& name : now.env_keys) {
        if (!before.env_keys.contains(name)) {
            remarks.add("variable " + name);
        }
    }
    compare_limit(remarks, "fuel limit", before.fuel_limit, now.fuel_limit);
    compare_limit(remarks, "time limit in seconds", before.time_limit_seconds,
                  now.time_limit_seconds);
}

void compare_submit(Remarks remarks, const SubmitGrants* before, const SubmitGrants& now) {
    if (before == nullptr) {
        remarks.add("results are signed and submitted");
    }
    if (now.bare_signature && (before == nullptr || !before->bare_signature)) {
        remarks.add("signatures without a prefix");
    }
    for (const auto& [destination, max_gas] : now.destinations) {
        const auto where =
            fmt::format("{} on {}", to_string(destination.second), destination.first.str());
        if (before == nullptr || !before->destinations.contains(destination)) {
            remarks.add("results go to " + where);
            continue;
        }
        compare_limit(remarks, "gas limit for " + where, before->destinations.at(destination),
                      max_gas);
    }
}

void describe_limits(Remarks remarks, const ComponentGrants& grants) {
    if (grants.fuel_limit) {
        remarks.add(fmt::format("fuel limit {}", *grants.fuel_limit));
    }
    if (grants.time_limit_seconds) {
        remarks.add(fmt::format("time limit in seconds {}", *grants.time_limit_seconds));
    }
}

}  // namespace

PermissionSet permissions_of(const Service& service) {
    PermissionSet out;
    for (const auto& [id, workflow] : service.workflows) {
        auto& grants = out[id];
        grants.component = grants_of(workflow.component);
        if (const auto* submit = workflow.aggregator()) {
            grants.submit = grants_of(*submit);
        }
    }
    return out;
}

std::vector<std::string> describe(const PermissionSet& permissions) {
    auto out = more_than({}, permissions);
    for (const auto& [id, workflow] : permissions) {
        describe_limits(about_component(out, id), workflow.component);
        if (workflow.submit) {
            describe_limits(about_aggregator(out, id), workflow.submit->component);
        }
    }
    return out;
}

std::vector<std::string> more_than(const PermissionSet& before, const PermissionSet& now) {
    const auto nothing = nothing_within(widest_limits(before));
    std::vector<std::string> out;
    for (const auto& [id, workflow] : now) {
        const auto found = before.find(id);
        const auto* known = found == before.end() ? nullptr : &found->second;
        compare(about_component(out, id), known != nullptr ? known->component : nothing,
                workflow.component);
        if (workflow.submit) {
            const auto* submit = known != nullptr && known->submit ? &*known->submit : nullptr;
            compare(about_aggregator(out, id), submit != nullptr ? submit->component : nothing,
                    workflow.submit->component);
            compare_submit(about_submit(out, id), submit, *workflow.submit);
        }
    }
    return out;
}

}  // namespace wavs::types
