// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/bytes.hpp"

#include <memory>

namespace wavs::app {

/// The aggregator component for manifests of the older form (docs/protocol/01-values.md 4), which
/// is part of this program: examples/components/embedded_aggregator.
std::shared_ptr<const base::Bytes> embedded_aggregator();

}  // namespace wavs::app
