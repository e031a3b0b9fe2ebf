// SPDX-License-Identifier: Apache-2.0
#include "wavs/storage/data_dir.hpp"

#include "wavs/storage/descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace wavs::storage {
namespace {

base::Error io_error(std::string_view what, const std::filesystem::path& path) {
    const int error = errno;
    std::string remedy;
    if (error == EISDIR) {
        remedy = "name a file, not a folder";
    } else if (what == "read") {
        remedy = "make it readable for this user";
    } else if (error == EACCES || error == EPERM || error == EROFS) {
        remedy = "make it writable for this user, or choose another directory with the key `data`";
    } else if (error == ENOSPC) {
        remedy = "free disk space";
    }
    return {base::ErrorKind::Unavailable, "storage_io",
            fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error)), remedy};
}

std::string holder_of(int file) {
    std::array<char, 32> text{};
    const auto size = ::pread(file, text.data(), text.size() - 1, 0);
    return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "unknown";
}

base::Result<void> write_all(int file, std::string_view bytes, const std::filesystem::path& path) {
    while (!bytes.empty()) {
        const auto written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return io_error("write", path);
        }
        bytes.remove_prefix(written > 0 ? static_cast<std::size_t>(written) : 0);
    }
    return base::ok();
}

}  // namespace

base::Result<DataDirLock> DataDirLock::acquire(const std::filesystem::path& data) {
    std::error_code ignored;
    std::filesystem::create_directories(data, ignored);
    const auto path = data / "LOCK";
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        return io_error("use the data directory: open", path);
    }
    if (::flock(file, LOCK_EX | LOCK_NB) != 0) {
        auto error = base::Error(
            base::ErrorKind::Conflict, "data_dir_in_use",
            fmt::format("the data directory {} is in use by process {}", data.string(),
                        holder_of(file)),
            "stop that process, or give this one its own directory with the key `data`");
        ::close(file);
        return error;
    }
    const auto pid = std::to_string(::getpid());
    if (::ftruncate(file, 0) != 0 ||
        ::pwrite(file, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
        auto error = io_error("write", path);
        ::close(file);
        return error;
    }
    return DataDirLock(file);
}

DataDirLock::DataDirLock(DataDirLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

DataDirLock::~DataDirLock() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

base::Result<void> write_file_atomically(const std::filesystem::path& path,
                                         std::string_view bytes) {
    static std::atomic<std::uint64_t> counter{0};
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    const auto temporary =
        path.parent_path() / fmt::format(".tmp-{}-{}", ::getpid(), counter.fetch_add(1));
    {
        const Descriptor file(
            ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (file.get() < 0) {
            return io_error("create", temporary);
        }
        auto written = write_all(file.get(), bytes, temporary);
        if (written.has_value() && ::fsync(file.get()) != 0) {
            written = io_error("sync", temporary);
        }
        if (!written.has_value()) {
            ::unlink(temporary.c_str());
            return written;
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        auto error = io_error("rename into place", path);
        ::unlink(temporary.c_str());
        return error;
    }
    const Descriptor folder(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder.get() < 0 || ::fsync(folder.get()) != 0) {
        return io_error("sync", path.parent_path());
    }
    return base::ok();
}

base::Result<std::string> read_file(const std::filesystem::path& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
        if (errno == ENOENT) {
            return base::Error(base::ErrorKind::NotFound, "file_not_found",
                               fmt::format("no file {}", path.string()), "check the path");
        }
        return io_error("read", path);
    }
    std::error_code unknown;
    const auto expected = std::filesystem::file_size(path, unknown);
    std::string out((unknown ? 0 : expected) + 1, '\0');
    for (std::size_t at = 0;;) {
        if (at == out.size()) {
            out.resize(at + 4096);
        }
        const auto count = ::read(file.get(), out.data() + at, out.size() - at);
        if (count < 0 && errno != EINTR) {
            return io_error("read", path);
        }
        if (count == 0) {
            out.resize(at);
            return out;
        }
        at += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

base::Result<std::filesystem::path> make_temporary_folder(std::string_view name) {
    std::error_code none;
    auto folder = std::filesystem::temp_directory_path(none).string();
    // What mkdtemp replaces.
    auto path = fmt::format("{}/{}-{:X>6}", folder, name, "");
    if (none || ::mkdtemp(path.data()) == nullptr) {
        return base::Error(
            base::ErrorKind::Unavailable, "temporary_folder",
            fmt::format("no folder can be made in {}: {}", folder.empty() ? "TMPDIR" : folder,
                        none ? none.message() : std::strerror(errno)),
            "set TMPDIR to a folder that can be written");
    }
    return std::filesystem::path(path);
}

}  // namespace wavs::storage
