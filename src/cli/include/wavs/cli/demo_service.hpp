// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/manifest.hpp"

#include <string>

namespace wavs::cli {

/// The smallest whole service: one workflow, "default". Logs `NewTrigger` of a trigger contract
/// start the operator component; the aggregator component sends the result to a handler.
struct DemoService {
    std::string name = "demo";
    types::ChainKey chain;
    types::EvmAddress manager;
    types::EvmAddress trigger;
    types::EvmAddress handler;
    types::ComponentDigest operator_component;
    types::ComponentDigest aggregator_component;
};

types::Service make_manifest(const DemoService& demo);

}  // namespace wavs::cli
