// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/config.hpp"
#include "wavs/types/chain_config.hpp"

#include <string>

namespace wavs::config {

/// Body of `GET /config` (docs/protocol/03-http.md 5): the members of the protocol in their order,
/// ours not among them. Secrets are "<redacted>" or null in any case; URLs keep scheme, host and
/// port unless the caller may see them in full, and one that is the built-in default is public.
/// `chains` are those in force now, with the ones added at run time.
std::string config_json(const Config& config, const types::ChainConfigs& chains,
                        types::Endpoints endpoints = types::Endpoints::Redacted);

}  // namespace wavs::config
