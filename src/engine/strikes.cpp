// SPDX-License-Identifier: Apache-2.0
#include "strikes.hpp"

#include "wavs/base/hex.hpp"

#include <algorithm>
#include <optional>

namespace wavs::engine {
namespace {

// In front of the line break.
constexpr std::size_t kCheckDigits = 16;
constexpr std::size_t kChecked = kStrikeLineSize - 1 - kCheckDigits;

// FNV-1a: it finds torn and edited lines, and needs nothing that a signal handler may not use.
std::uint64_t check_of(std::string_view text) noexcept {
    std::uint64_t sum = 0xcbf29ce484222325ULL;
    for (const char c : text) {
        sum = (sum ^ static_cast<std::uint8_t>(c)) * 0x100000001b3ULL;
    }
    return sum;
}

// Fills a line from left to right, without the library's help.
class Cursor {
public:
    explicit Cursor(StrikeText& text) : text_(text) {}
    void put(char c) noexcept { text_[at_++] = c; }
    void blank() noexcept { put(' '); }
    void hex(base::ByteView bytes) noexcept {
        constexpr std::string_view kDigits = "0123456789abcdef";
        for (const std::uint8_t byte : bytes) {
            put(kDigits[byte >> 4]);
            put(kDigits[byte & 15]);
        }
    }
    void number(std::uint64_t value) noexcept {
        std::array<std::uint8_t, 8> bytes{};
        for (std::size_t i = bytes.size(); i > 0; --i, value >>= 8) {
            bytes[i - 1] = static_cast<std::uint8_t>(value);
        }
        hex(bytes);
    }

private:
    StrikeText& text_;
    std::size_t at_ = 0;
};

// Takes a line apart again; its check was right, so its parts are where they belong.
class Parts {
public:
    explicit Parts(std::string_view line) : left_(line) {}
    char kind() {
        const char c = left_.front();
        left_.remove_prefix(2);
        return c;
    }
    base::Bytes bytes(std::size_t size) {
        auto out = base::parse_hex(left_.substr(0, 2 * size));
        left_.remove_prefix(2 * size + 1);
        return out.has_value() ? std::move(out.value()) : base::Bytes();
    }
    std::uint64_t number(std::size_t size) {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : bytes(size)) {
            value = value << 8 | byte;
        }
        return value;
    }
    template <typename Id>
    Id id() {
        Id out;
        const auto from = bytes(Id::size());
        std::copy(from.begin(), from.end(), out.array().begin());
        return out;
    }

private:
    std::string_view left_;
};

std::optional<StrikeLine> decode(std::string_view text) {
    StrikeText again{};
    Cursor(again).number(check_of(text.substr(0, kChecked)));
    if (text.back() != '\n' ||
        text.substr(kChecked, kCheckDigits) != std::string_view(again.data(), kCheckDigits)) {
        return std::nullopt;
    }
    Parts parts(text);
    StrikeLine line;
    line.kind = static_cast<StrikeLine::Kind>(parts.kind());
    if (line.kind != StrikeLine::Kind::Strike && line.kind != StrikeLine::Kind::Lifted) {
        return std::nullopt;
    }
    line.at = {parts.number(8)};
    line.signal = static_cast<std::uint8_t>(parts.number(1));
    line.digest = parts.id<types::ComponentDigest>();
    line.service = parts.id<types::ServiceId>();
    line.event = parts.id<types::EventId>();
    return line;
}

// The end of the machine may leave a part of the last line, or zeros in its place.
bool torn(std::string_view rest) {
    return rest.size() <= kStrikeLineSize || rest.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

StrikeText encode(const StrikeLine& line) noexcept {
    StrikeText text{};
    Cursor cursor(text);
    cursor.put(static_cast<char>(line.kind));
    cursor.blank();
    cursor.number(line.at.nanos);
    cursor.blank();
    cursor.hex({&line.signal, 1});
    cursor.blank();
    cursor.hex(line.digest.view());
    cursor.blank();
    cursor.hex(line.service.view());
    cursor.blank();
    cursor.hex(line.event.view());
    cursor.blank();
    cursor.number(check_of({text.data(), kChecked}));
    cursor.put('\n');
    return text;
}

base::Result<StrikeLines> parse_strikes(std::string_view text, const std::filesystem::path& file) {
    StrikeLines out;
    while (text.size() - out.size >= kStrikeLineSize) {
        const auto line = decode(text.substr(out.size, kStrikeLineSize));
        if (!line) {
            break;
        }
        out.lines.push_back(*line);
        out.size += kStrikeLineSize;
    }
    if (!torn(text.substr(out.size))) {
        return base::Error(
            base::ErrorKind::Invalid, "strikes_damaged",
            fmt::format("line {} of {} is damaged", out.lines.size() + 1, file.string()),
            "delete that line, or the file: without it no component is quarantined");
    }
    return out;
}

}  // namespace wavs::engine
