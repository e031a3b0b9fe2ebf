// SPDX-License-Identifier: Apache-2.0
#include "value.hpp"

#include <algorithm>
#include <array>

namespace wavs::config {
namespace {

/// Deeper brackets stay text: no key has that shape, and input must not drive recursion.
constexpr int kMaxDepth = 8;

/// Cuts at `separator` outside quotes and brackets.
std::vector<std::string_view> split_outside(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    std::size_t start = 0;
    int depth = 0;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quote != 0) {
            quote = c == quote ? '\0' : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[' || c == '{') {
            ++depth;
        } else if (c == ']' || c == '}') {
            --depth;
        } else if (c == separator && depth == 0) {
            parts.push_back(trim(text.substr(start, i - start)));
            start = i + 1;
        }
    }
    parts.push_back(trim(text.substr(start)));
    if (parts.back().empty()) {
        parts.pop_back();
    }
    return parts;
}

std::string_view unquote(std::string_view text) {
    const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                        text.front() == text.back();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

bool bracketed(std::string_view text, char open, char close) {
    return text.size() >= 2 && text.front() == open && text.back() == close;
}

Value parse_untyped(std::string_view text, const Origin& origin, int depth) {
    Value out{.data = {}, .origin = origin, .typed = false};
    const std::string_view trimmed = trim(text);
    if (depth < kMaxDepth && bracketed(trimmed, '[', ']')) {
        Array items;
        for (const auto part : split_outside(trimmed.substr(1, trimmed.size() - 2), ',')) {
            items.push_back(parse_untyped(part, origin, depth + 1));
        }
        out.data = std::move(items);
    } else if (depth < kMaxDepth && bracketed(trimmed, '{', '}')) {
        Table entries;
        for (const auto part : split_outside(trimmed.substr(1, trimmed.size() - 2), ',')) {
            const auto equals = std::min(part.find('='), part.size());
            const auto name = unquote(trim(part.substr(0, equals)));
            const auto value = equals < part.size() ? part.substr(equals + 1) : std::string_view{};
            entries.insert_or_assign(std::string(name), parse_untyped(value, origin, depth + 1));
        }
        out.data = std::move(entries);
    } else {
        out.data = std::string(unquote(trimmed));
    }
    return out;
}

}  // namespace

std::string_view Value::kind() const {
    static constexpr std::array<std::string_view, 7> kKinds = {
        "a date or time", "a boolean", "an integer", "a decimal number",
        "a string",       "an array",  "a table"};
    return kKinds.at(data.index());
}

Value untyped_value(std::string_view text, const Origin& origin) {
    return parse_untyped(text, origin, 0);
}

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlank = " \t\r\n";
    const auto first = text.find_first_not_of(kBlank);
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

void merge(Table& into, Table from) {
    for (auto& [key, value] : from) {
        const auto there = into.find(key);
        Table* const below = there == into.end() ? nullptr : there->second.table();
        Table* const above = value.table();
        if (below != nullptr && above != nullptr) {
            there->second.origin = value.origin;
            merge(*below, std::move(*above));
        } else {
            into.insert_or_assign(key, std::move(value));
        }
    }
}

void wipe(Table& table) {
    struct Wiper {
        void operator()(Value& value) const { std::visit(*this, value.data); }
        void operator()(std::string& text) const { wipe(text); }
        void operator()(Array& items) const { std::for_each(items.begin(), items.end(), *this); }
        void operator()(Table& entries) const {
            for (auto& [key, value] : entries) {
                (*this)(value);
            }
        }
        void operator()(std::monostate) const {}
        void operator()(bool) const {}
        void operator()(std::int64_t) const {}
        void operator()(double) const {}
    };
    Wiper{}(table);
    table.clear();
}

}  // namespace wavs::config
