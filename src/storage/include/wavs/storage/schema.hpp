// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/storage/store.hpp"

#include <functional>
#include <span>

namespace wavs::storage {

/// The layout this build writes. A new layout gets the next number and a migration.
inline constexpr std::uint32_t kSchemaVersion = 3;

/// Brings a store from version `from` to `from + 1` in one batch.
struct Migration {
    std::uint32_t from;
    std::function<base::Result<Batch>(const Store&)> make;
};

/// An empty store gets the current version; an older one runs the migrations in order, each
/// committed with its new version number; a newer one is refused, naming both versions.
async::Task<base::Result<void>> prepare_schema(Store& store, std::span<const Migration> migrations,
                                               std::uint32_t current = kSchemaVersion);

}  // namespace wavs::storage
