// SPDX-License-Identifier: Apache-2.0
#include "codec.hpp"

#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>

namespace wavs::config {
namespace {

base::Error invalid(std::string message) {
    return base::Error(base::ErrorKind::Invalid, "config_value", std::move(message));
}

std::string_view unquote(std::string_view text) {
    const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                           text.front() == text.back();
    return is_quoted ? text.substr(1, text.size() - 2) : text;
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
    T out{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) {
        return std::nullopt;
    }
    return out;
}

struct Unit {
    std::string_view suffix;
    std::int64_t millis;
};
constexpr std::array<Unit, 5> kUnits = {{{.suffix = "d", .millis = 86'400'000},
                                         {.suffix = "h", .millis = 3'600'000},
                                         {.suffix = "m", .millis = 60'000},
                                         {.suffix = "s", .millis = 1000},
                                         {.suffix = "ms", .millis = 1}}};
/// A hundred years: far from overflow in any unit.
constexpr std::int64_t kMaxMillis = 3'153'600'000'000;

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto count = parse_number<std::uint64_t>(text.substr(0, digits));
    std::string_view suffix = trim(text.substr(digits));
    suffix = suffix.empty() ? "s" : suffix;
    for (const Unit& unit : kUnits) {
        if (unit.suffix == suffix && count.has_value() &&
            *count <= static_cast<std::uint64_t>(kMaxMillis / unit.millis)) {
            return std::chrono::milliseconds(static_cast<std::int64_t>(*count) * unit.millis);
        }
    }
    return std::nullopt;
}

}  // namespace

base::Error mismatch(std::string_view expected, const Value& found) {
    return invalid(fmt::format("expected {}, found {}", expected, found.kind()));
}

base::Result<bool> Codec<bool>::read(const Value& value) {
    if (const auto* const flag = std::get_if<bool>(&value.data)) {
        return *flag;
    }
    const std::string* const text = value.text();
    if (value.typed || text == nullptr) {
        return mismatch("true or false", value);
    }
    const auto word = trim(*text);
    if (word != "true" && word != "false") {
        return invalid(fmt::format("expected true or false, found {}", in_quotes(word)));
    }
    return word == "true";
}

base::Result<std::uint64_t> read_unsigned(const Value& value, std::uint64_t max) {
    std::optional<std::uint64_t> number;
    std::string found(value.kind());
    if (const auto* const integer = std::get_if<std::int64_t>(&value.data)) {
        found = fmt::format("{}", *integer);
        if (*integer >= 0) {
            number = static_cast<std::uint64_t>(*integer);
        }
    } else if (const std::string* const text = value.text()) {
        // TOML integers end at 2^63 - 1, so larger ones are written as a string.
        found = in_quotes(*text);
        number = parse_number<std::uint64_t>(unquote(trim(*text)));
        if (value.typed && number.has_value() &&
            *number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
            number.reset();
        }
    }
    if (!number.has_value() || *number > max) {
        return invalid(fmt::format("expected an integer from 0 to {}, found {}", max, found));
    }
    return *number;
}

base::Result<types::Amount> read_amount(const Value& value) {
    constexpr std::string_view kExpected = "expected an integer, or its digits in double quotes";
    if (const auto* const integer = std::get_if<std::int64_t>(&value.data)) {
        if (*integer < 0) {
            return invalid(fmt::format("{}, found {}", kExpected, *integer));
        }
        return static_cast<types::Amount>(*integer);
    }
    const std::string* const text = value.text();
    if (text == nullptr) {
        return invalid(fmt::format("{}, found {}", kExpected, value.kind()));
    }
    const auto digits = unquote(trim(*text));
    const auto amount = types::parse_amount(digits);
    if (!amount.has_value()) {
        return invalid(fmt::format("{}, found {}", kExpected, in_quotes(digits)));
    }
    return *amount;
}

std::string show_amount(types::Amount value) {
    const auto digits = fmt::format("{}", value);
    return value > static_cast<types::Amount>(std::numeric_limits<std::int64_t>::max())
               ? in_quotes(digits)
               : digits;
}

base::Result<double> read_decimal(const Value& value) {
    if (const auto* const number = std::get_if<double>(&value.data)) {
        return *number;
    }
    if (const auto* const integer = std::get_if<std::int64_t>(&value.data)) {
        return static_cast<double>(*integer);
    }
    const std::string* const text = value.text();
    const auto number =
        text == nullptr || value.typed ? std::nullopt : parse_number<double>(trim(*text));
    if (!number.has_value()) {
        return mismatch("a number", value);
    }
    return *number;
}

base::Result<std::string> read_text(const Value& value, std::string_view expected) {
    const std::string* const text = value.text();
    if (text == nullptr) {
        return mismatch(expected, value);
    }
    return value.typed ? *text : std::string(unquote(trim(*text)));
}

base::Result<std::vector<std::string>> read_list(const Value& value) {
    if (!value.typed && value.text() != nullptr) {
        const auto text = trim(*value.text());
        const bool bracketed = text.starts_with('[') && text.ends_with(']');
        const auto list = bracketed ? std::string(text) : fmt::format("[{}]", text);
        return read_list(untyped_value(list, value.origin));
    }
    const Array* const items = value.array();
    if (items == nullptr) {
        return mismatch("a list of strings", value);
    }
    std::vector<std::string> out;
    for (const Value& item : *items) {
        // Each flag of a repeated list may itself hold several items.
        if (!item.typed && item.text() != nullptr && item.text()->find(',') != std::string::npos &&
            item.origin.layer == Layer::CommandLine) {
            WAVS_TRY(auto inner, read_list(Value{*item.text(), item.origin, false}));
            out.insert(out.end(), inner.begin(), inner.end());
            continue;
        }
        WAVS_TRY(auto text, read_text(item, "a list of strings"));
        out.push_back(std::move(text));
    }
    return out;
}

base::Result<std::chrono::milliseconds> read_duration(const Value& value) {
    std::optional<std::chrono::milliseconds> out;
    if (const auto* const seconds = std::get_if<std::int64_t>(&value.data)) {
        out = parse_duration(fmt::format("{}", *seconds));
    } else if (const std::string* const text = value.text()) {
        out = parse_duration(unquote(trim(*text)));
    }
    if (!out.has_value()) {
        return invalid("expected seconds, or text such as \"500ms\", \"2s\", \"10m\", \"7d\"");
    }
    return *out;
}

std::string show_duration(std::chrono::milliseconds value) {
    const std::int64_t millis = value.count();
    if (millis == 0) {
        return "\"0s\"";
    }
    for (const Unit& unit : kUnits) {
        if (millis % unit.millis == 0) {
            return fmt::format("\"{}{}\"", millis / unit.millis, unit.suffix);
        }
    }
    return fmt::format("\"{}ms\"", millis);
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
            out.push_back(c);
        }
    }
    return out + "\"";
}

std::string show_list(const std::vector<std::string>& items) {
    std::string out;
    for (const std::string& item : items) {
        out += (out.empty() ? "" : ", ") + in_quotes(item);
    }
    return "[" + out + "]";
}

}  // namespace wavs::config
