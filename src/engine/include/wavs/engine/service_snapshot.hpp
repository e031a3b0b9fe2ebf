// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/types/manifest.hpp"

#include <memory>

namespace wavs::engine {

/// One revision of a service: the manifest in force when the event was accepted, with the names
/// that would cost a hash each to work out. Cheap to copy, immutable.
struct ServiceSnapshot {
    std::shared_ptr<const types::Service> service;
    types::ServiceId id;
    types::ServiceDigest digest;
};

/// Works out both names.
ServiceSnapshot make_snapshot(std::shared_ptr<const types::Service> service);

}  // namespace wavs::engine
