// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/finding.hpp"
#include "wavs/types/json.hpp"
#include "wavs/types/manifest.hpp"

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace wavs::types {

inline constexpr std::size_t kMaxManifestBytes = std::size_t{1} << 20;

enum class LegacyManifests { Refuse, Accept };

struct ManifestOptions {
    /// `chain_name` of older manifests -> chain key.
    std::map<std::string, ChainKey, std::less<>> legacy_chain_names{};
    LegacyManifests legacy = LegacyManifests::Accept;
    /// Only the command line allows them.
    json::Comments comments = json::Comments::Refuse;
    std::size_t max_bytes = kMaxManifestBytes;
};

struct ParsedManifest {
    Service service;
    /// What was read in an older or shorter form; empty for a plain manifest.
    std::vector<Finding> warnings;
};

/// Reads a manifest: the current form first, then once more with the aliases of older ones
/// (docs/protocol/01-values.md 4). If both fail, the error is that of the first reading, unless the
/// second knows what the operator has to do (code `legacy_...`). Errors: `json_syntax`,
/// `json_shape` ("path: reason at line L column C"), `manifest_too_large`, `signature_algorithm`
/// (Unsupported), `legacy_chain_name`, `legacy_destinations`, `legacy_chain_conflict`.
base::Result<ParsedManifest> parse_manifest(std::string_view text,
                                            const ManifestOptions& options = {});

/// Canonical compact JSON; its SHA-256 is the service digest.
std::string to_json(const Service& service);
void write_json(json::Writer& out, const Service& service);
void write_json(json::Writer& out, const Component& component);
void write_json(json::Writer& out, const Permissions& permissions);

/// The manager alone, as the HTTP interface takes it.
base::Result<ServiceManager> read_service_manager(const json::Value& value);
void write_json(json::Writer& out, const ServiceManager& manager);
std::string to_json(const ServiceManager& manager);

/// A component alone, current form, for files of the command line.
base::Result<Component> read_component(const json::Value& value);

}  // namespace wavs::types
