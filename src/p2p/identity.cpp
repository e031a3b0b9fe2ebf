// SPDX-License-Identifier: Apache-2.0
#include "wavs/p2p/identity.hpp"

#include "wavs/base/hex.hpp"
#include "wavs/storage/data_dir.hpp"
#include "wavs/storage/descriptor.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace wavs::p2p {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kTextSize = 2 * 32 + 1;

// The text of a key: 64 digits and a line break. Wiped like the key.
using Text = std::array<std::uint8_t, kTextSize>;
class SecretText {
public:
    SecretText() = default;
    ~SecretText() { crypto::wipe(text_); }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    Text& bytes() { return text_; }
    std::string_view view() const { return base::as_text(text_); }

private:
    Text text_{};
};

base::Error io_error(std::string_view what, const std::filesystem::path& path) {
    return {base::ErrorKind::Unavailable, "storage_io",
            fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(errno)),
            "make the folder p2p of the data directory readable and writable for this user"};
}

base::Error damaged(const std::filesystem::path& path, std::string_view how) {
    return {
        base::ErrorKind::Invalid, "p2p_identity_damaged",
        fmt::format("the identity of this node in {} {}", path.string(), how),
        "restore it from a backup, or delete it: the node then has a new peer id, and bootstrap "
        "addresses that name the old one must be changed"};
}

std::optional<Identity> parse(std::string_view text) {
    Identity out;
    std::uint8_t seen = 0;
    for (std::size_t i = 0; i < out.reveal().size(); ++i) {
        const auto high = kDigits.find(text[2 * i]);
        const auto low = kDigits.find(text[2 * i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) {
            return std::nullopt;
        }
        out.writable()[i] = static_cast<std::uint8_t>(high << 4 | low);
        seen |= out.writable()[i];
    }
    // A file of zeros is what a crash may leave, not a key that was drawn.
    if (text.back() != '\n' || seen == 0) {
        return std::nullopt;
    }
    return out;
}

base::Result<Identity> read_identity(int file, const std::filesystem::path& path) {
    struct ::stat about{};
    if (::fstat(file, &about) != 0) {
        return io_error("read", path);
    }
    if (!S_ISREG(about.st_mode)) {
        return damaged(path, "is not a file");
    }
    if ((about.st_mode & 0077U) != 0) {
        return base::Error(base::ErrorKind::Denied, "p2p_identity_open",
                           fmt::format("others may read the identity of this node: {} has mode "
                                       "{:04o}",
                                       path.string(), about.st_mode & 07777U),
                           fmt::format("chmod 600 {}; if somebody may have read it, delete it: "
                                       "the node then has a new peer id",
                                       path.string()));
    }
    if (about.st_size != static_cast<off_t>(kTextSize)) {
        return damaged(path, fmt::format("has {} bytes instead of {}", about.st_size, kTextSize));
    }
    SecretText text;
    const auto count = ::read(file, text.bytes().data(), text.bytes().size());
    if (count < 0) {
        return io_error("read", path);
    }
    auto identity = parse(text.view());
    if (!identity) {
        return damaged(path, "is not a line of 64 lower-case hex digits that stand for a key");
    }
    return std::move(*identity);
}

base::Result<void> make_folder(const std::filesystem::path& folder) {
    std::error_code ignored;
    std::filesystem::create_directories(folder.parent_path(), ignored);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return io_error("create", folder);
    }
    // The key is synced with its folder; the folder itself is an entry of the one above.
    const auto above = folder.has_parent_path() ? folder.parent_path() : ".";
    const storage::Descriptor parent(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent.get() < 0 || ::fsync(parent.get()) != 0) {
        return io_error("sync", above);
    }
    return base::ok();
}

base::Result<Identity> make_identity(const std::filesystem::path& folder,
                                     const std::filesystem::path& path) {
    WAVS_TRY(make_folder(folder));
    Identity identity;
    if (::getentropy(identity.writable().data(), identity.writable().size()) != 0) {
        return io_error("draw random bytes for", path);
    }
    SecretText text;
    auto* to = text.bytes().data();
    for (const auto byte : identity.reveal()) {
        *to++ = static_cast<std::uint8_t>(kDigits[byte >> 4]);
        *to++ = static_cast<std::uint8_t>(kDigits[byte & 15]);
    }
    *to = '\n';
    WAVS_TRY(storage::write_file_atomically(path, text.view()));
    return identity;
}

}  // namespace

base::Result<Identity> load_identity(const std::filesystem::path& folder) {
    const auto path = folder / "identity.key";
    // Not to wait for whoever writes a pipe.
    const storage::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() >= 0) {
        return read_identity(file.get(), path);
    }
    // A link to nowhere is not replaced: the key it stands for may only be out of reach.
    struct ::stat entry{};
    if (errno == ENOENT && ::lstat(path.c_str(), &entry) == 0) {
        return damaged(path, "is a link to a file that is not there");
    }
    if (errno != ENOENT) {
        return io_error("read", path);
    }
    return make_identity(folder, path);
}

}  // namespace wavs::p2p
