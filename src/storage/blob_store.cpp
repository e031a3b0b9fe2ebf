// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/blob_store.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/hash/hash.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/telemetry/log.hpp"

#include <algorithm>

namespace wavs::storage {

namespace {

types::ComponentDigest digest_of(base::ByteView bytes) {
    return types::ComponentDigest(hash::sha256(bytes));
}

}  // namespace

std::filesystem::path BlobStore::path_of(const types::ComponentDigest& digest) const {
    const auto name = base::hex(digest.view());
    return root_ / name.substr(0, 2) / name.substr(2, 2) / name;
}

base::Result<types::ComponentDigest> BlobStore::put(base::ByteView bytes) {
    const auto digest = digest_of(bytes);
    if (!contains(digest)) {
        WAVS_TRY(write_file_atomically(path_of(digest), base::as_text(bytes)));
    }
    return digest;
}

base::Result<base::Bytes> BlobStore::get(const types::ComponentDigest& digest) {
    const auto path = path_of(digest);
    WAVS_TRY(auto text, read_file(path));
    base::Bytes bytes = base::to_bytes(text);
    const std::lock_guard lock(mutex_);
    if (verified_.contains(digest)) {
        return bytes;
    }
    if (digest_of(bytes) != digest) {
        telemetry::log_error("storage", "component file is damaged and was removed",
                             {{"file", path.string()}});
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
        return base::Error(
            base::ErrorKind::NotFound, "blob_damaged",
            fmt::format("the stored component {} was damaged", base::hex(digest.view())),
            "upload or fetch it again");
    }
    verified_.insert(digest);
    return bytes;
}

bool BlobStore::contains(const types::ComponentDigest& digest) const {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path_of(digest), ignored);
}

std::vector<types::ComponentDigest> BlobStore::list() const {
    std::vector<types::ComponentDigest> out;
    std::error_code ignored;
    for (std::filesystem::recursive_directory_iterator it(root_, ignored), end; it != end;
         it.increment(ignored)) {
        const auto name = it->path().filename().string();
        const auto digest = base::parse_fixed_hex<types::ComponentDigest>(name);
        if (name.size() == 64 && digest.has_value() && it->is_regular_file(ignored)) {
            out.push_back(digest.value());
        }
    }
    std::sort(out.begin(), out.end());
    return out;
}

}  // namespace wavs::storage
