// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace wavs::config {

/// What stands in the place of a secret wherever one could be shown.
inline constexpr std::string_view kRedacted = "<redacted>";

/// Overwrites the text in a way the compiler does not remove, and empties it.
void wipe(std::string& text);

/// A mnemonic, key or token. Wiped on destruction; moved, never copied; formats and prints as
/// "<redacted>". Its characters stay at one place in memory, so that a move leaves nothing behind.
class SecretString {
public:
    SecretString() = default;
    explicit SecretString(std::string_view text);
    SecretString(SecretString&& other) noexcept
        : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
    SecretString& operator=(SecretString&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    SecretString(const SecretString&) = delete;
    SecretString& operator=(const SecretString&) = delete;
    ~SecretString();

    /// The secret itself, valid as long as this object. Never log or serve it.
    std::string_view reveal() const { return {data_.get(), size_}; }
    bool empty() const { return size_ == 0; }

    friend std::ostream& operator<<(std::ostream& out, const SecretString& /*secret*/) {
        return out << kRedacted;
    }

private:
    std::unique_ptr<char[]> data_;  // NOLINT(modernize-avoid-c-arrays)
    std::size_t size_ = 0;
};

}  // namespace wavs::config

template <>
struct fmt::formatter<wavs::config::SecretString> : fmt::formatter<std::string_view> {
    auto format(const wavs::config::SecretString& /*secret*/, fmt::format_context& context) const {
        return fmt::formatter<std::string_view>::format(wavs::config::kRedacted, context);
    }
};
