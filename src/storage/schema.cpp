// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/schema.hpp"

#include "wavs/storage/keys.hpp"

#include <algorithm>

namespace wavs::storage {
namespace {

const base::ByteView kSchemaKey = base::as_bytes("schema");

Batch with_version(Batch batch, std::uint32_t version) {
    batch.put(Keyspace::Meta, kSchemaKey, KeyWriter().u32(version).get());
    return batch;
}

}  // namespace

async::Task<base::Result<void>> prepare_schema(Store& store, std::span<const Migration> migrations,
                                               std::uint32_t current) {
    WAVS_CO_TRY(auto stored, store.get(Keyspace::Meta, kSchemaKey));
    if (!stored) {
        co_return co_await store.commit(with_version({}, current));
    }
    std::uint32_t version = read_u32(*stored, 0);
    if (version > current) {
        co_return base::Error(
            base::ErrorKind::Unsupported, "schema_newer",
            fmt::format("the data directory has layout {}, this build knows {}", version, current),
            "use the newer build that wrote it, or another data directory");
    }
    while (version < current) {
        const auto step = std::find_if(migrations.begin(), migrations.end(),
                                       [&](const Migration& m) { return m.from == version; });
        if (step == migrations.end()) {
            co_return base::Error(base::ErrorKind::Bug, "schema_gap",
                                  fmt::format("no migration from layout {}", version));
        }
        WAVS_CO_TRY(auto batch, step->make(store));
        ++version;
        WAVS_CO_TRY(co_await store.commit(with_version(std::move(batch), version)));
    }
    co_return base::ok();
}

}  // namespace wavs::storage
