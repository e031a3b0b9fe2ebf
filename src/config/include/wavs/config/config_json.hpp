// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/config/config.hpp"
#include "wavs/types/chain_config.hpp"

#include <string>

namespace wavs::config {

/// Body of `GET /config`: the members of the protocol in their order (docs/protocol), ours not
/// among them. Secrets are "<redacted>" or null, URLs keep scheme, host and port; a URL that is the
/// built-in default is public and stands in full. `chains` are those in force now, with the ones
/// added at run time.
std::string config_json(const Config& config, const types::ChainConfigs& chains);

}  // namespace wavs::config
