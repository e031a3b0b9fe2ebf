// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/http/node_api.hpp"

#include <string>

namespace wavs::http {

/// The bodies of responses, compact JSON: docs/protocol/03-http.md 5.
std::string to_json(const HealthStatus& health);
std::string to_json(const NodeInfo& info);
std::string to_json(const P2pStatus& status);
/// Sorts both lists.
std::string to_json(ServiceList list);
std::string to_json(const SignerInfo& signer);
std::string to_json(const TriggerStreams& streams);
std::string to_json(const std::vector<ServiceState>& states);
std::string to_json(const std::vector<EventInfo>& events);
std::string to_json(const std::vector<DivergentEvent>& events);
std::string to_json(const std::vector<StruckComponent>& components);
/// {"hash":"..."} and {"digest":"..."}.
std::string to_json(const types::ServiceDigest& saved);
std::string to_json(const types::ComponentDigest& uploaded);
std::string readiness_json(const std::vector<std::string>& reasons);

}  // namespace wavs::http
