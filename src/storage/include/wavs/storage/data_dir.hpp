// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wavs/base/result.hpp"

#include <filesystem>
#include <string_view>

namespace wavs::storage {

/// Holds the exclusive lock of a data directory while it lives. A second process gets Conflict,
/// naming the directory and the process that holds it.
class DataDirLock {
public:
    static base::Result<DataDirLock> acquire(const std::filesystem::path& data);
    DataDirLock(DataDirLock&& other) noexcept;
    DataDirLock& operator=(DataDirLock&&) = delete;
    ~DataDirLock();

private:
    explicit DataDirLock(int file) : file_(file) {}
    int file_;
};

/// Writes `bytes` so that a reader sees either the old file or the whole new one, also after a
/// power loss.
base::Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// `file_not_found` (NotFound) or `storage_io`, with the path.
base::Result<std::string> read_file(const std::filesystem::path& path);

/// A new empty folder `<name>-<random>` where TMPDIR says, for this user alone.
base::Result<std::filesystem::path> make_temporary_folder(std::string_view name);

}  // namespace wavs::storage
