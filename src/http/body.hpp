// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/http/node_api.hpp"
#include "wavs/net/http_message.hpp"
#include "wavs/types/manifest_json.hpp"

#include <string_view>
#include <vector>

namespace wavs::http {

/// More than so many simulated triggers at once are refused.
inline constexpr std::uint64_t kMaxSimulatedTriggers = 1'000'000;

/// Code `content_type` unless the body is announced as JSON.
base::Result<void> check_json_content_type(const net::Headers& headers);
base::Error body_too_large();

/// The bodies of requests. Errors have the texts of docs/protocol/03-http.md 4: code `json_syntax`
/// for what is no JSON, `json_shape` for what does not fit.
base::Result<AddServiceRequest> read_add_service(std::string_view body);
base::Result<std::vector<types::ServiceManager>> read_remove_services(std::string_view body);
base::Result<types::ServiceManager> read_get_signer(std::string_view body);
base::Result<types::ParsedManifest> read_manifest(std::string_view body,
                                                  const types::ManifestOptions& options);
base::Result<SimulatedTriggerRequest> read_simulated_trigger(std::string_view body);
base::Result<types::AddChainRequest> read_add_chain(std::string_view body);

}  // namespace wavs::http
