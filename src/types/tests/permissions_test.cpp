// SPDX-License-Identifier: Apache-2.0
#include "vectors.hpp"

#include "wavs/types/permissions.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace wavs::types {
namespace {

using Texts = std::vector<std::string>;

Workflow plain_workflow() {
    Workflow out;
    out.trigger = ManualTrigger{};
    out.component.source = DigestSource{};
    out.submit = SubmitNone{};
    return out;
}

SubmitAggregator plain_submit() {
    SubmitAggregator out;
    out.component.source = DigestSource{};
    out.signature_kind = kEvmSignatureKind;
    return out;
}

Service plain_service() {
    Service out;
    out.name = "demo";
    out.manager = EvmManager{must(ChainKey::parse("evm:1")), {}};
    out.workflows.emplace(must(WorkflowId::parse("wf-1")), plain_workflow());
    return out;
}

Workflow& only(Service& service) { return service.workflows.begin()->second; }

AllowedHosts hosts(std::vector<std::string> entries) { return OnlyHosts{std::move(entries)}; }

Destination destination(std::optional<std::uint64_t> max_gas) {
    return {must(ChainKey::parse("evm:1")), {}, max_gas};
}

void submit_to(Workflow& workflow, std::optional<std::uint64_t> max_gas) {
    auto submit = plain_submit();
    submit.component = embedded_aggregator({destination(max_gas)});
    workflow.submit = std::move(submit);
}

/// What a manifest asks for more when `now` changes what `before` made of the plain one.
using Change = std::function<void(Workflow&)>;
Texts more(const Change& before, const Change& now) {
    auto older = plain_service();
    before(only(older));
    auto newer = plain_service();
    now(only(newer));
    return more_than(permissions_of(older), permissions_of(newer));
}
void as_it_is(Workflow& /*workflow*/) {}

const std::string kComponent = "workflow wf-1, component: ";
const std::string kAggregator = "workflow wf-1, aggregator component: ";
const std::string kSubmit = "workflow wf-1, submit: ";

TEST(Permissions, each_grant_that_is_new_is_named) {
    struct Case {
        Change change;
        Texts expected;
    };
    const std::vector<Case> cases = {
        {as_it_is, {}},
        {[](Workflow& w) { w.component.permissions.file_system = true; },
         {kComponent + "files in a folder of the service"}},
        {[](Workflow& w) { w.component.permissions.raw_sockets = true; },
         {kComponent + "TCP and UDP sockets"}},
        {[](Workflow& w) { w.component.permissions.dns_resolution = true; },
         {kComponent + "look-up of names (DNS)"}},
        {[](Workflow& w) { w.component.permissions.allowed_http_hosts = AllHosts{}; },
         {kComponent + "HTTP requests to every host"}},
        {[](Workflow& w) { w.component.permissions.allowed_http_hosts = hosts({"b", "a", "b"}); },
         {kComponent + "HTTP requests to a", kComponent + "HTTP requests to b"}},
        {[](Workflow& w) { w.component.env_keys = {"WAVS_ENV_B", "WAVS_ENV_A"}; },
         {kComponent + "variable WAVS_ENV_A", kComponent + "variable WAVS_ENV_B"}},
        {[](Workflow& w) { w.submit = plain_submit(); },
         {kSubmit + "results are signed and submitted"}},
        {[](Workflow& w) {
             auto submit = plain_submit();
             submit.component.permissions.file_system = true;
             submit.signature_kind.prefix.reset();
             w.submit = std::move(submit);
         },
         {kAggregator + "files in a folder of the service",
          kSubmit + "results are signed and submitted", kSubmit + "signatures without a prefix"}},
        {[](Workflow& w) { submit_to(w, 5); },
         {kSubmit + "results are signed and submitted",
          kSubmit + "results go to 0x0000000000000000000000000000000000000000 on evm:1"}},
        {[](Workflow& w) {
             DigestSource other;
             other.digest.array().fill(9);
             w.component.source = other;
         },
         {}},
        {[](Workflow& w) { w.component.config = {{"any", "thing"}}; }, {}},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
        EXPECT_EQ(more(as_it_is, cases[i].change), cases[i].expected) << i;
        EXPECT_EQ(more(cases[i].change, cases[i].change), Texts{}) << i;
        EXPECT_EQ(more(cases[i].change, as_it_is), Texts{}) << i << ": what is given up is no more";
    }
}

TEST(Permissions, a_host_pattern_that_is_wider_is_more) {
    struct Case {
        std::vector<std::string> before;
        std::vector<std::string> now;
        bool more;
    };
    const std::vector<Case> cases = {
        {{"a.example.com"}, {"*.example.com"}, true},
        {{"*.example.com"}, {"a.example.com"}, false},
        {{"*.example.com"}, {"*.b.example.com"}, false},
        {{"*.b.example.com"}, {"*.example.com"}, true},
        {{"*.example.com"}, {"example.com"}, true},
        {{"*.example.com"}, {"badexample.com"}, true},
        {{"example.com"}, {"www.example.com"}, true},
        {{"example.com:443"}, {"example.com"}, true},
        {{"example.com"}, {"example.com:443"}, false},
        {{"example.com:443"}, {"example.com:80"}, true},
        {{"*.example.com:443"}, {"a.example.com"}, true},
        {{"*.example.com:443"}, {"a.example.com:443"}, false},
        {{"Example.COM."}, {"https://example.com/path?x"}, false},
        {{"*"}, {"anything:1"}, false},
        {{"a", "b"}, {"*"}, true},
        {{"*"}, {"*"}, false},
        {{"::1"}, {"[::1]:80"}, false},
        {{"[::1]:80"}, {"::1"}, true},
        {{"*."}, {"a."}, true},
        {{"a", "b", "c"}, {"c", "a"}, false},
        {{}, {"a"}, true},
        {{"example.com:x"}, {"example.com"}, true},
    };
    for (const auto& one : cases) {
        const auto set = [](const std::vector<std::string>& entries) {
            return [entries](Workflow& w) {
                w.component.permissions.allowed_http_hosts = hosts(entries);
            };
        };
        EXPECT_EQ(!more(set(one.before), set(one.now)).empty(), one.more)
            << ::testing::PrintToString(one.before) << " to " << ::testing::PrintToString(one.now);
    }
    const auto all = [](Workflow& w) { w.component.permissions.allowed_http_hosts = AllHosts{}; };
    const auto star = [](Workflow& w) {
        w.component.permissions.allowed_http_hosts = hosts({"*"});
    };
    EXPECT_EQ(more(all, star), Texts{});
    EXPECT_EQ(more(star, all), Texts{});
}

TEST(Permissions, a_limit_that_is_higher_or_gone_is_more) {
    using Limit = std::optional<std::uint64_t>;
    const auto fuel = [](Limit limit) {
        return [limit](Workflow& w) { w.component.fuel_limit = limit; };
    };
    const auto time = [](Limit limit) {
        return [limit](Workflow& w) { w.component.time_limit_seconds = limit; };
    };
    const auto gas = [](Limit limit) { return [limit](Workflow& w) { submit_to(w, limit); }; };
    EXPECT_EQ(more(fuel(5), fuel(6)), Texts{kComponent + "fuel limit 6 instead of 5"});
    EXPECT_EQ(more(fuel(5), fuel({})), Texts{kComponent + "no fuel limit of its own instead of 5"});
    EXPECT_EQ(more(fuel(6), fuel(5)), Texts{});
    EXPECT_EQ(more(fuel({}), fuel(5)), Texts{});
    EXPECT_EQ(more(time(5), time(6)), Texts{kComponent + "time limit in seconds 6 instead of 5"});
    EXPECT_EQ(more(time({}), time(6)), Texts{});
    const std::string where = "gas limit for 0x0000000000000000000000000000000000000000 on evm:1 ";
    EXPECT_EQ(more(gas(5), gas(6)), Texts{kSubmit + where + "6 instead of 5"});
    EXPECT_EQ(more(gas({}), gas(6)), Texts{});
    EXPECT_EQ(more(gas(6), gas(5)), Texts{});
}

TEST(Permissions, a_new_workflow_starts_from_nothing_and_from_the_widest_limits) {
    auto before = plain_service();
    only(before).component.permissions.raw_sockets = true;
    only(before).component.fuel_limit = 5;
    auto now = before;
    auto& added = now.workflows.emplace(must(WorkflowId::parse("wf-2")), plain_workflow())
                      .first->second.component;
    added.fuel_limit = 5;
    EXPECT_EQ(more_than(permissions_of(before), permissions_of(now)), Texts{});
    added.permissions.raw_sockets = true;
    added.fuel_limit.reset();
    EXPECT_EQ(more_than(permissions_of(before), permissions_of(now)),
              (Texts{"workflow wf-2, component: TCP and UDP sockets",
                     "workflow wf-2, component: no fuel limit of its own instead of 5"}));
    before.workflows.clear();
    EXPECT_EQ(more_than(permissions_of(now), permissions_of(before)), Texts{});
}

TEST(Permissions, all_of_a_manifest_is_described_with_its_limits) {
    auto service = plain_service();
    EXPECT_EQ(describe(permissions_of(service)), Texts{});
    only(service).component.env_keys = {"WAVS_ENV_A"};
    only(service).component.time_limit_seconds = 7;
    auto submit = plain_submit();
    submit.component.fuel_limit = 8;
    only(service).submit = submit;
    EXPECT_EQ(
        describe(permissions_of(service)),
        (Texts{kComponent + "variable WAVS_ENV_A", kSubmit + "results are signed and submitted",
               kComponent + "time limit in seconds 7", kAggregator + "fuel limit 8"}));
}

}  // namespace
}  // namespace wavs::types
