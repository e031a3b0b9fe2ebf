// SPDX-License-Identifier: Apache-2.0
#include "manifest_reader.hpp"
#include "package_ref.hpp"

#include <algorithm>

namespace wavs::types {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using json::Fields;
using json::Value;
using json::Variant;

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

Result<std::map<std::string, std::string>> read_config(const Value& value) {
    if (!value.is_object()) {
        return json::invalid_type(value, "a map");
    }
    std::map<std::string, std::string> out;
    for (const json::Member member : value.members()) {
        WAVS_TRY(const auto text, json::read_string(member.value));
        out.insert_or_assign(std::string(member.name.text()), std::string(text));
    }
    return out;
}

Result<std::vector<std::string>> read_strings(const Value& value) {
    if (!value.is_array()) {
        return json::invalid_type(value, "a sequence");
    }
    std::vector<std::string> out;
    for (const Value item : value.items()) {
        WAVS_TRY(const auto text, json::read_string(item));
        out.emplace_back(text);
    }
    return out;
}

/// A text that a check function must find nothing wrong with.
Result<std::string> read_checked(const Value& value, std::string (*check)(std::string_view),
                                 const Value& blame) {
    WAVS_TRY(const auto text, json::read_string(value));
    const std::string wrong = check(text);
    if (!wrong.empty()) {
        return blame.shape_error(wrong);
    }
    return std::string(text);
}

Result<bool> read_flag(const Fields& fields, std::string_view name) {
    const auto value = fields.present(name);
    return value.has_value() ? json::read_bool(*value) : Result<bool>(false);
}

}  // namespace

void ManifestReader::note(base::ErrorCode code, std::string message) {
    findings_.push_back({Severity::Warning, code, workflow_, std::move(message)});
}

std::string ManifestReader::tag_of(const Variant& variant) const {
    if (legacy_ == nullptr || variant.tag.empty()) {
        return std::string(variant.tag);
    }
    return lower(variant.tag.substr(0, 1)) + std::string(variant.tag.substr(1));
}

Result<std::optional<Value>> ManifestReader::lenient(const Fields& fields, std::string_view name) {
    const auto value = fields.present(name);
    if (!value.has_value()) {
        if (legacy_ == nullptr) {
            return fields.missing(name);
        }
        note("manifest_default", fmt::format("component without `{}`: taken as empty", name));
    }
    return value;
}

Result<ChainKey> ManifestReader::chain(const Fields& fields) {
    const auto name = legacy_ == nullptr ? std::nullopt : fields.object().find("chain_name");
    if (!name.has_value()) {
        return read_plain_chain(fields);
    }
    WAVS_TRY(auto by_name, chain_by_name(*name));
    if (const auto plain = fields.present("chain")) {
        WAVS_TRY(const auto key, json::read_chain_key(*plain));
        if (key != by_name) {
            return name->error(
                ErrorKind::Invalid, "legacy_chain_conflict",
                fmt::format("`chain` is {} but `chain_name` means {}", key.str(), by_name.str()));
        }
    }
    note("legacy_chain_name",
         fmt::format("`chain_name` \"{}\" is read as {}", name->text(), by_name.str()));
    return by_name;
}

Result<ChainKey> ManifestReader::chain_by_name(const Value& name) {
    WAVS_TRY(const auto text, json::read_string(name));
    if (text.find(':') != std::string_view::npos) {
        return json::read_chain_key(name);
    }
    const auto found = legacy_->legacy_chain_names.find(text);
    if (found == legacy_->legacy_chain_names.end()) {
        const std::string line = fmt::format("{} = \"evm:<chain id>\"", text);
        return name
            .error(ErrorKind::Invalid, "legacy_chain_name",
                   fmt::format("unknown chain_name \"{}\": add the line `{}` to "
                               "[wavs.legacy_chain_names] in wavs.toml",
                               text, line))
            .with_remedy(
                fmt::format("add `{}` to [wavs.legacy_chain_names], or write `chain`", line));
    }
    return found->second;
}

Result<ComponentSource> ManifestReader::download(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"uri", "digest"}));
    const auto alias = legacy_ == nullptr ? std::nullopt : value.find("url");
    DownloadSource out;
    if (!fields.present("uri").has_value() && alias.has_value()) {
        note("legacy_url", "`download.url` is read as `download.uri`");
        WAVS_TRY(out.uri, read_checked(*alias, &check_uri, *alias));
    } else {
        WAVS_TRY(const auto uri, fields.required("uri"));
        WAVS_TRY(out.uri, read_checked(uri, &check_uri, uri));
    }
    WAVS_TRY(const auto digest, fields.required("digest"));
    WAVS_TRY(out.digest, json::read_component_digest(digest));
    return ComponentSource(std::move(out));
}

Result<ComponentSource> ManifestReader::registry(const Value& value) {
    if (legacy_ != nullptr && value.is_object() && value.size() == 1) {
        const auto inner = value.find("registry");
        if (inner.has_value() && inner->is_object()) {
            note("legacy_registry", "`registry` inside `registry` is read as one");
            return registry_members(*inner);
        }
    }
    return registry_members(value);
}

Result<ComponentSource> ManifestReader::registry_members(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"digest", "domain", "version", "package"}));
    RegistrySource out;
    WAVS_TRY(const auto digest, fields.required("digest"));
    WAVS_TRY(out.digest, json::read_component_digest(digest));
    WAVS_TRY(out.domain, json::read_optional_string(fields.optional("domain")));
    if (const auto version = fields.optional("version")) {
        WAVS_TRY(out.version, read_checked(*version, &check_version, value));
    }
    WAVS_TRY(const auto package, fields.required("package"));
    WAVS_TRY(out.package, read_checked(package, &check_package, value));
    return ComponentSource(std::move(out));
}

Result<ComponentSource> ManifestReader::source(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    const std::string tag = tag_of(variant);
    if (tag != "download" && tag != "registry" && tag != "digest") {
        return variant.unknown({"download", "registry", "digest"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    if (tag == "download") {
        return download(content);
    }
    if (tag == "registry") {
        return registry(content);
    }
    WAVS_TRY(const auto digest, json::read_component_digest(content));
    return ComponentSource(DigestSource{digest});
}

Result<AllowedHosts> ManifestReader::hosts(const Value& value) {
    if (legacy_ != nullptr && value.is_array()) {
        note("legacy_hosts", "a list as `allowed_http_hosts` is read as `only`");
        WAVS_TRY(auto list, read_strings(value));
        return AllowedHosts(OnlyHosts{std::move(list)});
    }
    WAVS_TRY(const auto variant, json::read_variant(value));
    const std::string tag = tag_of(variant);
    if (tag == "only") {
        WAVS_TRY(const auto content, variant.expect_content());
        WAVS_TRY(auto list, read_strings(content));
        return AllowedHosts(OnlyHosts{std::move(list)});
    }
    if (tag != "all" && tag != "none") {
        return variant.unknown({"all", "only", "none"});
    }
    WAVS_TRY(variant.expect_unit());
    return tag == "all" ? AllowedHosts(AllHosts{}) : AllowedHosts(NoHosts{});
}

Result<Permissions> ManifestReader::permissions(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"allowed_http_hosts", "file_system",
                                                   "raw_sockets", "dns_resolution"}));
    Permissions out;
    if (const auto allowed = fields.present("allowed_http_hosts")) {
        WAVS_TRY(out.allowed_http_hosts, hosts(*allowed));
    }
    WAVS_TRY(out.file_system, read_flag(fields, "file_system"));
    WAVS_TRY(out.raw_sockets, read_flag(fields, "raw_sockets"));
    WAVS_TRY(out.dns_resolution, read_flag(fields, "dns_resolution"));
    return out;
}

Result<Component> ManifestReader::component(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"source", "permissions", "fuel_limit",
                                                   "time_limit_seconds", "config", "env_keys"}));
    Component out;
    WAVS_TRY(const auto source_value, fields.required("source"));
    WAVS_TRY(out.source, source(source_value));
    WAVS_TRY(const auto permissions_value, lenient(fields, "permissions"));
    if (permissions_value.has_value()) {
        WAVS_TRY(out.permissions, permissions(*permissions_value));
    }
    WAVS_TRY(out.fuel_limit, json::read_optional_u64(fields.optional("fuel_limit")));
    WAVS_TRY(out.time_limit_seconds,
             json::read_optional_u64(fields.optional("time_limit_seconds")));
    WAVS_TRY(const auto config, lenient(fields, "config"));
    if (config.has_value()) {
        WAVS_TRY(out.config, read_config(*config));
    }
    WAVS_TRY(const auto env_keys, lenient(fields, "env_keys"));
    if (env_keys.has_value()) {
        WAVS_TRY(auto names, read_strings(*env_keys));
        out.env_keys.insert(names.begin(), names.end());
    }
    return out;
}

Result<Destination> ManifestReader::destination(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    if (tag_of(variant) != "evm") {
        return variant.unknown({"evm"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    WAVS_TRY(const auto fields, Fields::of(content, {"chain", "address", "max_gas"}));
    Destination out;
    WAVS_TRY(out.chain, chain(fields));
    WAVS_TRY(const auto address, fields.required("address"));
    WAVS_TRY(out.address, json::read_evm_address(address));
    WAVS_TRY(out.max_gas, json::read_optional_u64(fields.optional("max_gas")));
    return out;
}

Result<std::vector<Destination>> ManifestReader::destinations(const Value& workflow_value) {
    std::vector<Destination> out;
    const auto list = workflow_value.find("aggregators");
    if (list.has_value() && !list->is_null()) {
        if (!list->is_array()) {
            return json::invalid_type(*list, "a sequence");
        }
        for (const Value item : list->items()) {
            WAVS_TRY(auto one, destination(item));
            out.push_back(std::move(one));
        }
    }
    if (out.empty()) {
        return workflow_value.error(ErrorKind::Invalid, "legacy_destinations",
                                    "legacy aggregator without destinations: `aggregators` of the "
                                    "workflow must name at least one");
    }
    return out;
}

Result<Submit> ManifestReader::legacy_submit(const Fields& aggregator,
                                             const Value& workflow_value) {
    WAVS_TRY(const auto list, destinations(workflow_value));
    note("legacy_aggregator",
         "older aggregator form: results are posted by the component built into this node; nodes "
         "that do not know this form cannot read the manifest");
    if (const auto url = aggregator.object().find("url"); url.has_value() && url->is_string()) {
        note("legacy_aggregator_url",
             fmt::format("`submit.aggregator.url` {} is not contacted", url->text()));
    }
    return Submit(SubmitAggregator{embedded_aggregator(list), kEvmSignatureKind});
}

Result<Submit> ManifestReader::submit(const Value& value, const Value& workflow_value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    const std::string tag = tag_of(variant);
    if (tag == "none") {
        WAVS_TRY(variant.expect_unit());
        return Submit(SubmitNone{});
    }
    if (tag != "aggregator") {
        return variant.unknown({"none", "aggregator"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    WAVS_TRY(const auto fields, Fields::of(content, {"component", "signature_kind"}));
    if (legacy_ != nullptr && !fields.present("component").has_value()) {
        return legacy_submit(fields, workflow_value);
    }
    SubmitAggregator out;
    WAVS_TRY(const auto component_value, fields.required("component"));
    WAVS_TRY(out.component, component(component_value));
    WAVS_TRY(const auto kind, fields.required("signature_kind"));
    WAVS_TRY(out.signature_kind, read_signature_kind(kind));
    return Submit(std::move(out));
}

Result<Workflow> ManifestReader::workflow(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"trigger", "component", "submit"}));
    Workflow out;
    WAVS_TRY(const auto trigger_value, fields.required("trigger"));
    WAVS_TRY(out.trigger,
             read_trigger(trigger_value, [this](const Fields& f) { return chain(f); }));
    WAVS_TRY(const auto component_value, fields.required("component"));
    WAVS_TRY(out.component, component(component_value));
    WAVS_TRY(const auto submit_value, fields.required("submit"));
    WAVS_TRY(out.submit, submit(submit_value, value));
    return out;
}

Result<ServiceStatus> ManifestReader::status(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    std::string tag(variant.tag);
    if (legacy_ != nullptr) {
        tag = lower(tag);
        if (tag == "inactive") {
            note("legacy_status", "status `inactive` is read as `paused`");
            tag = "paused";
        }
    }
    if (tag != "active" && tag != "paused") {
        return variant.unknown({"active", "paused"});
    }
    WAVS_TRY(variant.expect_unit());
    return tag == "active" ? ServiceStatus::Active : ServiceStatus::Paused;
}

Result<ServiceManager> ManifestReader::manager(const Value& value) {
    WAVS_TRY(const auto variant, json::read_variant(value));
    const std::string tag = tag_of(variant);
    if (tag != "evm" && tag != "cosmos") {
        return variant.unknown({"evm", "cosmos"});
    }
    WAVS_TRY(const auto content, variant.expect_content());
    WAVS_TRY(const auto fields, Fields::of(content, {"chain", "address"}));
    WAVS_TRY(auto key, chain(fields));
    WAVS_TRY(const auto address_value, fields.required("address"));
    if (tag == "evm") {
        WAVS_TRY(const auto address, json::read_evm_address(address_value));
        return ServiceManager(EvmManager{std::move(key), address});
    }
    WAVS_TRY(auto address, json::read_cosmos_address(address_value));
    return ServiceManager(CosmosManager{std::move(key), std::move(address)});
}

Result<Service> ManifestReader::service(const Value& value) {
    WAVS_TRY(const auto fields, Fields::of(value, {"name", "workflows", "status", "manager"}));
    Service out;
    WAVS_TRY(const auto name, fields.required("name"));
    WAVS_TRY(out.name, json::read_string(name));
    WAVS_TRY(const auto workflows, fields.required("workflows"));
    if (!workflows.is_object()) {
        return json::invalid_type(workflows, "a map");
    }
    for (const json::Member member : workflows.members()) {
        auto id = WorkflowId::parse(member.name.text());
        if (!id.has_value()) {
            return member.value.shape_error_at(member.name, id.error().message());
        }
        workflow_ = id.value().str();
        WAVS_TRY(auto content, workflow(member.value));
        out.workflows.insert_or_assign(std::move(id).value(), std::move(content));
    }
    workflow_.clear();
    WAVS_TRY(const auto status_value, fields.required("status"));
    WAVS_TRY(out.status, status(status_value));
    WAVS_TRY(const auto manager_value, fields.required("manager"));
    WAVS_TRY(out.manager, manager(manager_value));
    return out;
}

Result<ServiceManager> read_service_manager(const Value& value) {
    return ManifestReader(nullptr).manager(value);
}

Result<Component> read_component(const Value& value) {
    return ManifestReader(nullptr).component(value);
}

Result<ParsedManifest> parse_manifest(std::string_view text, const ManifestOptions& options) {
    if (text.size() > options.max_bytes) {
        return Error(ErrorKind::TooLarge, "manifest_too_large",
                     fmt::format("manifest of {} bytes, at most {} are accepted", text.size(),
                                 options.max_bytes));
    }
    WAVS_TRY(const auto document, json::Document::parse(text, options.comments));
    auto strict = ManifestReader(nullptr).service(document.root());
    if (strict.has_value()) {
        return ParsedManifest{std::move(strict).value(), {}};
    }
    if (options.legacy == LegacyManifests::Refuse ||
        strict.error().kind() == ErrorKind::Unsupported) {
        return strict.error();
    }
    ManifestReader reader(&options);
    auto tolerant = reader.service(document.root());
    if (tolerant.has_value()) {
        return ParsedManifest{std::move(tolerant).value(), reader.take_findings()};
    }
    const bool helpful = tolerant.error().code().view().starts_with("legacy_") ||
                         tolerant.error().kind() == ErrorKind::Unsupported;
    return helpful ? tolerant.error() : strict.error();
}

}  // namespace wavs::types
