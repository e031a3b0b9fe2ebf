// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trigger_read.hpp"

#include "wavs/types/json_read.hpp"
#include "wavs/types/manifest_json.hpp"

namespace wavs::types {

/// Reads a manifest from its JSON. Without `legacy` the current form and nothing else; with it also
/// the names and shapes of older ones, with a finding for each. Lives for one reading.
class ManifestReader {
public:
    explicit ManifestReader(const ManifestOptions* legacy) : legacy_(legacy) {}

    base::Result<Service> service(const json::Value& value);
    base::Result<ServiceManager> manager(const json::Value& value);
    base::Result<Component> component(const json::Value& value);
    std::vector<Finding> take_findings() { return std::move(findings_); }

private:
    base::Result<Workflow> workflow(const json::Value& value);
    base::Result<Submit> submit(const json::Value& value, const json::Value& workflow);
    base::Result<Submit> legacy_submit(const json::Fields& aggregator, const json::Value& workflow);
    base::Result<std::vector<Destination>> destinations(const json::Value& workflow);
    base::Result<Destination> destination(const json::Value& value);
    base::Result<ComponentSource> source(const json::Value& value);
    base::Result<ComponentSource> download(const json::Value& value);
    base::Result<ComponentSource> registry(const json::Value& value);
    base::Result<ComponentSource> registry_members(const json::Value& value);
    base::Result<Permissions> permissions(const json::Value& value);
    base::Result<AllowedHosts> hosts(const json::Value& value);
    base::Result<ServiceStatus> status(const json::Value& value);
    base::Result<ChainKey> chain(const json::Fields& fields);
    base::Result<ChainKey> chain_by_name(const json::Value& name);

    /// The value of a member that older manifests may leave out, or none with a finding.
    base::Result<std::optional<json::Value>> lenient(const json::Fields& fields,
                                                     std::string_view name);
    std::string tag_of(const json::Variant& variant) const;
    void note(base::ErrorCode code, std::string message);

    const ManifestOptions* legacy_;
    std::vector<Finding> findings_;
    std::string workflow_;
};

}  // namespace wavs::types
