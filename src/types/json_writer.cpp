// SPDX-License-Identifier: Apache-2.0
#include "wavs/types/json.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace wavs::types::json {
namespace {

/// The escape of one character, empty when it stands for itself.
std::string_view short_escape(char c) {
    switch (c) {
        case '"':
            return "\\\"";
        case '\\':
            return "\\\\";
        case '\b':
            return "\\b";
        case '\t':
            return "\\t";
        case '\n':
            return "\\n";
        case '\f':
            return "\\f";
        case '\r':
            return "\\r";
        default:
            return {};
    }
}

void append_quoted(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    std::size_t run = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        out.append(text.substr(run, i - run));
        run = i + 1;
        const std::string_view escape = short_escape(text[i]);
        if (escape.empty()) {
            out += "\\u00";
            out.push_back(kHex[byte >> 4]);
            out.push_back(kHex[byte & 15]);
        } else {
            out += escape;
        }
    }
    out.append(text.substr(run));
    out.push_back('"');
}

/// The shortest digits and the place of the point among them (in front of digit `point`).
struct Decimal {
    std::string digits;
    int point;
};

template <typename Float>
Decimal shortest(Float value) {
    std::array<char, 64> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                   std::chars_format::scientific)
                         .ptr;
    const std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const std::size_t e = text.find('e');
    int exponent = 0;
    const char* from = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
    std::from_chars(from, end, exponent);
    std::string digits(text.substr(0, 1));
    if (e > 2) {
        digits += text.substr(2, e - 2);
    }
    return {std::move(digits), exponent + 1};
}

template <typename Float>
std::string float_text(Float value) {
    std::string out = std::signbit(value) ? "-" : "";
    if (value == 0) {
        return out + "0.0";
    }
    const Decimal decimal = shortest(std::abs(value));
    const std::string& digits = decimal.digits;
    const int count = static_cast<int>(digits.size());
    constexpr int kLargestFixed = 21;
    constexpr int kSmallestFixed = -5;
    if (decimal.point > kLargestFixed || decimal.point < kSmallestFixed) {
        out += digits.substr(0, 1);
        out += count > 1 ? "." + digits.substr(1) : "";
        return out + "e" + std::to_string(decimal.point - 1);
    }
    if (decimal.point <= 0) {
        return out + "0." + std::string(static_cast<std::size_t>(-decimal.point), '0') + digits;
    }
    if (decimal.point >= count) {
        return out + digits + std::string(static_cast<std::size_t>(decimal.point - count), '0') +
               ".0";
    }
    const auto point = static_cast<std::size_t>(decimal.point);
    return out + digits.substr(0, point) + "." + digits.substr(point);
}

template <typename Integer>
void append_integer(std::string& out, Integer value) {
    std::array<char, 24> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    out.append(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
}

}  // namespace

std::string number_text(double value) { return std::isfinite(value) ? float_text(value) : "null"; }
std::string number_text(float value) { return std::isfinite(value) ? float_text(value) : "null"; }

std::string number_text(unsigned __int128 value) {
    std::string reversed;
    do {
        reversed.push_back(static_cast<char>('0' + static_cast<int>(value % 10)));
        value /= 10;
    } while (value != 0);
    return {reversed.rbegin(), reversed.rend()};
}

void Writer::separate() {
    if (comma_) {
        out_.push_back(',');
    }
    comma_ = true;
}

void Writer::open(char bracket) {
    separate();
    out_.push_back(bracket);
    comma_ = false;
}

void Writer::close(char bracket) {
    out_.push_back(bracket);
    comma_ = true;
}

void Writer::key(std::string_view name) {
    separate();
    append_quoted(out_, name);
    out_.push_back(':');
    comma_ = false;
}

void Writer::string(std::string_view text) {
    separate();
    append_quoted(out_, text);
}

void Writer::number(std::uint64_t value) {
    separate();
    append_integer(out_, value);
}

void Writer::number(std::int64_t value) {
    separate();
    append_integer(out_, value);
}

void Writer::number(unsigned __int128 value) { raw(number_text(value)); }
void Writer::number(double value) { raw(number_text(value)); }
void Writer::number(float value) { raw(number_text(value)); }

void Writer::raw(std::string_view text) {
    separate();
    out_ += text;
}

}  // namespace wavs::types::json
